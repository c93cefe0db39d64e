"""The lines of an htpasswd file, the kinds of their hashes, and the names and passwords of new accounts."""

import base64

import pytest

from publisher.server.auth import hashes
from publisher.server.auth.account_table import SERVICE, Entry, parse, with_entry
from publisher.server.auth.basic import parse_basic, parse_bearer, spellings
from publisher.server.auth.errors import CredentialsRefusedError, InvalidAccountError
from publisher.server.auth.hashes import STAND_IN, Scheme, scheme_of, verify
from publisher.server.auth.rules import check_name, check_password

SALTED = "a" * 53
BCRYPT = f"$2y$05${SALTED}"
SHA = "{SHA}" + "A" * 27 + "="


@pytest.mark.parametrize(
    ("entry", "scheme"),
    [
        (BCRYPT, Scheme.BCRYPT),
        (f"$2a$04${SALTED}", Scheme.BCRYPT),
        (f"$2b$16${SALTED}", Scheme.BCRYPT),
        (f"$2b$17${SALTED}", Scheme.LOCKED),
        (f"$2b$03${SALTED}", Scheme.LOCKED),
        (f"$2b$32${SALTED}", Scheme.LOCKED),
        (f"$2c$05${SALTED}", Scheme.LOCKED),
        (f"{BCRYPT}a", Scheme.LOCKED),
        (BCRYPT[:-1], Scheme.LOCKED),
        ("$apr1$" + "$" + "a" * 22, Scheme.APR1),
        ("$apr1$" + "s" * 8 + "$" + "a" * 22, Scheme.APR1),
        ("$apr1$" + "s" * 9 + "$" + "a" * 22, Scheme.LOCKED),
        ("$5$salt$" + "a" * 43, Scheme.SHA256),
        ("$5$rounds=1000000$salt$" + "a" * 43, Scheme.SHA256),
        ("$5$rounds=1000001$salt$" + "a" * 43, Scheme.LOCKED),
        ("$5$rounds=999$salt$" + "a" * 43, Scheme.LOCKED),
        ("$6$salt$" + "a" * 86, Scheme.SHA512),
        ("$6$rounds=5000$salt$" + "a" * 86, Scheme.SHA512),
        ("$6$salt$" + "a" * 85, Scheme.LOCKED),
        (SHA, Scheme.SHA1),
        ("{SSHA}" + "A" * 27 + "=", Scheme.LOCKED),
        ("a" * 13, Scheme.DES),
        ("a" * 12, Scheme.LOCKED),
        ("a" * 14, Scheme.LOCKED),
        ("", Scheme.LOCKED),
        ("!", Scheme.LOCKED),
        (SERVICE, Scheme.LOCKED),
    ],
)
def test_the_kind_of_an_entry(entry: str, scheme: Scheme) -> None:
    assert scheme_of(entry) is scheme


@pytest.mark.parametrize(
    ("entry", "scheme"),
    [
        ("open sesame", Scheme.PLAINTEXT),
        ("", Scheme.LOCKED),
        ("$unknown", Scheme.LOCKED),
        ("{SSHA}x", Scheme.LOCKED),
        ("!open", Scheme.LOCKED),
        (SERVICE, Scheme.LOCKED),
        (BCRYPT, Scheme.BCRYPT),
        ("a" * 13, Scheme.DES),
        (f"$2b$17${SALTED}", Scheme.LOCKED),
    ],
)
def test_clear_text_is_what_looks_like_no_hash_where_it_is_allowed(entry: str, scheme: Scheme) -> None:
    assert scheme_of(entry, allow_plaintext=True) is scheme


@pytest.mark.parametrize(
    ("password", "right"),
    [("open sesame", True), ("open", False), ("", False), ("open sesame\0", False), ("OPEN SESAME", False)],
)
def test_a_password_in_clear_text(password: str, *, right: bool) -> None:
    assert verify("open sesame", Scheme.PLAINTEXT, password) == right


def test_the_longest_password_of_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "COST", 4)
    entry = hashes.make("x" * 72)
    assert entry.startswith("$2b$04$")
    assert verify(entry, Scheme.BCRYPT, "x" * 72)
    assert not verify(entry, Scheme.BCRYPT, "x" * 73), "bcrypt alone would take it"
    assert not verify(entry, Scheme.BCRYPT, "x" * 71)
    assert verify("y" * 1024, Scheme.PLAINTEXT, "y" * 1024)
    assert not verify("y" * 1025, Scheme.PLAINTEXT, "y" * 1025)


# lines


def test_lines_of_every_age() -> None:
    text = f"\ufeff# comment\n\nada:{BCRYPT}\r\nbob: {SHA} \neve:{BCRYPT}:Eve:extra\n  \nada:{SHA}\n".encode()
    table = parse(text)
    assert {name: entry.scheme for name, entry in table.entries.items()} == {
        "ada": Scheme.BCRYPT,
        "bob": Scheme.SHA1,
        "eve": Scheme.BCRYPT,
    }
    assert (table.bad_lines, table.complete) == ((), True)


def test_lines_that_are_no_accounts_are_numbered() -> None:
    table = parse(f"no colon\nada:{BCRYPT}\n:{BCRYPT}\n".encode())
    assert (list(table.entries), table.bad_lines) == (["ada"], (1, 3))


@pytest.mark.parametrize(
    ("last", "complete"),
    [("", True), (f"ada:{BCRYPT}", True), (f"ada:{BCRYPT[:-5]}", False), ("ada:", False), ("ada", False), ("  ", True)],
)
def test_a_last_line_that_looks_cut_off_makes_the_file_incomplete(last: str, *, complete: bool) -> None:
    assert parse(f"bob:{BCRYPT}\n{last}".encode()).complete == complete
    assert parse(f"bob:{BCRYPT}\n{last}\n".encode()).complete


def test_an_account_is_found_in_both_spellings_and_by_the_exact_one_first() -> None:
    composed, decomposed = "jos\u00e9", "jose\u0301"
    table = parse(f"{decomposed}:{BCRYPT}\n{composed}:{SHA}\n".encode())
    assert (table.name(composed), table.name(decomposed)) == (composed, decomposed)
    alone = parse(f"{decomposed}:{BCRYPT}\n".encode())
    assert alone.name(composed) == decomposed
    assert alone.entry(composed) == Entry(BCRYPT, Scheme.BCRYPT)
    assert alone.name("unknown") == "unknown"
    assert alone.entry("unknown") is None


def test_locked_accounts_have_no_entry_and_service_accounts_are_active() -> None:
    table = parse(f"ada:{BCRYPT}\nbot:{SERVICE}\nold:!{BCRYPT}\na-bot:{SERVICE}\n".encode())
    assert [table.is_active(name) for name in ("ada", "bot", "old", "nobody")] == [True, True, False, False]
    assert [table.entry(name) is not None for name in ("ada", "bot", "old", "nobody")] == [True, False, False, False]
    assert table.services == ["a-bot", "bot"]


def test_a_stand_in_is_the_same_for_a_name_and_never_locked() -> None:
    table = parse("".join(f"u{number}:{SHA if number % 2 else '!'}\n" for number in range(40)).encode())
    assert {table.stand_in(f"x{number}").scheme for number in range(50)} == {Scheme.SHA1}
    assert table.stand_in("x") is table.stand_in("x")
    mixed = parse(f"a:{SHA}\nb:{BCRYPT}\n".encode())
    assert {mixed.stand_in(f"x{number}").scheme for number in range(50)} == {Scheme.SHA1, Scheme.BCRYPT}
    assert parse(b"").stand_in("x") == parse(b"a:!\n").stand_in("x") == Entry(STAND_IN, Scheme.BCRYPT)


@pytest.mark.parametrize(
    ("before", "name", "hashed", "after"),
    [
        ("", "ada", "h", "ada:h\n"),
        ("# c\nbob:x\n", "ada", "h", "# c\nbob:x\nada:h\n"),
        ("ada:x:more\nbob:y\n", "ada", "h", "ada:h\nbob:y\n"),
        ("bob:y\nada:x", "bob", None, "ada:x\n"),
        ("ada:x\nbob:y\nada:z\n", "ada", "h", "ada:h\nbob:y\n"),
        ("ada:x\nbob:y\nada:z\n", "ada", None, "bob:y\n"),
        ("ada:x\n", "ada", None, "# no accounts\n"),
        ("adam:x\n", "ada", "h", "adam:x\nada:h\n"),
        ("\ufeffada:x\r\nbob:y\r\n", "ada", "h", "ada:h\nbob:y\n"),
        ("bob:y\n\n", "ada", None, "bob:y\n"),
    ],
)
def test_one_account_changes_and_the_other_lines_stay(before: str, name: str, hashed: str | None, after: str) -> None:
    assert with_entry(before.encode(), name, hashed) == after.encode()


# headers


def _basic(text: bytes, scheme: bytes = b"Basic") -> bytes:
    return scheme + b" " + base64.b64encode(text)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (_basic(b"ada:x"), ("ada", "x")),
        (_basic(b"ada:x", b"bAsIc"), ("ada", "x")),
        (_basic(b"ada:a:b"), ("ada", "a:b")),
        (_basic(b":"), ("", "")),
        (_basic("josé:ü".encode()), ("josé", "ü")),
        (_basic("josé:ü".encode("latin-1")), ("josé", "ü")),
        (b"Basic  " + base64.b64encode(b"ada:x") + b" ", ("ada", "x")),
    ],
)
def test_basic_credentials(header: bytes, found: tuple[str, str]) -> None:
    assert parse_basic(header) == found


@pytest.mark.parametrize(
    "header",
    [b"", b"Basic", b"Basic ", b"Basic ???", _basic(b"ada"), _basic(b"ada:x", b"Bearer"), b"Basic YWRhOng", b"Basicx"],
)
def test_other_headers_have_no_basic_credentials(header: bytes) -> None:
    with pytest.raises(CredentialsRefusedError, match="no Basic credentials"):
        parse_basic(header)


def test_credentials_have_a_longest_length() -> None:
    assert parse_basic(b"Basic " + base64.b64encode(b"a:" + b"x" * 6142))[0] == "a"
    with pytest.raises(CredentialsRefusedError, match="too long"):
        parse_basic(b"Basic " + base64.b64encode(b"a:" + b"x" * 6143))


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (b"Bearer abc", b"abc"),
        (b"bEARER  abc ", b"abc"),
        (b"Bearer ", None),
        (b"Bearer", None),
        (b"Basic abc", None),
        (b"", None),
    ],
)
def test_bearer_tokens(header: bytes, token: bytes | None) -> None:
    assert parse_bearer(header) == token


def test_a_password_is_tried_in_each_spelling_once_and_first_as_it_was_sent() -> None:
    assert spellings("plain") == ["plain"]
    assert spellings("\u00e9") == ["\u00e9", "e\u0301"]
    assert spellings("e\u0301") == ["e\u0301", "\u00e9"]
    assert spellings("\u00e9e\u0301") == ["\u00e9e\u0301", "\u00e9\u00e9", "e\u0301e\u0301"]


# names and passwords


@pytest.mark.parametrize("name", ["a", "7", "Ada.Love_lace@acme+x-y", "a" * 128, "anonymouse", "auth_tokens"])
def test_names_of_new_accounts(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "1 to 128 characters"),
        ("a" * 129, "1 to 128 characters"),
        ("a:b", "must not contain ':'"),
        ("a b", "ASCII letters"),
        ("-a", "begin with a letter or digit"),
        ("#a", "ASCII letters"),
        ("josé", "ASCII letters"),
        ("a\n", "ASCII letters"),
        ("anonymous", "reserved"),
        ("Anonymous", "reserved"),
        ("AUTH_TOKEN", "reserved"),
    ],
)
def test_names_that_no_new_account_may_have(name: str, says: str) -> None:
    with pytest.raises(InvalidAccountError, match=says):
        check_name(name)


@pytest.mark.parametrize("password", ["x" * 8, "x" * 72, "ü" * 36, "with spaces and :"])
def test_passwords_of_accounts(password: str) -> None:
    check_password(password)


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("x" * 7, "at least 8 characters"),
        ("", "at least 8 characters"),
        ("x" * 73, "at most 72 bytes"),
        ("ü" * 37, "at most 72 bytes"),
        ("longenough\n", "control characters"),
        ("long\0enough", "control characters"),
        ("long\x7fenough", "control characters"),
        ("long\ud800enough", "control characters"),
    ],
)
def test_passwords_that_no_account_may_have(password: str, says: str) -> None:
    with pytest.raises(InvalidAccountError, match=says):
        check_password(password)
