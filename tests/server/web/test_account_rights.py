"""Rights that a page and a command show: those that hold now, by roles and by the records of projects."""

from pathlib import Path

import pytest

from tests.helpers.dists import make_wheel
from tests.helpers.index import ADMIN_TOKEN
from tests.helpers.tool import pypi_publish
from tests.helpers.trust import Admin, create_token, write_access
from tests.helpers.waiting import eventually
from tests.server.conftest import PASSWORD, USER, OwnIndex
from tests.server.web.test_sign_in import Person


def test_what_was_given_and_is_lost_is_shown(own: OwnIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index, ada = own.start("--public-url", "https://pypi.acme.example/")
    for name in ("acme_widgets", "other"):
        assert ada.upload(make_wheel(tmp_path, name)).status_code == 200
    create_token(ada, "ci", ["publish", "manage"], ["acme-widgets"])
    create_token(ada, "all", ["read", "publish"], ["acme-*"])
    create_token(ada, "elsewhere", ["publish"], ["elsewhere"])
    described = {
        "kind": "github",
        "projects": ["other"],
        "settings": {"repository": "acme/other", "workflow": "publish.yml"},
        "voucher": USER,
    }
    assert Admin(index.url).request("POST", "-/trust", json=described).status_code == 201
    assert Admin(index.url).request("PUT", "-/owners/other", json={"remove": USER}).status_code == 200
    write_access(index, f'[users.{USER}]\n"docs-*" = "reader"\n')
    assert eventually(lambda: "docs-*" in ada.get("whoami").text)
    grants = {grant["projects"]: grant["rights"] for grant in ada.get("whoami").json()["grants"]}
    assert grants == {"docs-*": ["read"], "acme-widgets": ["manage", "publish", "read"]}
    now = {each["name"]: each["rights-now"] for each in ada.get("-/tokens").json()["tokens"]}
    assert now == {
        "ci": [{"rights": ["manage", "publish"], "projects": "acme-widgets"}],
        "all": [{"rights": ["publish", "read"], "projects": "acme-*"}],
        "elsewhere": [{"rights": [], "projects": "elsewhere"}],
    }
    person = Person(index.url)
    person.sign_in()
    page = person.get("-/account/").text
    assert "manage, publish, read" in page
    assert "you no longer have publish on elsewhere" in page
    monkeypatch.setenv("PYPI_PUBLISH_INDEX_URL", index.url)
    account = {"PYPI_PUBLISH_USERNAME": USER, "PYPI_PUBLISH_PASSWORD": PASSWORD}
    listed = pypi_publish("token", "list", env=account).stdout.splitlines()
    assert [line.partition("  ")[0] for line in listed if "no longer has" in line] == ["ada/elsewhere"]
    (line,) = pypi_publish("trust", "list", env={"PYPI_PUBLISH_ADMIN_TOKEN": ADMIN_TOKEN}).stdout.splitlines()
    assert "vouched for by ada, who lacks 'manage' on other: jobs are refused" in line
