"""Every page in every state: at three widths, light and dark, before and after signing in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

from tests.helpers.browser import Visit, visit
from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.trust import create_token
from tests.helpers.waiting import eventually
from tests.server.conftest import PASSWORD, USER
from tests.server.web.test_hostile import FIELDS, RST, VECTORS

pytestmark = pytest.mark.wide  # a browser, six looks and two examinations for each page

WIDTHS = (390, 1280, 1920)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
EXAMINED = {(390, "dark"), (1280, "light")}
"""Pairs of width and color scheme in which a view is examined for barriers; no width or scheme is in two of them."""

FROM_RIGHT_TO_LEFT = """# مشروع 🎉

هذه فقرة عربية طويلة مع 👩‍👩‍👧 و **نص عريض**، ورابط إلى [مكان](https://acme.example/).

- بند أول
- בעברית 🦄

```python
print("from the left to the right")
```

| عمود | آخر |
|------|-----|
| أحمر | أزرق |
"""


@dataclass(frozen=True)
class View:
    index: str
    path: str
    status: int = 200
    signed_in: bool = False
    refused: tuple[str, Mapping[str, str], str] | None = None
    """A form that is filled in, by labels, and the button that sends it: the view is the answer."""


VIEWS = {
    "home": View("shown", ""),
    "home, last page": View("shown", "?page=2"),
    "search": View("shown", "?q=shwn-off"),
    "search, nothing found": View("shown", "?q=zzzz"),
    "project": View("shown", "projects/shown-off/"),
    "project with a long name": View("shown", f"projects/{'n' * 199}9/"),
    "500 releases": View("shown", "projects/aged/?versions=all"),
    "release": View("shown", "projects/shown-off/0.9/"),
    "pre-release": View("shown", "projects/shown-off/1.1rc1/?file=shown_off-1.1rc1.tar.gz"),
    "404": View("shown", "projects/missing/", 404),
    "empty home": View("empty", ""),
    "empty home, search": View("empty", "?q=acme"),
    "home with one project": View("one", ""),
    "README from right to left": View("one", "projects/from-the-right/"),
    "hostile Markdown": View("hostile", "projects/hostile-0/"),
    "hostile reStructuredText": View("hostile", "projects/hostile-1/1.0/"),
    "hostile text": View("hostile", "projects/hostile-2/"),
    "hostile home": View("hostile", ""),
    "503": View("failing", "projects/other/", 503),
    "401": View("people", "projects/acme-widgets/", 401),
    "sign-in": View("people", "-/account/sign-in"),
    "wrong password": View(
        "people", "-/account/sign-in", refused=("Sign in", {"User name": USER, "Password": "not it"}, "")
    ),
    "403": View("people", "projects/secret/", 403, signed_in=True),
    "account": View("people", "-/account/", signed_in=True),
    "account, everything open": View("people", "-/account/#open", signed_in=True),
    "new token": View(
        "people",
        "-/account/",
        signed_in=True,
        refused=("Create token", {"Name": "laptop"}, "Create a token"),
    ),
    "refused token": View(
        "people",
        "-/account/",
        signed_in=True,
        refused=("Create token", {"Name": "two words"}, "Create a token"),
    ),
    "manage": View("people", "-/account/projects/acme-widgets/1.0/", signed_in=True),
    "manage, yanked": View("people", "-/account/projects/acme-widgets/0.9/", signed_in=True),
    "refused deletion": View(
        "people",
        "-/account/projects/acme-widgets/1.0/",
        signed_in=True,
        refused=("Delete 1.0", {"Type acme-widgets to delete 1.0": "another"}, ""),
    ),
    "yanked release": View("people", "projects/acme-widgets/0.9/", signed_in=True),
}


@pytest.fixture(scope="module")
def indexes(shown: RunningIndex, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RunningIndex]]:
    """Serve an index in each state."""
    folder = tmp_path_factory.mktemp("views")
    made = {"shown": shown}
    try:
        for name in ("empty", "one", "hostile", "failing"):
            made[name] = RunningIndex.start(folder / name, "--authenticate", "update")
            made[name].root.mkdir(exist_ok=True)
        data = metadata("from_the_right", "1.0", "Summary: ملخص\n", description=FROM_RIGHT_TO_LEFT)
        make_wheel(made["one"].root, "from_the_right", metadata_bytes=data.replace(b"Summary: For tests\n", b""))
        _fill_hostile(made["hostile"].root)
        made["people"] = _people(folder / "people")
        made["failing"].root.rename(folder / "elsewhere")
        client = Client(made["failing"].url, None)
        assert eventually(lambda: client.get("projects/other/").status_code == 503)
        yield made
    finally:
        for name, index in made.items():
            if name != "shown":
                index.kill()


def _fill_hostile(root: Path) -> None:
    readmes = {"text/markdown": "\n\n".join(VECTORS), "text/x-rst": RST, "text/plain": "\n".join(VECTORS)}
    for number, (kind, readme) in enumerate(readmes.items()):
        name = f"hostile_{number}"
        header = metadata(name, "1.0", f"Description-Content-Type: {kind}\n", description=readme)
        make_wheel(root, name, metadata_bytes=header.replace(b"Summary: For tests\n", FIELDS.encode()))


def _people(folder: Path) -> RunningIndex:
    """Serve an index with an account that has projects, tokens and publishers, and a project that it may not read."""
    folder.mkdir()
    (folder / "access.toml").write_text(f'[users.{USER}]\n"acme*" = "maintainer"\n')
    index = RunningIndex.start(folder, "--public-url", "https://pypi.acme.example/")
    index.add_user(USER, PASSWORD)
    ada = Client(index.url, (USER, PASSWORD))
    for version in ("0.9", "1.0"):
        assert ada.upload(make_wheel(folder, "acme_widgets", version)).status_code == 200
    assert ada.upload(make_sdist(folder, "acme_widgets", "1.0")).status_code == 200
    reason = {"reason": "it deletes files, see the issue; use 1.0, which does not"}
    assert ada.request("PUT", "projects/acme-widgets/0.9/yanked", json=reason).status_code == 200
    make_wheel(index.root, "secret")
    create_token(ada, "ci", ["publish"], ["acme-widgets"])
    create_token(ada, "a-name-that-is-as-long-as-names-of-tokens-may-be-and-no-longer", ["read"], ["acme-*"], days=3)
    described = {"kind": "github", "projects": ["acme-widgets"]}
    settings = {"repository": "acme/widgets", "workflow": "publish.yml"}
    assert ada.request("POST", "-/trust", json={**described, "settings": settings}).status_code == 201
    return index


@pytest.fixture(scope="module")
def signed_in(browser: Browser, indexes: dict[str, RunningIndex]) -> Any:
    """Return the cookies of a browser in which ada is signed in."""
    with visit(browser) as guest:
        page = guest.page
        page.goto(f"{indexes['people'].url}-/account/sign-in")
        page.get_by_label("User name").fill(USER)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(indexes["people"].url)
        return guest.context.storage_state()


def _send(page: Page, button: str, fields: Mapping[str, str], summary: str) -> None:
    if summary:
        details = page.locator("details", has=page.get_by_text(summary, exact=True))
        if details.get_attribute("open") is None:
            page.get_by_text(summary, exact=True).click()
    for label, text in fields.items():
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name=button).click()
    page.wait_for_load_state()


def show(guest: Visit, view: View, index: RunningIndex) -> None:
    """Bring a view into the window."""
    assert guest.open(index.url + view.path) == view.status
    if view.refused is not None:
        _send(guest.page, *view.refused)
    if view.path.endswith("#open"):
        guest.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_fits_is_accessible_and_loads_nothing_from_elsewhere(
    browser: Browser, indexes: dict[str, RunningIndex], signed_in: Any, name: str
) -> None:
    view = VIEWS[name]
    index = indexes[view.index]
    with visit(browser, storage_state=signed_in if view.signed_in else None) as guest:
        show(guest, view, index)
        for width in WIDTHS:
            for scheme in SCHEMES:
                guest.look(width, scheme)
                assert not guest.scrolls_sideways(), (width, scheme)
                if (width, scheme) in EXAMINED:
                    assert guest.barriers() == [], (width, scheme)
        assert [each for each in guest.complaints if "the server responded with a status of" not in each] == []
        assert all(url.startswith(index.url) for url in guest.requested)
        assert guest.page.get_by_role("heading", level=1).count() == 1
        assert "run" not in guest.page.title()
