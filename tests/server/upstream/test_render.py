"""Public pages as they are answered: what is left out, what leads here, and both forms of the rest."""

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest

from publisher.server.settings import Denial
from publisher.server.upstream.pages.learned import LearnedFacts
from publisher.server.upstream.pages.listing import parse_page
from publisher.server.upstream.pages.render import RenderedPage, render
from publisher.server.upstream.policy.decision import ProjectPolicy, ProjectRules
from tests.helpers.passing_on import DAY

NOW = 1_790_000_000.0
DIGEST = "ab" * 32


def entry(version: str = "1.0", **changes: Any) -> dict[str, Any]:
    name = f"foo-{version}-py3-none-any.whl"
    found = {"filename": name, "url": f"https://files.example/packages/aa/bb/{name}", "hashes": {"sha256": DIGEST}}
    return {**found, **changes}


def shown(
    folder: Path,
    *entries: dict[str, Any],
    as_json: bool = True,
    root_path: str = "",
    rules: dict[str, Any] | None = None,
    learned: LearnedFacts | None = None,
    **page: Any,
) -> RenderedPage:
    """Return a page that upstream has as it is answered."""
    described = {"meta": {"api-version": "1.4"}, "name": "foo", "files": list(entries), **page}
    parsed = parse_page(json.dumps(described).encode(), "https://up.example/simple/foo/", "foo")
    values = {"status": "active", "denials": (), "allowances": (), "cooldown": 0.0, "first_seen": None, **(rules or {})}
    policy = ProjectPolicy(ProjectRules(**values), NOW)
    return render(parsed, policy, root_path, learned or LearnedFacts(folder), as_json=as_json)


def as_html(folder: Path, *entries: dict[str, Any], **options: Any) -> str:
    return shown(folder, *entries, as_json=False, **options).body.decode()


@pytest.fixture
def learned(tmp_path: Path) -> LearnedFacts:
    (tmp_path / "tmp").mkdir()
    return LearnedFacts(tmp_path)


@pytest.mark.parametrize("root_path", ["", "/pypi"])
def test_a_file_is_described_as_upstream_does_and_is_found_here(tmp_path: Path, root_path: str) -> None:
    more: dict[str, Any] = {"size": 7, "yanked": "bad", "requires-python": ">=3.9", "core-metadata": True}
    given = entry(**more)
    found = shown(tmp_path, given, root_path=root_path, versions=["1.0"], more=1)
    page = json.loads(found.body)
    url = f"{root_path}/-/public/aa/bb/foo-1.0-py3-none-any.whl"
    assert page["files"] == [{**given, "url": url}]
    assert (page["name"], page["versions"], page["more"]) == ("foo", ["1.0"], 1)
    assert (found.files, found.until, found.zipped) == (1, math.inf, b"")


def test_claims_about_other_places_are_left_out(tmp_path: Path) -> None:
    meta = {"api-version": "1.4", "tracks": ["https://x.example/"], "_last-serial": 7}
    more: dict[str, Any] = {"meta": meta, "alternate-locations": ["https://x.example/"]}
    page = json.loads(shown(tmp_path, entry(), **more).body)
    assert page["meta"] == {"api-version": "1.4", "_last-serial": 7}
    assert "alternate-locations" not in page


def test_withheld_files_and_their_versions_are_left_out(tmp_path: Path) -> None:
    denied = {"denials": (Denial("foo", "<2"),)}
    versions = ["1.0", "1.0.0", "1.5", "2.0", "odd"]
    found = shown(tmp_path, entry("1.0"), entry("1.5"), entry("2.0"), rules=denied, versions=versions)
    page = json.loads(found.body)
    assert [file["filename"][:7] for file in page["files"]] == ["foo-2.0"]
    assert page["versions"] == ["2.0", "odd"]
    assert (found.files, found.until) == (1, math.inf)
    assert "versions" not in json.loads(shown(tmp_path, entry("1.0"), rules=denied).body)
    assert json.loads(shown(tmp_path, entry("1.0"), rules=denied, versions="1.0").body)["versions"] == "1.0"


def test_a_version_with_another_file_stays(tmp_path: Path) -> None:
    old, young = "2026-01-01T00:00:00Z", "2026-09-21T00:00:00Z"
    sdist = {**entry("1.0", **{"upload-time": young}), "filename": "foo-1.0.tar.gz"}
    wheel = entry("1.0", **{"upload-time": old})
    found = shown(tmp_path, sdist, wheel, rules={"cooldown": 30 * DAY}, versions=["1.0"])
    page = json.loads(found.body)
    assert [file["filename"] for file in page["files"]] == [wheel["filename"]]
    assert page["versions"] == ["1.0"]


def test_a_page_is_right_until_the_first_file_ripens(tmp_path: Path) -> None:
    times = ["2026-09-20T00:00:00Z", "2026-09-18T00:00:00Z", "2026-09-19T00:00:00Z", "2026-01-01T00:00:00Z"]
    entries = [entry(f"{number}.0", **{"upload-time": time}) for number, time in enumerate(times)]
    found = shown(tmp_path, *entries, rules={"cooldown": 5 * DAY})
    assert found.until == 1789689600.0 + 5 * DAY
    assert found.files == 1


KEYS = ("core-metadata", "dist-info-metadata", "data-dist-info-metadata")


def test_metadata_that_upstream_does_not_have_is_not_announced(tmp_path: Path, learned: LearnedFacts) -> None:
    announced: dict[str, Any] = {key: {"sha256": DIGEST} for key in KEYS}
    learned.note_without_metadata("foo", entry("1.0")["filename"])
    learned.note_without_metadata("bar", entry("2.0")["filename"])
    page = json.loads(shown(tmp_path, entry("1.0", **announced), entry("2.0", **announced), learned=learned).body)
    bare, other = page["files"]
    assert set(KEYS).isdisjoint(bare)
    assert set(KEYS) <= set(other)


def test_a_digest_that_was_learned_stands_in_for_a_missing_one(tmp_path: Path, learned: LearnedFacts) -> None:
    for each in (entry("1.0"), entry("2.0")):
        learned.note_digest("foo", each["url"], "cd" * 32)
    page = json.loads(
        shown(tmp_path, entry("1.0", hashes={}), entry("2.0"), entry("3.0", hashes={}), learned=learned).body
    )
    assert [file["hashes"] for file in page["files"]] == [{"sha256": "cd" * 32}, {"sha256": DIGEST}, {}]


def test_equal_pages_have_equal_tags(tmp_path: Path) -> None:
    one, same, other = shown(tmp_path, entry()), shown(tmp_path, entry()), shown(tmp_path, entry("2.0"))
    assert one.tag == same.tag
    assert len({one.tag, other.tag, shown(tmp_path, entry(), as_json=False).tag}) == 3
    assert len(one.tag) == 32


def test_the_body_of_a_zipped_page_is_the_page() -> None:
    assert RenderedPage(b"", 1, math.inf, gzip.compress(b"page")).body == b"page"
    assert RenderedPage(b"page", 1, math.inf, b"damaged").body == b"page"


URL = "/-/public/aa/bb/foo-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("changes", "attributes"),
    [
        ({}, f'href="{URL}#sha256={DIGEST}"'),
        ({"hashes": {}}, f'href="{URL}"'),
        ({"hashes": {"md5": "12", "sha512": "34"}}, f'href="{URL}#sha512=34"'),
        ({"hashes": {"md5": "12", "sha1": "34"}}, f'href="{URL}#sha1=34"'),
        ({"hashes": {"sha384": "12", "sha1": "34"}}, f'href="{URL}#sha384=12"'),
        ({"hashes": {"blake2b": "12"}}, f'href="{URL}"'),
        ({"requires-python": ">=3.9"}, f'href="{URL}#sha256={DIGEST}" data-requires-python="&gt;=3.9"'),
        ({"requires-python": 3}, f'href="{URL}#sha256={DIGEST}"'),
        ({"yanked": True}, f'href="{URL}#sha256={DIGEST}" data-yanked=""'),
        ({"yanked": 'a "bad" one'}, f'href="{URL}#sha256={DIGEST}" data-yanked="a &quot;bad&quot; one"'),
        ({"yanked": False}, f'href="{URL}#sha256={DIGEST}"'),
        ({"yanked": ""}, f'href="{URL}#sha256={DIGEST}"'),
        *(
            (
                {key: {"sha256": "12"}},
                f'href="{URL}#sha256={DIGEST}" data-core-metadata="sha256=12" data-dist-info-metadata="sha256=12"',
            )
            for key in KEYS
        ),
        (
            {"core-metadata": True},
            f'href="{URL}#sha256={DIGEST}" data-core-metadata="true" data-dist-info-metadata="true"',
        ),
        (
            {"core-metadata": {"md5": "1"}, "dist-info-metadata": {"sha256": "2"}},
            f'href="{URL}#sha256={DIGEST}" data-core-metadata="true" data-dist-info-metadata="true"',
        ),
        ({"core-metadata": False}, f'href="{URL}#sha256={DIGEST}"'),
        ({"provenance": "https://x/"}, f'href="{URL}#sha256={DIGEST}" data-provenance="https://x/"'),
        ({"provenance": None}, f'href="{URL}#sha256={DIGEST}"'),
    ],
)
def test_an_anchor_says_what_the_entry_does(tmp_path: Path, changes: dict[str, Any], attributes: str) -> None:
    page = as_html(tmp_path, entry(**changes))
    (anchor,) = [line for line in page.splitlines() if line.startswith("<a ")]
    assert anchor == f"<a {attributes}>foo-1.0-py3-none-any.whl</a><br>"


def test_a_page_for_older_clients_has_the_marks_of_an_index(tmp_path: Path) -> None:
    page = as_html(tmp_path, entry("1.0"), entry("2.0"))
    assert page.startswith("<!DOCTYPE html>\n<html lang=")
    assert '<meta name="pypi:repository-version" content="1.4">' in page
    assert "<title>Links for foo</title>" in page
    assert "pypi:project-status" not in page
    assert page.count("<a ") == 2
    assert page.endswith("</html>\n")
    for status, listed in (("archived", True), ("active", False)):
        more: dict[str, Any] = {"project-status": {"status": status}}
        page = as_html(tmp_path, entry(), **more)
        assert (f'<meta name="pypi:project-status" content="{status}">\n' in page) == listed
