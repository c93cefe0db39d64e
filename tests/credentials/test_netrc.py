"""netrc files as people have them: what is read, what is skipped, and what is reported."""

import netrc
from pathlib import Path

import pytest

from publisher.credentials.netrc import DEFAULT, netrc_entry, parse_netrc
from publisher.errors import ConfigurationError
from publisher.secret import Credentials, Secret

_FILES = {
    "one line": "machine a.example login ada password s3cret\n",
    "several lines": "machine a.example\n  login ada\n  password s3cret\n",
    "the other way round": "machine a.example password s3cret login ada",
    "user for login": "machine a.example user ada password s3cret",
    "quotes": 'machine "a.example" login "ada" password "s3cret"',
    "escapes": r'machine a.example login "a\da" password s3\cret',
    "an account": "machine a.example login ada account b password s3cret",
    "comments": "# top\nmachine a.example # here\nlogin ada\n# between\npassword s3cret # there\n",
    "a macro": "macdef init\ncd /pub\nmachine x login y password z\n\nmachine a.example login ada password s3cret\n",
    "carriage returns": "machine a.example\r\nlogin ada\r\npassword s3cret\r\n",
    "a macro at the end": "machine a.example login ada password s3cret\nmacdef all\nls\n",
    "two entries": "machine a.example login ada password s3cret\nmachine a.example login bob password x\n",
}
_FOREIGN = {
    "a port": "machine a.example port 21 login ada password s3cret protocol https\n",
    "a word before": "version 2\nmachine a.example login ada password s3cret\n",
    "a byte order mark": "\ufeffmachine a.example login ada password s3cret\n",
}


@pytest.mark.parametrize("name", [*_FILES, *_FOREIGN])
def test_credentials_are_found(name: str) -> None:
    found = parse_netrc({**_FILES, **_FOREIGN}[name])
    assert found == {"a.example": Credentials("ada", Secret("s3cret"), "netrc")}


@pytest.mark.parametrize("name", [name for name in _FILES if name not in {"two entries", "a macro at the end"}])
def test_python_reads_the_same(name: str, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(_FILES[name])
    login, _, password = netrc.netrc(tmp_path / "netrc").authenticators("a.example") or ("", "", "")
    assert (login, password) == ("ada", "s3cret")


def test_written_files_are_read_back() -> None:
    credentials = Credentials('a "b" #c', Secret(" \\ p#\t"), "netrc")
    assert parse_netrc(netrc_entry("a.example", credentials)) == {"a.example": credentials}


def test_a_password_may_begin_like_a_comment_and_a_default_has_a_name() -> None:
    found = parse_netrc("machine a.example login ada password #1\ndefault login bob password x\nmachine b.example\n")
    assert found == {
        "a.example": Credentials("ada", Secret("#1"), "netrc"),
        DEFAULT: Credentials("bob", Secret("x"), "netrc"),
        "b.example": None,
    }


@pytest.mark.parametrize("text", ["machine", "a\n\nmachine a.example login", "machine a.example login ada password"])
def test_a_missing_value_is_reported_with_its_line(text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"line {text.count(chr(10)) + 1} has no value"):
        parse_netrc(text)
