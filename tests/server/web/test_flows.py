"""Work in a browser, from the form to the pages that installers see."""

import re
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.helpers.browser import Visit, visit
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.tool import Result, run
from tests.helpers.waiting import eventually
from tests.server.conftest import PASSWORD, USER, OwnIndex


def _sign_in(page: Page, url: str, password: str = PASSWORD) -> None:
    page.goto(url)
    page.get_by_label("User name").fill(USER)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def _pip(index: RunningIndex, requirement: str, target: Path, user: str, password: str) -> Result:
    url = index.url.replace("://", f"://{user}:{password.replace(' ', '%20')}@")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"]
    environment = {"PIP_NO_INDEX": "", "PIP_FIND_LINKS": ""}
    return run([*pip, "--index-url", f"{url}simple/", "--target", str(target), requirement], env=environment)


def _is_fine(guest: Visit) -> None:
    assert not guest.scrolls_sideways()
    assert guest.barriers() == []
    assert [each for each in guest.complaints if "401" not in each] == []


def test_signing_in_with_a_wrong_and_a_right_password(browser: Browser, own: OwnIndex) -> None:
    index, _ = own.start()
    make_wheel(index.root, "hidden_away")
    with visit(browser, viewport={"width": 390, "height": 800}) as guest:
        page = guest.page
        _sign_in(page, f"{index.url}projects/hidden-away/", "not it")
        expect(page.get_by_role("alert")).to_have_text("The user name or the password is wrong.")
        expect(page.get_by_label("Password")).to_be_focused()
        _is_fine(guest)
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("hidden_away 1.0")
        page.get_by_role("link", name="Your account: ada").click()
        for width in (390, 1280):
            guest.look(width, "dark" if width == 390 else "light")
            _is_fine(guest)
        page.get_by_role("button", name="Sign out", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_signing_out_everywhere(browser: Browser, own: OwnIndex) -> None:
    index, _ = own.start()
    with visit(browser) as here, visit(browser) as there:
        for each in (here, there):
            _sign_in(each.page, f"{index.url}-/account/")
            each.page.goto(f"{index.url}-/account/")
        here.page.get_by_role("button", name="Sign out everywhere").click()
        expect(here.page.get_by_role("heading", level=1)).to_have_text("Sign in")
        there.page.reload()
        expect(there.page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_yanking_and_deleting_a_release(browser: Browser, own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start()
    for version in ("1.0", "1.1"):
        client.upload(make_wheel(tmp_path, "regretted", version))
    with visit(browser) as guest:
        page = guest.page
        _sign_in(page, f"{index.url}projects/regretted/1.1/")
        page.get_by_role("link", name="Manage this release").click()
        _is_fine(guest)
        page.get_by_label("Reason").fill("<b>broken</b>")
        page.get_by_role("button", name="Yank 1.1").click()
        expect(page.get_by_role("status")).to_contain_text("yanked")
        expect(page.get_by_text("<b>broken</b>")).to_be_visible()
        assert client.page("regretted")["files"][1]["yanked"] == "<b>broken</b>"
        newest = _pip(index, "regretted", tmp_path / "newest", USER, PASSWORD)
        assert (newest.code, "yanked" in newest.everything) == (0, False)
        assert (tmp_path / "newest/regretted-1.0.dist-info").is_dir()
        pinned = _pip(index, "regretted==1.1", tmp_path / "pinned", USER, PASSWORD)
        assert pinned.code == 0
        assert "Reason for being yanked: <b>broken</b>" in pinned.everything
        page.get_by_role("button", name="Undo the yank").click()
        expect(page.get_by_role("button", name="Yank 1.1")).to_be_visible()
        page.get_by_label("Type regretted to delete 1.1").fill("something else")
        page.get_by_role("button", name="Delete 1.1").click()
        expect(page.get_by_role("alert")).to_contain_text("type the project's name")
        assert len(client.filenames("regretted")) == 2
        page.get_by_label("Type regretted to delete 1.1").fill("regretted")
        page.get_by_role("button", name="Delete 1.1").click()
        expect(page.get_by_role("status")).to_have_text("The release was deleted.")
        assert client.filenames("regretted") == ["regretted-1.0-py3-none-any.whl"]
        expect(page.get_by_role("link", name="Manage regretted")).to_be_visible()


def test_a_token_is_made_used_and_revoked(browser: Browser, own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start()
    client.upload(make_wheel(tmp_path, "with_token"))
    with visit(browser) as guest:
        page = guest.page
        _sign_in(page, f"{index.url}-/account/")
        page.goto(f"{index.url}-/account/")
        page.get_by_label("Name", exact=True).fill("laptop")
        page.get_by_role("button", name="Create token").click()
        shown = page.get_by_text(re.compile("^pypi-publish_"))
        token = shown.inner_text()
        _is_fine(guest)
        assert _pip(index, "with-token", tmp_path / "with", "__token__", token).code == 0
        assert client.upload(make_wheel(tmp_path, "refused")).status_code == 200
        refused = Client(index.url, ("__token__", token)).upload(make_wheel(tmp_path, "with_token", "2.0"))
        assert refused.status_code == 403
        page.goto(f"{index.url}-/account/")
        expect(page.get_by_text(token)).to_have_count(0)
        page.get_by_text("Revoke laptop").click()
        page.get_by_label("Type laptop to revoke it").fill("laptop")
        page.get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("status")).to_have_text("The token was revoked.")
        refused_pip = _pip(index, "with-token", tmp_path / "without", "__token__", token)
        assert refused_pip.code != 0
        assert "401" in refused_pip.everything
        assert not (tmp_path / "without").exists()


def test_a_publisher_is_trusted_and_removed(browser: Browser, own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start("--public-url", "https://pypi.acme.invalid/")
    (index.folder / "access.toml").write_text('[users.ada]\n"*" = "maintainer"\n')
    assert eventually(lambda: client.upload(make_wheel(tmp_path, "from_ci")).status_code == 200)
    with visit(browser) as guest:
        page = guest.page
        _sign_in(page, f"{index.url}-/account/")
        page.goto(f"{index.url}-/account/")
        page.get_by_text("Trust a workflow on GitHub").click()
        page.get_by_label("Project", exact=True).fill("from-ci")
        page.get_by_label("Repository").fill("acme/from-ci")
        page.get_by_role("button", name="Add publisher").click()
        expect(page.get_by_role("status")).to_have_text("The publisher was added.")
        (found,) = client.get("-/trust").json()["publishers"]
        assert (found["projects"], found["settings"]["repository"]) == (["from-ci"], "acme/from-ci")
        page.get_by_text(f"Remove {found['name']}").click()
        _is_fine(guest)
        page.get_by_label(f"Type {found['name']} to remove it").fill(found["name"])
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_role("status")).to_have_text("The publisher was removed.")
        assert client.get("-/trust").json()["publishers"] == []
