"""Records of stored tokens: what a request may ask for, and what a file of any age says."""

import json
from types import SimpleNamespace

import pytest

from publisher.server.auth.principal import Grant, Right
from publisher.server.auth.tokens import format as token_format
from publisher.server.auth.tokens import records
from publisher.server.auth.tokens.format import PREFIX, identifier_of, new_token
from publisher.server.auth.tokens.records import (
    InvalidTokenRequestError,
    TokenRecord,
    check_request,
    parse_records,
    read_document,
)

READ, PUBLISH = frozenset({Right.READ}), frozenset({Right.PUBLISH})
RECORD = {
    "id": "0123456789",
    "name": "ci",
    "owner": "ada",
    "sha256": "ab" * 32,
    "grants": [{"rights": ["publish"], "project": "acme-*"}],
    "created": 1.0,
    "by": "grace",
    "expires": 2.5,
}


def _file(*records: object) -> bytes:
    return json.dumps({"v": 1, "tokens": records}).encode()


def test_a_record_is_read_as_it_was_written() -> None:
    (record,) = parse_records(_file(RECORD)).values()
    assert record == TokenRecord("0123456789", "ci", "ada", "ab" * 32, (Grant(PUBLISH, "acme-*"),), 1.0, "grace", 2.5)
    assert record.as_record() == RECORD
    endless = {**RECORD, "expires": None}
    (record,) = parse_records(_file(endless)).values()
    assert record.as_record() == endless


def test_a_list_shows_the_last_use_and_no_hash() -> None:
    (record,) = parse_records(_file(RECORD)).values()
    shown = {name: value for name, value in RECORD.items() if name != "sha256"}
    assert record.shown("2026-11-26") == {**shown, "last-used": "2026-11-26"}
    assert record.shown(None)["last-used"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"grants": [{"rights": ["fly"], "project": "*"}]},
        {"grants": [{"rights": ["read"], "project": "a b"}]},
        {"grants": [{"rights": ["read"]}]},
        {"grants": None},
        {"grants": 3},
        {"expires": "soon"},
        {"created": None},
        {"id": ...},
        {"sha256": ...},
        {"owner": ...},
        {"by": ...},
        {"name": ...},
        {"expires": ...},
    ],
    ids=str,
)
def test_a_record_of_another_form_is_no_token_and_costs_only_itself(change: dict[str, object]) -> None:
    changed = {name: value for name, value in {**RECORD, **change}.items() if value is not ...}
    assert list(parse_records(_file(changed, {**RECORD, "id": "sound"}))) == ["sound"]
    assert list(parse_records(_file("x", 3, None, [], {**RECORD, "id": "sound"}))) == ["sound"]


def test_a_file_that_is_missing_or_empty_has_no_tokens() -> None:
    assert parse_records(None) == parse_records(b"") == {}
    assert read_document(None) == {"v": 1, "tokens": []}
    assert read_document(b'{"tokens": [1], "more": 2}') == {"tokens": [1], "more": 2}


@pytest.mark.parametrize("data", [b"{", b"[]", b"3", b"{}", b'{"tokens": {}}', b'{"tokens": null}', b"[" * 90_000])
def test_a_file_of_another_form_is_a_failure(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_document(data)


def test_a_token_expires_at_its_end_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(records, "time", SimpleNamespace(time=lambda: now, monotonic=lambda: 50.0))
    record = TokenRecord("1", "ci", "ada", "", (), 0.0, "ada", 1010.0)
    assert (record.is_expired, record.ends_at) == (False, 60.0)
    now = 1009.9
    assert not record.is_expired
    now = 1010.0
    assert (record.is_expired, record.ends_at) == (True, 50.0)
    endless = TokenRecord("1", "ci", "ada", "", (), 0.0, "ada")
    assert (endless.is_expired, endless.ends_at) == (False, float("inf"))


@pytest.mark.parametrize(
    ("rights", "projects", "grants"),
    [
        (["read"], [], [Grant(READ, "*")]),
        (["read"], ["Acme_*"], [Grant(READ, "acme-*")]),
        (["publish", "read"], ["a", "b"], [Grant(READ | PUBLISH, "a"), Grant(READ | PUBLISH, "b")]),
        (["manage"], ["*"], [Grant(frozenset({Right.MANAGE}), "*")]),
        (["create", "publish"], ["acme-new"], [Grant(frozenset({Right.CREATE, Right.PUBLISH}), "acme-new")]),
    ],
)
def test_a_request_becomes_one_grant_for_each_project(
    rights: list[str], projects: list[str], grants: list[Grant]
) -> None:
    assert list(check_request("ci", rights, projects)) == grants


@pytest.mark.parametrize(
    ("name", "rights", "projects", "says"),
    [
        ("ci", ["admin"], [], "Unknown rights admin: expected create, manage, publish, read."),
        ("ci", ["read", "fly", "drive"], [], "Unknown rights drive, fly:"),
        ("ci", [], [], "Unknown rights (none):"),
        ("ci", ["maintainer"], [], "Unknown rights maintainer:"),
        ("ci", ["read"], ["a b"], "'a b' is not a project name or pattern such as 'acme-*'."),
        ("ci", ["create"], [], "one name at a time"),
        ("ci", ["create"], ["*"], "one name at a time"),
        ("ci", ["create"], ["acme", "acme-*"], "one name at a time"),
    ],
)
def test_requests_that_are_refused(name: str, rights: list[str], projects: list[str], says: str) -> None:
    with pytest.raises(InvalidTokenRequestError) as raised:
        check_request(name, rights, projects)
    assert says in str(raised.value)


@pytest.mark.parametrize("name", ["a", "7", "ci", "CI.2_x@y+z-", "a" * 64])
def test_names_of_tokens(name: str) -> None:
    check_request(name, ["read"], [])


@pytest.mark.parametrize("name", ["", ".a", "-a", "_a", "a b", "a/b", "a:b", "é", "a\n", "a" * 65])
def test_names_that_no_token_may_have(name: str) -> None:
    with pytest.raises(InvalidTokenRequestError, match="1 to 64 ASCII letters"):
        check_request(name, ["read"], [])


# the text of a token


def test_a_token_has_the_documented_form_and_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_format.secrets, "choice", lambda alphabet: alphabet[10])  # type: ignore[attr-defined]
    identifier, text = new_token()
    assert identifier == "A" * 10
    assert text[:-6] == "pypi-publish_" + "A" * 50
    assert (len(text), len(PREFIX)) == (69, 13)
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for digit in text[-6:]:
        number = number * 62 + digits.index(digit)
    import zlib  # noqa: PLC0415 - the reference says how a scanner computes it

    assert number == zlib.crc32(text[:-6].encode())


@pytest.mark.parametrize("place", [0, 12, 13, 22, 23, 40, 62, 63, 68])
def test_a_change_of_any_character_is_noticed(place: int) -> None:
    text = new_token().text
    for other in "0aZ":
        if other != text[place]:
            assert identifier_of(text[:place] + other + text[place + 1 :]) is None


def test_other_texts_are_no_tokens() -> None:
    new = new_token()
    text = new.text
    assert identifier_of(text) == new.identifier == text[13:23]
    for wrong in (text.upper(), text.lower(), text[1:], f"{text} ", f"{text[:40]}ü{text[41:]}", ""):
        assert identifier_of(wrong) is None
