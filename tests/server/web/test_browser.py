"""Every page in a real browser: at every width, light and dark, by keyboard, and without scripts."""

import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.helpers.browser import visit
from tests.helpers.dists import make_wheel, metadata
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.waiting import eventually

PAGES = {
    "home": "",
    "search": "?q=shwn-off",
    "nothing found": "?q=zzzz",
    "last page": "?page=2",
    "project": "projects/shown-off/",
    "long name": f"projects/{'n' * 199}9/",
    "many releases": "projects/aged/?versions=all",
    "release": "projects/shown-off/0.9/",
    "pre-release": "projects/shown-off/1.1rc1/?file=shown_off-1.1rc1.tar.gz",
    "missing": "projects/missing/",
}
LOOKS: list[tuple[int, Literal["light", "dark"]]] = [
    (390, "light"),
    (1280, "dark"),
    (1280, "light"),
    (390, "dark"),
    (1920, "light"),
]


SLOW = ("many releases", "pre-release")


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[pytest.mark.wide] if page in SLOW else []) for page in PAGES]
)
def test_pages_fit_every_window_and_are_accessible(browser: Browser, shown: RunningIndex, page: str) -> None:
    with visit(browser) as guest:
        status = guest.open(shown.url + PAGES[page])
        assert status == (404 if page == "missing" else 200)
        for width, scheme in LOOKS:
            guest.look(width, scheme)
            assert not guest.scrolls_sideways(), (width, scheme)
            if (width, scheme) in {
                (390, "light"),
                (1280, "dark"),
            }:  # contrasts depend on the scheme, the rest on the width
                assert guest.barriers() == [], (width, scheme)
        assert [each for each in guest.complaints if "404" not in each] == []
        assert all(url.startswith(shown.url) for url in guest.requested)


def test_these_checks_find_faults(browser: Browser, shown: RunningIndex) -> None:
    with visit(browser) as guest:
        guest.open(shown.url)
        guest.page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<div style=\"width: 3000px\"><img src=\"https://x.invalid/\"></div>')"
        )
        guest.look(390, "light")
        guest.page.evaluate("document.body.style.width = '3000px'")
        assert guest.scrolls_sideways()
        assert any("image-alt" in each for each in guest.barriers())
        assert any("Content Security Policy" in each for each in guest.complaints)


def test_the_pages_work_without_scripts(browser: Browser, shown: RunningIndex) -> None:
    with visit(browser, java_script_enabled=False) as guest:
        guest.open(shown.url)
        page = guest.page
        page.get_by_role("searchbox").fill("shown")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="shown_off").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("shown_off 1.0")
        page.get_by_text("poetry", exact=True).click()
        expect(page.get_by_text("poetry add --source")).to_be_visible()
        assert page.get_by_role("button", name="Copy").count() == 0
        page.get_by_role("link", name="0.9", exact=True).click()
        expect(page.get_by_text("shown_off/data.bin")).to_be_visible()
        page.get_by_role("link", name="contents").click()
        expect(page.get_by_text("shown_off-0.9/PKG-INFO")).to_be_visible()


def test_the_keyboard_reaches_everything(browser: Browser, shown: RunningIndex) -> None:
    with visit(browser) as guest:
        guest.open(shown.url)
        page = guest.page
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.keyboard.type("shown-off")
        with page.expect_navigation(url=re.compile("q=shown-off")):  # the search while typing changes the URL too
            page.keyboard.press("Enter")
        for _ in range(30):
            page.keyboard.press("Tab")
            focused = page.evaluate("document.activeElement.textContent")
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none" or page.evaluate("document.activeElement.type") == "radio"
            if focused == "shown_off":
                break
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("shown_off 1.0")
        page.locator("#install-pip").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_text("uv add --index")).to_be_visible()


def test_search_answers_while_one_types_and_lines_can_be_copied(browser: Browser, shown: RunningIndex) -> None:
    with visit(browser, permissions=["clipboard-read", "clipboard-write"]) as guest:
        guest.open(shown.url)
        page = guest.page
        page.get_by_role("searchbox").press_sequentially("needed")
        expect(page.get_by_role("heading", level=2, name="1 project")).to_be_visible()
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.get_by_role("link", name="needed_here").click()
        page.get_by_role("button", name=re.compile("Copy: pip install")).click()
        expect(page.get_by_text("Copied", exact=True)).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == f"pip install --index-url {shown.url}simple/ needed-here"
        assert guest.complaints == []


def test_the_first_view_is_small(browser: Browser, shown: RunningIndex) -> None:
    with visit(browser) as guest:
        sizes: list[int] = []
        guest.page.on("response", lambda response: sizes.append(len(response.body())))
        guest.open(shown.url)
        guest.page.wait_for_load_state("networkidle")
        assert len(sizes) == 4  # the page, its style, script and icon
        assert sum(sizes) < 30_000


@pytest.mark.parametrize(
    "count", [pytest.param(1_000, marks=pytest.mark.wide), pytest.param(10_000, marks=pytest.mark.campaign)]
)
def test_many_projects_are_as_usable_as_ten(browser: Browser, tmp_path: Path, count: int) -> None:
    root = tmp_path / "packages"
    root.mkdir()
    for number in range(count):
        extra = f"Keywords: group{number % 50}\nRequires-Dist: project-{number // 10:05}>=1\n"
        make_wheel(root, f"project_{number:05}", metadata_bytes=metadata(f"project_{number:05}", "1.0", extra))
    index = RunningIndex.start(tmp_path, "--authenticate", "update")
    try:
        assert eventually(lambda: "still being read" not in Client(index.url, None).get("").text, patience=300)
        with visit(browser) as guest:
            sizes: list[int] = []
            guest.page.on("response", lambda response: sizes.append(len(response.body())))
            for path in (
                "",
                f"?page={count // 50}",
                "?q=project-00777",
                "?q=projcet-00777",
                "?q=group7",
                "projects/project-00001/",
            ):
                sizes.clear()
                assert guest.open(index.url + path) == 200
                guest.page.wait_for_load_state("networkidle")
                assert sum(sizes) < 30_000, path
                for width in (390, 1280):
                    guest.look(width, "light")
                    assert not guest.scrolls_sideways(), path
            page = guest.page
            page.goto(index.url)
            expect(page.get_by_text(f"Page 1 of {count // 50}")).to_be_visible()
            page.get_by_role("link", name="Next").click()
            expect(page.get_by_text(f"Page 2 of {count // 50}")).to_be_visible()
            page.get_by_role("searchbox").press_sequentially("projcet-00777")
            expect(page.get_by_role("heading", level=2, name="1 project")).to_be_visible()
            page.get_by_role("link", name="project_00777").click()
            expect(page.get_by_role("heading", level=1)).to_contain_text("project_00777 1.0")
            page.goto(f"{index.url}?q=group7")
            expect(page.get_by_role("heading", level=2, name=f"{count // 50} projects")).to_be_visible()
            assert guest.complaints == []
    finally:
        index.kill()
