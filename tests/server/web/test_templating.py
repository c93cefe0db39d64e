"""Templates: everything is escaped, missing names are errors, and filters write numbers and times for people."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from publisher.limits import LIMITS
from publisher.server.web import templating
from publisher.server.web.readme import as_text, render_readme
from publisher.server.web.templating import count, moment, render, shortened

FRAME = {
    "root": "",
    "host": "pypi.acme.example",
    "simple_url": "https://pypi.acme.example/simple/",
    "base_url": "https://pypi.acme.example/",
    "username": None,
    "can_sign_in": False,
    "here": "/",
    "style": "s",
    "script": "t",
    "icon": "i",
    "query": "",
}


def test_everything_that_a_template_inserts_is_escaped() -> None:
    values = {**FRAME, "status": 404, "phrase": "<i>", "message": "<script>", "query": '"><b>'}
    page = render("error.html", values)
    assert "&lt;script&gt;" in page
    for text in ("<script>", "<i>", "<b>"):
        assert text not in page


def test_a_name_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="message"):
        render("error.html", {**FRAME, "status": 404, "phrase": "Not found"})


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a copy of the templates, which pages are made from during the test."""
    copy = tmp_path / "templates"
    shutil.copytree(templating.TEMPLATES, copy)
    monkeypatch.setattr(templating, "TEMPLATES", copy)
    templating._environment.cache_clear()
    yield copy
    templating._environment.cache_clear()


def test_an_upgrade_changes_no_template_of_a_running_index(templates: Path) -> None:
    values = {**FRAME, "status": 404, "phrase": "Not found", "message": "Gone."}
    page = render("error.html", values)
    (templates / "error.html").write_text("{{ name_that_the_new_version_passes }}")
    assert render("error.html", values) == page


@pytest.mark.parametrize(
    ("number", "noun", "several", "expected"),
    [
        (0, "file", "", "0 files"),
        (1, "file", "", "1 file"),
        (2, "file", "", "2 files"),
        (2000, "file", "", "2,000 files"),
        (1, "entry", "entries", "1 entry"),
        (1_234_567, "entry", "entries", "1,234,567 entries"),
    ],
)
def test_numbers_have_their_nouns(number: int, noun: str, several: str, expected: str) -> None:
    assert count(number, noun, several) == expected


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-11-02T09:41:05Z", "2 Nov 2026, 09:41 UTC"),
        ("2026-01-12T19:05:00+00:00", "12 Jan 2026, 19:05 UTC"),
        ("long ago", "long ago"),
        ("", ""),
    ],
)
def test_times_are_written_for_people(time: str, expected: str) -> None:
    assert moment(time) == expected


def test_a_summary_is_cut_after_a_word_where_it_is_too_long() -> None:
    most = LIMITS.pages.listed_summary
    assert shortened("x" * most) == "x" * most
    assert shortened("x" * (most + 1)) == "x" * most + "…"
    words = "a b " * most
    assert shortened(words) == words[:most].rpartition(" ")[0].rstrip() + "…"
    assert len(shortened(words)) <= most + 1


def test_a_description_as_text_is_shown_as_it_is() -> None:
    assert as_text('<b> & "x"\n') == '<pre class="text" tabindex="0" dir="auto">&lt;b&gt; &amp; &quot;x&quot;\n</pre>'
    most = LIMITS.pages.readme
    assert as_text("x" * (most + 1)).count("x") == as_text("x" * most).count("x")


@pytest.mark.parametrize("content_type", ["text/plain", "text/html", "application/json", "nonsense/"])
def test_a_description_of_another_type_can_only_be_shown_as_text(content_type: str) -> None:
    assert render_readme("# Title", content_type) is None
