"""The text of an XML-RPC search: the first string of a call of ``search``, within a bound."""

import xmlrpc.client

import pytest

from publisher.server.http.messages import HttpError
from publisher.server.routes.legacy.name_search import read_search

pytestmark = pytest.mark.filterwarnings("ignore::ImportWarning")  # of pypiserver, at names of unknown encodings


def _call(text: str, elements: str = "", method: str = "search") -> bytes:
    return f"<methodCall><methodName>{method}</methodName><string>{text}</string>{elements}</methodCall>".encode()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (xmlrpc.client.dumps(({"name": ["acme"], "summary": ["other"]}, "or"), "search").encode(), "acme"),
        (_call("acme"), "acme"),
        (_call("  acme\n"), "acme"),
        (_call("a &amp; b"), "a & b"),
        (_call("acme", method=" search "), "acme"),
        (_call("first", "<string>second</string>"), "first"),
        (_call("acme", "between<i>x</i>"), "acme"),
        (b"<?xml version='1.0' encoding='iso-8859-1'?>" + _call("x").replace(b"x", b"\xe9"), "é"),
    ],
)
def test_the_first_string_is_searched_for(body: bytes, text: str) -> None:
    assert read_search(body, 100) == text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (_call("acme", method="list_packages"), "search, with a string"),
        (_call("acme", method=""), "search, with a string"),
        (_call(""), "search, with a string"),
        (_call(" "), "search, with a string"),
        (b"<search>acme</search>", "search, with a string"),
        (_call("<i>acme</i>"), "search, with a string"),
        (b"<methodCall>", "not an XML-RPC call"),
        (b"search", "not an XML-RPC call"),
        (b"<!DOCTYPE methodCall>" + _call("acme"), "not an XML-RPC call"),
        (b"<?xml version='1.0' encoding='unheard-of'?>" + _call("acme"), "not an XML-RPC call"),
    ],
)
def test_another_call_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(HttpError, match=words) as refused:
        read_search(body, 100)
    assert refused.value.status == 400


def test_a_call_has_a_bounded_number_of_elements() -> None:
    assert read_search(_call("acme", "<i/>" * 2), 5) == "acme"
    with pytest.raises(HttpError, match="not an XML-RPC call"):
        read_search(_call("acme", "<i/>" * 3), 5)
