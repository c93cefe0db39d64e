"""Forwarded headers count when a trusted proxy sends them, and never otherwise."""

import logging
from pathlib import Path
from typing import Any

import pytest

from publisher.server.http import forwarding
from publisher.server.http.forwarding import EVERYBODY, Forwarding, is_trustable, place_of
from tests.helpers.dists import make_wheel
from tests.helpers.http import JSON, Client
from tests.server.conftest import PASSWORD, USER, OwnIndex


def applied(*headers: tuple[str, str], trusted: tuple[str, ...] = ("10.0.0.0/8",), peer: str = "10.0.0.1") -> Any:
    scope: dict[str, Any] = {
        "client": (peer, 1),
        "scheme": "http",
        "root_path": "",
        "headers": [(b"host", b"inside"), *((name.lower().encode(), value.encode()) for name, value in headers)],
    }
    Forwarding(trusted).apply(scope)
    assert not [name for name, _ in scope["headers"] if name.startswith(b"x-forwarded")]
    return scope["client"][0], scope["scheme"], dict(scope["headers"])[b"host"].decode(), scope["root_path"]


INSIDE = ("10.0.0.1", "http", "inside", "")
ALL = [
    ("X-Forwarded-For", "192.0.2.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "pypi.example"),
    ("X-Forwarded-Prefix", "/team"),
]


def test_all_four_count_from_a_trusted_proxy() -> None:
    assert applied(*ALL) == ("192.0.2.7", "https", "pypi.example", "/team")


@pytest.mark.parametrize("trusted", [(), ("10.0.0.2",), ("2001:db8::/32",)])
def test_none_counts_from_anybody_else(trusted: tuple[str, ...]) -> None:
    assert applied(*ALL, trusted=trusted) == INSIDE


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("6.6.6.6, 192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7, 10.1.1.1", "192.0.2.7"),
        ("10.3.3.3, 10.1.1.1", "10.3.3.3"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ('"[2001:db8::1]:443"', "2001:db8::1"),
        ("unknown, 192.0.2.7", "192.0.2.7"),
        ("nonsense", "10.0.0.1"),
        ("-192.0.2.7-", "10.0.0.1"),
        ("192.0.2.7" + ", 10.1.1.1" * 40, "192.0.2.7"),
    ],
)
def test_the_client_is_the_last_address_before_the_trusted_proxies(forwarded: str, expected: str) -> None:
    assert applied(("X-Forwarded-For", forwarded))[0] == expected


def test_a_header_of_thousands_of_addresses_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def address_of(text: str) -> str:
        read.append(text)
        return text

    monkeypatch.setattr(forwarding, "_address", address_of)
    for address in ("10.1.1.1", "192.0.2.7"):
        assert applied(("X-Forwarded-For", ", ".join([address] * 6000)))[0] == address
    assert len(read) < 100


def test_a_host_that_only_a_proxy_reaches_takes_the_last_address() -> None:
    assert applied(("X-Forwarded-For", "6.6.6.6, 192.0.2.7"), trusted=(EVERYBODY,), peer="172.16.9.9")[0] == "192.0.2.7"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("X-Forwarded-Host", "pkg.example:80/pypi")], ("pkg.example:80", "/pypi")),
        ([("X-Forwarded-Host", "pkg.example/a"), ("X-Forwarded-Prefix", "/b")], ("pkg.example", "/a/b")),
        ([("X-Forwarded-Prefix", "/outer, /inner/")], ("inside", "/outer/inner")),
        ([("X-Forwarded-Prefix", "/outer"), ("X-Forwarded-Prefix", "inner")], ("inside", "/outer/inner")),
        ([("X-Forwarded-Host", 'a"><script>')], ("inside", "")),
        ([("X-Forwarded-Prefix", "/")], ("inside", "")),
        ([("X-Forwarded-Prefix", "/a b")], ("inside", "")),
        ([("X-Forwarded-Prefix", "/" + "a" * 1000)], ("inside", "")),
        ([("X-Forwarded-Host", "[::1]:8080")], ("[::1]:8080", "")),
    ],
)
def test_hosts_and_prefixes(headers: list[tuple[str, str]], expected: tuple[str, str]) -> None:
    assert applied(*headers)[2:] == expected


@pytest.mark.parametrize("scheme", ["javascript", "HTTPS ", ""])
def test_no_other_scheme_counts(scheme: str) -> None:
    assert applied(("X-Forwarded-Proto", scheme))[1] in {"http", "https"}


def test_an_untrusted_proxy_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    forwarding = Forwarding(())
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            forwarding.apply({"client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-proto", b"https")]})
    messages = [record.message for record in caplog.records]
    assert len(messages) == 1
    assert messages[0].startswith("ignoring headers from 10.0.0.1: x-forwarded-proto;")
    assert messages[0].endswith("--trusted-proxy 10.0.0.1")


@pytest.mark.parametrize(
    ("text", "trustable"),
    [("10.0.0.1", True), ("10.0.0.1/8", True), ("::1", True), ("*", True), ("proxy.example", False), ("", False)],
)
def test_trusted_proxies_are_addresses_or_networks(text: str, *, trustable: bool) -> None:
    assert is_trustable(text) is trustable


def test_an_ipv6_network_is_one_place() -> None:
    assert place_of("2001:db8::1") == place_of("2001:db8::ffff:2") != place_of("2001:db8:0:1::1")
    assert place_of("192.0.2.1") != place_of("192.0.2.2")
    assert place_of("-") == "-"


def test_a_proxy_may_keep_the_prefix(own: OwnIndex) -> None:
    index, _ = own.start("--root-path", "/pypi", "--trusted-proxy", "127.0.0.1")
    make_wheel(index.root, "one")
    at = Client(index.url.removesuffix("pypi/"), (USER, PASSWORD))
    for path in ("simple/one/", "pypi/simple/one/"):
        page = at.get(path, {"Accept": JSON}).json()
        assert page["files"][0]["url"] == "/pypi/packages/one-1.0-py3-none-any.whl", path
    for path in ("pypi/packages/one-1.0-py3-none-any.whl", "packages/one-1.0-py3-none-any.whl", "pypi/one/json"):
        assert at.get(path).status_code == 200, path
    assert at.get("pypi/packages/").status_code == 200


def test_a_proxy_may_keep_the_prefix_that_it_names(client: Client, tmp_path: Path) -> None:
    client.upload(make_wheel(tmp_path, "kept"))
    for path in ("more/simple/kept/", "simple/kept/"):
        page = client.get(path, {"Accept": JSON, "X-Forwarded-Prefix": "/more"}).json()
        assert page["files"][0]["url"] == "/more/packages/kept-1.0-py3-none-any.whl"


def test_an_index_without_trusted_proxies_ignores_forwarded_headers(own: OwnIndex) -> None:
    index, client = own.start()
    make_wheel(index.root, "one")
    for _, (name, value) in enumerate(ALL):
        assert "/team" not in client.get("simple/one/", {name: value}).text
        assert "pypi.example" not in client.get("", {name: value}).text
        assert "pypi.example" not in client.get("one/json", {name: value}).text


def test_an_invalid_address_is_refused_at_the_start(tmp_path: Path) -> None:
    own = OwnIndex(tmp_path)
    with pytest.raises(AssertionError, match="expected an address"):
        own.start("--trusted-proxy", "proxy.example")
