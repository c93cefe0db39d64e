"""Logs and tracebacks show everything of a record that holds a key, but the key."""

from publisher.server.auth.sessions.keys import SessionKey
from publisher.server.auth.tokens.records import TokenRecord
from publisher.server.siblings.files import sibling_files


def test_no_key_is_shown_with_its_record() -> None:
    assert repr(SessionKey("k", b"s3cret", 1.0)) == "SessionKey(id='k', made=1.0)"
    assert "s3cret" not in repr(TokenRecord("t", "ci", "ada", "s3cret", (), 1.0, "ada"))
    with sibling_files() as files:
        assert repr(files.key) not in repr(files)
