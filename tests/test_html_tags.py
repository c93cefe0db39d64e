import time
from html.parser import HTMLParser

import pytest

from publisher.html_tags import start_tags


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<a href='x'>y</a>", [("a", {"href": "x"})]),
        ('<A HREF="a&amp;b#c" data-yanked>', [("a", {"href": "a&b#c", "data-yanked": None})]),
        ('<a data-requires-python=">=3.8" href=x>', [("a", {"data-requires-python": ">=3.8", "href": "x"})]),
        ("<a  href = 'x y'  class=z/>", [("a", {"href": "x y", "class": "z/"})]),
        ("<br/><br /><img src=x />", [("br", {}), ("br", {}), ("img", {"src": "x"})]),
        ("<!-- <a href=x> --><a href=y>", [("a", {"href": "y"})]),
        ("<!DOCTYPE html><?xml ?></b><p>1 < 2 <3", [("p", {})]),
        ("<script>'<a href=x>'</SCRIPT ><a href=y>", [("script", {}), ("a", {"href": "y"})]),
        ("<a href='1' href='2'>", [("a", {"href": "1"})]),
        ("<a href=", []),
        ("<a href='x", []),
        ("<!-- open <a href=x>", []),
        ("", []),
    ],
    ids=str,
)
def test_start_tags(page: str, expected: list[object]) -> None:
    assert [(tag.name, tag.attributes) for tag in start_tags(page)] == expected


def test_the_title_is_text() -> None:
    assert [tag.text for tag in start_tags("<title>Sign in <b></title><p>x")] == ["Sign in <b>", ""]


@pytest.mark.parametrize(
    "part",
    ["<", "<!--", "<!", "<?", "</", "<a ", "<a", '<a x="', "<a x='", "<a x", "<script>", "<title>", "</script", "=",
     "<a " + " " * 50, "<a =", "<a x =", "--!>", "&#x", "<a href='x'>", "<a / ", "<![CDATA["],
)  # fmt: skip
def test_no_page_takes_a_time_that_grows_with_the_square_of_its_length(part: str) -> None:
    def seconds(size: int) -> float:
        page = part * (size // len(part))
        begun = time.process_time()
        assert sum(1 for _ in start_tags(page)) >= 0
        return time.process_time() - begun

    short = min(seconds(20_000) for _ in range(3))
    assert seconds(400_000) < max(0.2, 100 * short)


def test_a_page_with_too_many_tags_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.html_tags.MOST_STEPS", 10)
    with pytest.raises(ValueError, match="more than 10"):
        list(start_tags("<a>" * 11))
    with pytest.raises(ValueError, match="more than 10"):
        list(start_tags("<a " + "x " * 11 + ">"))


def test_html_parser_reads_usual_pages_alike() -> None:
    page = """<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.1"><title>Links &lt;</title>
    <base href="/x/"></head><body><a href="f-1.0.tar.gz#sha256=ab" data-requires-python="&gt;=3.8">f</a><br/>
    <a rel=internal href='g%20h.whl'>g</a></body></html>"""
    found: list[tuple[str, dict[str, str | None]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    Reader().feed(page)
    assert [(tag.name, tag.attributes) for tag in start_tags(page)] == found


@pytest.mark.parametrize(("steps", "page"), [(3, "<a>" * 3), (3, "<a x y>"), (4, "<a x><b y>"), (2, "< <")])
def test_as_many_tags_and_attributes_as_are_allowed_are_read(
    monkeypatch: pytest.MonkeyPatch, steps: int, page: str
) -> None:
    monkeypatch.setattr("publisher.html_tags.MOST_STEPS", steps)
    list(start_tags(page))
    with pytest.raises(ValueError, match="tags and attributes"):
        list(start_tags(page + "<c>"))


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("<!--><b>--><i>", ["b", "i"]),
        ("<!-- a > <b> --><i>", ["i"]),
        ("<!doctype a><b>", ["b"]),
        ("<?php a ?><b>", ["b"]),
        ("</a x='<b>'><i>", ["i"]),
        ("<<b>", ["b"]),
        ("<", []),
        ("<!", []),
        ("a<b", []),
        ("<b", []),
        ("<b ", []),
        ("<b></b><i>", ["b", "i"]),
        ("<style><b></style><textarea><b></TEXTAREA><i>", ["style", "textarea", "i"]),
        ("<script><b>", ["script"]),
        ("<script></scripty><b>", ["script", "b"]),
    ],
)
def test_only_start_tags_outside_of_texts_and_comments_count(page: str, names: list[str]) -> None:
    assert [tag.name for tag in start_tags(page)] == names


def test_the_text_of_an_element_ends_with_it_or_with_the_page() -> None:
    assert [tag.text for tag in start_tags("<title>a</title><title>b")] == ["a", "b"]
    assert [tag.text for tag in start_tags("<p>a</p>")] == [""]
