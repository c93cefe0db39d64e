"""Pages of an index in the test's own process: their order, their bounds, and what is left out."""

import asyncio
import gzip
import os
import random
import re
import threading
from collections.abc import Callable, Coroutine
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from publisher.limits import LIMITS
from publisher.server.app import IndexApp, create_app
from publisher.server.http.messages import HttpError, Request, Response
from publisher.server.routes.web import details
from publisher.server.routes.web.overview import Overviews
from publisher.server.settings import ServerSettings
from publisher.server.web.assets import assets
from publisher.server.web.describing import KEPT
from publisher.server.web.rendering import render_bounded
from tests.helpers.dists import make_sdist, make_wheel, metadata

Ask = Callable[[str], Coroutine[Any, Any, Response]]


def shown(root: Path, use: Callable[[Ask, IndexApp], Coroutine[Any, Any, None]]) -> None:
    """Run an index over a folder, and ask it for pages as a browser does that unzips nothing."""

    async def run() -> None:
        app = create_app(ServerSettings((root,), authenticate=frozenset()), "none")
        await app.start()

        async def receive() -> Any:
            raise AssertionError

        async def ask(path: str) -> Response:
            place, _, query = path.partition("?")
            scope = {"type": "http", "method": "GET", "path": f"/{place}", "query_string": query.encode()}
            headers = [(b"host", b"pypi.acme.example")]
            request = Request({**scope, "headers": headers, "scheme": "https"}, receive)
            route, rest = app.table.find("GET", place)
            await app._authorization.require(request, route.right, rest)
            answer = await route.handler(request, rest)
            assert isinstance(answer, Response)
            return answer

        try:
            while b"still being read" in (await ask("")).body:
                pass
            await use(ask, app)
        finally:
            await app.stop()

    asyncio.run(run())


def text(answer: Response) -> str:
    """Return a page as it is read, in one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.body.decode())))


def links(answer: Response, section: str = "") -> list[str]:
    """Return the projects that a page, or what follows a heading, links to, in their order."""
    part = answer.body.decode().partition(section)[2] if section else answer.body.decode()
    return re.findall(r'<li><a href="/projects/([^"/]+)/">', part)


def wheel(root: Path, name: str, version: str = "1.0", extra: str = "", **options: Any) -> Path:
    return make_wheel(root, name, version, metadata_bytes=metadata(name, version, extra, **options))


@pytest.mark.parametrize(("count", "is_shown"), [(10, False), (11, True)])
def test_recent_releases_come_first_where_the_list_is_long(tmp_path: Path, *, count: int, is_shown: bool) -> None:
    listed = [f"project-{number:02}" for number in range(count)]
    age = {name: (number * 7) % count for number, name in enumerate(listed)}
    for name in listed:
        moment = 1_790_000_000 - 3600 * age[name]
        os.utime(wheel(tmp_path, name.replace("-", "_")), (moment, moment))

    async def use(ask: Ask, _: IndexApp) -> None:
        page = await ask("")
        assert (b"Recently published" in page.body) == is_shown
        recent = sorted(listed, key=age.__getitem__)[: LIMITS.pages.recent]
        assert links(page) == ([*recent, *listed] if is_shown else listed)
        assert text(page).count(" 1.0 · 2026-09-21 ") == (len(recent) + len(listed) if is_shown else len(listed))
        assert b"Recently published" not in (await ask("?q=project")).body

    shown(tmp_path, use)


@pytest.mark.parametrize(
    ("waiting", "notice"),
    [
        (1, "1 summary is still being read. Until then, search finds this project by name only."),
        (2, "2 summaries are still being read. Until then, search finds these projects by name only."),
    ],
)
def test_a_notice_says_that_summaries_are_not_searched_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waiting: int, notice: str
) -> None:
    wheel(tmp_path, "acme")

    async def use(ask: Ask, _: IndexApp) -> None:
        assert "still being read" not in text(await ask(""))
        monkeypatch.setattr(Overviews, "waiting", lambda *_: waiting)
        assert notice in text(await ask(""))

    shown(tmp_path, use)


def test_lists_are_paged_within_their_bounds(tmp_path: Path) -> None:
    names = [f"project-{number:03}" for number in range(2 * LIMITS.pages.projects + 1)]
    for name in names:
        wheel(tmp_path, name.replace("-", "_"), extra="Keywords: all\n")

    async def use(ask: Ask, _: IndexApp) -> None:
        every = LIMITS.pages.projects
        for query, page, number in [
            ("", 1, 1),
            ("page=2", 2, 2),
            ("page=3", 3, 3),
            ("page=4", 3, 3),
            ("page=999999", 3, 3),
            ("page=0", 1, 1),
            ("page=-1", 1, 1),
            ("page=x", 1, 1),
            ("page=1000000", 1, 1),
        ]:
            for words in ("", "q=all&"):
                answer = await ask(f"?{words}{query}")
                assert f"Page {page} of 3" in text(answer), (words, query)
                begin = 0 if words or page > 1 else LIMITS.pages.recent
                assert links(answer)[begin:] == names[(number - 1) * every : number * every], (words, query)
                before, after = b'rel="prev"' in answer.body, b'rel="next"' in answer.body
                assert (before, after) == (page > 1, page < 3)
                assert b"Recently published" in answer.body or page > 1 or words
        assert "101 projects for" in text(await ask("?q=all"))
        assert b'href="/?q=all&amp;page=2"' in (await ask("?q=all")).body

    shown(tmp_path, use)


def test_a_project_says_who_uses_it_and_how(tmp_path: Path) -> None:
    wheel(tmp_path, "core")
    wheel(tmp_path, "plain", extra="Requires-Dist: core\n")
    wheel(tmp_path, "bounded", extra="Requires-Dist: Core<3,>=2\n")
    wheel(tmp_path, "by_extra", extra='Provides-Extra: gui\nRequires-Dist: core>=1; extra == "gui"\n')
    wheel(tmp_path, "twice", extra='Requires-Dist: core; extra == "gui"\nRequires-Dist: core==2\n')
    wheel(tmp_path, "no_longer", "1.0", extra="Requires-Dist: core\n")
    wheel(tmp_path, "no_longer", "2.0")
    wheel(tmp_path, "not_yet", "1.0")
    wheel(tmp_path, "not_yet", "2.0rc1", extra="Requires-Dist: core\n")

    async def use(ask: Ask, _: IndexApp) -> None:
        page = await ask("projects/core/")
        assert links(page, 'id="used-by"') == ["bounded", "by-extra", "plain", "twice"]
        assert "Used by 4 bounded >=2,<3 by-extra >=1 with gui plain twice ==2 Versions" in text(page)
        assert "No project on this index." in text(await ask("projects/plain/"))
        (tmp_path / "plain-1.0-py3-none-any.whl").unlink()
        wheel(tmp_path, "bounded", "1.1", extra="Requires-Dist: core>=7\n")
        deadline = asyncio.get_running_loop().time() + 20
        while "Used by 3 bounded >=7 by-extra" not in text(await ask("projects/core/")):
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.01)

    shown(tmp_path, use)


FIELDS = {
    "name": ("", "Acme.Widgets"),
    "metadata_version": ("", "Metadata version 2.1"),
    "summary": ("", "For tests"),
    "keywords": ("Keywords: gizmos\n", "Keywords gizmos"),
    "author": ("Author: Ada\n", "Author Ada"),
    "author_email": ("Author-email: ada@acme.example\n", "mailto:ada@acme.example"),
    "maintainer": ("Maintainer: Grace\n", "Maintainer Grace"),
    "maintainer_email": ("Maintainer-email: grace@acme.example\n", "mailto:grace@acme.example"),
    "license": ("License: Ours\n", "License Ours"),
    "license_expression": ("License-Expression: MIT\n", "License MIT"),
    "classifiers": ("Classifier: Topic :: Games\n", "Topic :: Games"),
    "project_urls": ("Project-URL: Source, https://source.example/\n", 'href="https://source.example/"'),
    "home_page": ("Home-page: https://home.example/\n", 'href="https://home.example/"'),
    "download_url": ("Download-URL: https://download.example/\n", 'href="https://download.example/"'),
    "requires_python": ("Requires-Python: >=3.11\n", "Requires Python >=3.11"),
    "requires_dist": ("Requires-Dist: core\n", "Requires core"),
    "provides_extra": ("Provides-Extra: gui\n", "Extras gui"),
}
"""The line of each field, and its place on a page."""


def test_fields_are_kept_for_pages_and_each_is_on_one(tmp_path: Path) -> None:
    assert set(KEPT) == FIELDS.keys()
    for version, left_out in (("1.0", "license_expression"), ("2.0", "license")):
        lines = "".join(line for name, (line, _) in FIELDS.items() if name != left_out)
        make_wheel(tmp_path, "acme_widgets", version, metadata_bytes=metadata("Acme.Widgets", version, lines))

    async def use(ask: Ask, _: IndexApp) -> None:
        answers = [await ask(f"projects/acme-widgets/{version}/") for version in ("1.0", "2.0")]
        pages = " ".join(answer.body.decode() + text(answer) for answer in answers)
        assert [name for name, (_, shown_as) in FIELDS.items() if shown_as not in pages] == []

    shown(tmp_path, use)


def test_the_readme_is_the_first_part_of_a_project_and_the_last_of_a_release(tmp_path: Path) -> None:
    extra = "Description-Content-Type: text/x-rst\nRequires-Dist: core\nKeywords: a\n"
    readme = "Title\n=====\n\nSome *emphasis*.\n\n.. note:: Mind this.\n"
    wheel(tmp_path, "acme", "1.0", extra, description=readme)
    wheel(tmp_path, "plain", "1.0", "Description-Content-Type: text/plain\n", description="# not <b>Markdown</b>")
    wheel(tmp_path, "none", "1.0", "", description="")

    async def use(ask: Ask, _: IndexApp) -> None:
        page = (await ask("projects/acme/")).body.decode()
        assert "<em>emphasis</em>" in page
        assert 'class="admonition note"' in page
        places = [page.index(part) for part in ('id="readme"', 'class="facts"', 'id="requires"', 'id="used-by"')]
        assert places == sorted(places)
        assert page.index("pip install") < places[0]
        release = (await ask("projects/acme/1.0/")).body.decode()
        assert release.index('id="files"') < release.index('id="contents"') < release.index("<em>emphasis</em>")
        plain = (await ask("projects/plain/")).body.decode()
        assert re.search("<pre[^>]*># not &lt;b&gt;Markdown&lt;/b&gt;</pre>", plain)
        assert "This release has no description." in text(await ask("projects/none/"))

    shown(tmp_path, use)


def test_a_release_lists_when_each_file_came_and_how_large_it_is(tmp_path: Path) -> None:
    made = [wheel(tmp_path, "acme"), make_sdist(tmp_path, "acme")]
    for path, moment in zip(made, (1_790_000_000, 1_790_086_400), strict=True):
        os.utime(path, (moment, moment))

    async def use(ask: Ask, _: IndexApp) -> None:
        page = text(await ask("projects/acme/1.0/"))
        for path, moment in zip(made, ("21 Sep 2026, 14:13 UTC", "22 Sep 2026, 14:13 UTC"), strict=True):
            assert f"{path.name} {path.stat().st_size} bytes · {moment}" in page
        assert "Published 21 Sep 2026, 14:13 UTC" in page

    shown(tmp_path, use)


def test_the_first_view_stays_small_whatever_summaries_say(tmp_path: Path) -> None:
    chosen = random.Random(1)
    for number in range(LIMITS.pages.projects + 10):
        name = f"project_{number:03}_{'n' * 40}"
        words = "".join(chosen.choices("abcdefghijklmnopqrstuvwxyz   ", k=2 * LIMITS.pages.summary))
        data = metadata(name, "1.0").replace(b"For tests", words.encode())
        make_wheel(tmp_path, name, metadata_bytes=data)

    async def use(ask: Ask, _: IndexApp) -> None:
        page = (await ask("")).body
        loaded = sum(len(asset.body) for asset in assets().values())
        assert len(gzip.compress(page)) + loaded < 30_000
        assert page.count(b"\xe2\x80\xa6</p>") == LIMITS.pages.projects + LIMITS.pages.recent

    shown(tmp_path, use)


def test_a_file_is_read_and_its_readme_rendered_once_for_all_who_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(tmp_path, "acme")
    rendered: list[str] = []
    threads: list[int] = []

    def render(text: str, content_type: str, checkpoint: Any) -> str | None:
        rendered.append(text)
        threads.append(threading.get_ident())
        return render_bounded(text, content_type, checkpoint)

    monkeypatch.setattr(details, "render_bounded", render)

    async def use(ask: Ask, _: IndexApp) -> None:
        paths = ["projects/acme/", "projects/acme/1.0/"] * 4
        answers = await asyncio.gather(*map(ask, paths))
        assert [answer.status for answer in answers] == [200] * 8
        assert (await ask("projects/acme/?versions=all")).status == 200
        assert len(rendered) == 1
        assert threads != [threading.get_ident()]

    shown(tmp_path, use)
    shown(tmp_path, lambda ask, _: _once(ask))
    assert len(rendered) == 1


async def _once(ask: Ask) -> None:
    assert (await ask("projects/acme/")).status == 200


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("projects/nothing/", "This index has no project nothing."),
        ("projects/acme/2.0/", "This index has no release 2.0 of acme."),
        ("projects/acme/1.0/more/", "This index has no such page."),
        (f"projects/{'x' * (LIMITS.project_name + 1)}/", "This index has no such page."),
        ("projects/a$b/", "This index has no project a$b."),
    ],
)
def test_a_page_that_is_not_there_says_so(tmp_path: Path, path: str, message: str) -> None:
    wheel(tmp_path, "acme")

    async def use(ask: Ask, _: IndexApp) -> None:
        with pytest.raises(HttpError) as refused:
            await ask(path)
        assert (refused.value.status, refused.value.message) == (404, message)

    shown(tmp_path, use)
