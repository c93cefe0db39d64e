"""Debian's chromium, driven by playwright: pages as people see them, and the browser's complaints."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str:
    """Return the browser of this machine; skip the test if there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        if os.environ.get("CI") and sys.platform == "linux":
            pytest.fail("no browser: .ci/run installs chromium")
        pytest.skip("no browser on this machine: apt-get install chromium")
    return found


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run a browser without a window."""
    executable = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """One person's browser: its pages, and everything that it complained about."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.page.set_default_timeout(20_000)
        self.complaints: list[str] = []
        self.requested: list[str] = []
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self._note("error", str(error)))
        self.page.on("dialog", self._dismiss)
        self.page.on("request", lambda request: self.requested.append(request.url))

    def open(self, url: str) -> int:
        """Open a page and return its status."""
        response = self.page.goto(url)
        assert response is not None
        return response.status

    def look(self, width: int, scheme: Literal["light", "dark"]) -> None:
        """Give the window another width, and the person another taste."""
        self.page.set_viewport_size({"width": width, "height": 800})
        self.page.emulate_media(color_scheme=scheme)

    def scrolls_sideways(self) -> bool:
        """Return whether the page is wider than the window."""
        self.page.wait_for_load_state()  # a click may have begun to open another page
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))

    def barriers(self) -> list[str]:
        """Return axe's findings about the page's accessibility, in words."""
        self.page.evaluate(_axe())
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
        found: Any = self.page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
        return [
            f"{each['id']}: {node['html'][:200]} ({node['failureSummary']})"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def _dismiss(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@contextmanager
def visit(browser: Browser, **options: Any) -> Iterator[Visit]:
    """Begin with an empty profile; ``options`` are those of playwright's contexts."""
    context = browser.new_context(**options)
    try:
        yield Visit(context)
    finally:
        context.close()


@cache
def _axe() -> str:
    spec = importlib.util.find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("axe.min.js").read_text("utf-8")
