"""A public project has the name of a private one: no way to ask for it gets the public one."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from publisher.client.client import IndexClient
from publisher.client.url import parse_index_url
from publisher.secret import Credentials, Secret
from tests.helpers.dists import make_wheel
from tests.helpers.http import JSON, Client
from tests.helpers.index import ADMIN_TOKEN, RunningIndex
from tests.helpers.upstream import FakeUpstream
from tests.helpers.waiting import eventually

USER, PASSWORD = "ada", "correct horse"


class Stranger:
    """An index that has `acme-widgets` 1.0, and a public one whose `acme-widgets` is 99.0."""

    def __init__(self, fake: FakeUpstream, folder: Path) -> None:
        self.fake = fake
        self.folder = folder
        self.file = fake.add(folder, "acme_widgets", "99.0")
        self.own = make_wheel(folder, version="1.0")
        self.started: list[RunningIndex] = []

    def start(self, name: str = "index", *options: str) -> tuple[RunningIndex, Client]:
        folder = self.folder / name
        place = ("--upstream", f"{self.fake.url}simple/", "--upstream-cache", str(folder / "cache"), "-a", "update")
        index = RunningIndex.start(folder, *place, *options)
        self.started.append(index)
        index.add_user(USER, PASSWORD)
        return index, Client(index.url, (USER, PASSWORD))

    def answers(self, client: Client) -> set[int]:
        """Return the answers to every way to ask for the public project, none of which may have it."""
        tail = self.file.path.removeprefix("/packages/")
        found = set()
        for name in ("acme-widgets", "Acme_Widgets", "ACME..WIDGETS"):
            for path in (f"simple/{name}/", f"+simple/{name}/", f"{name}/json", f"projects/{name}/"):
                answer = client.get(path, {"Accept": JSON})
                assert "99.0" not in answer.text
                found.add(answer.status_code)
        for path in (f"-/public/{tail}", f"-/public/{tail}.metadata"):
            found.add(client.get(path).status_code)
        return found


@pytest.fixture
def stranger(fake: FakeUpstream, tmp_path: Path) -> Iterator[Stranger]:
    made = Stranger(fake, tmp_path)
    yield made
    for index in made.started:
        if index.process.poll() is None:
            index.kill()


def test_published_and_then_deleted(stranger: Stranger) -> None:
    index, client = stranger.start()
    assert client.upload(stranger.own).status_code == 200
    assert client.filenames("acme-widgets") == [stranger.own.name]
    assert stranger.answers(client) <= {200, 301, 404}
    assert client.request("DELETE", "projects/acme-widgets/1.0").status_code == 200
    assert stranger.answers(client) <= {301, 404}
    index.stop()
    _, again = stranger.start()
    assert stranger.answers(again) <= {301, 404}
    assert not [path for path in stranger.fake.requests if "acme" in path]


def test_another_process_publishes(stranger: Stranger) -> None:
    _, one = stranger.start()
    _, two = stranger.start()
    assert one.upload(stranger.own).status_code == 200
    assert two.filenames("acme-widgets") == [stranger.own.name]
    assert stranger.answers(two) <= {200, 301, 404}
    assert one.request("DELETE", "projects/acme-widgets/1.0").status_code == 200
    assert eventually(lambda: two.get("simple/acme-widgets/").status_code == 404)
    assert stranger.answers(two) <= {301, 404}


def test_the_storage_is_lost_while_it_runs_and_at_the_start(stranger: Stranger) -> None:
    index, client = stranger.start()
    assert client.upload(stranger.own).status_code == 200
    index.root.rename(index.root.with_name("unmounted"))
    assert eventually(lambda: client.get("simple/other/").status_code == 503)
    assert stranger.answers(client) <= {200, 301, 404, 503}
    index.stop()
    index.root.mkdir()  # an empty mount point
    _, again = stranger.start()
    assert again.get("simple/other/").status_code == 503
    assert stranger.answers(again) <= {301, 404, 503}
    assert not [path for path in stranger.fake.requests if "acme" in path]


@pytest.mark.parametrize("processes", [1, 2])
def test_the_first_upload_races_the_first_list(stranger: Stranger, processes: int) -> None:
    _, client = stranger.start()
    asking = client if processes == 1 else stranger.start()[1]
    begun = threading.Barrier(9)

    def ask() -> list[str]:
        begun.wait()
        pages = [asking.get("simple/acme-widgets/", {"Accept": JSON}) for _ in range(10)]
        return ["public" if "99.0" in page.text else str(page.status_code) for page in pages]

    def publish() -> int:
        begun.wait()
        return client.upload(stranger.own).status_code

    with ThreadPoolExecutor(9) as threads:
        upload = threads.submit(publish)
        for asked in [threads.submit(ask) for _ in range(8)]:
            asked.result()
    if upload.result() == 200:  # else a list was first, and the name needs a claim
        for each in (client, asking):
            assert each.filenames("acme-widgets") == [stranger.own.name]
            assert stranger.answers(each) <= {200, 301, 404}
    else:
        assert upload.result() == 403


def test_a_name_that_was_passed_on_is_given_to_an_admin_alone(stranger: Stranger) -> None:
    index, client = stranger.start()
    assert client.filenames("acme-widgets") == [stranger.file.filename]
    path = f"-/public/{stranger.file.path.removeprefix('/packages/')}"
    assert client.get(path).content == stranger.file.data  # a lock file from before names this
    refused = client.upload(stranger.own)
    assert (refused.status_code, "projects claim acme-widgets" in refused.reason) == (403, True)
    index.stop()
    index, client = stranger.start()
    assert client.upload(stranger.own, to="legacy/").status_code == 403
    admin = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    claimed = Client(index.url, None).request("POST", "-/upstream/claim", json={"name": "acme_widgets"}, headers=admin)
    assert claimed.json()["hides"].endswith("/simple/acme-widgets/")
    assert client.upload(stranger.own).status_code == 200
    assert client.filenames("acme-widgets") == [stranger.own.name]
    assert stranger.answers(client) <= {200, 301, 404}
    assert client.get(path).status_code == 404


def test_an_index_with_accounts_proxies_nothing_for_anonymous_clients(stranger: Stranger) -> None:
    index, client = stranger.start("closed", "--authenticate", "download,list,update")
    anonymous = Client(index.url, None)
    tail = stranger.file.path.removeprefix("/packages/")
    for path in ("simple/acme-widgets/", f"-/public/{tail}", f"-/public/{tail}.metadata"):
        assert anonymous.get(path).status_code == 401
        assert client.get(path).status_code == 200
        assert anonymous.get(path).status_code == 401
    for path in ("projects", "why/acme-widgets"):
        assert client.get(f"-/upstream/{path}").status_code in {401, 403}


def test_reserved_names_are_never_asked_for(stranger: Stranger) -> None:
    _, client = stranger.start("reserving", "--reserve", "acme-*")
    assert stranger.answers(client) <= {301, 404}
    assert stranger.fake.requests == []


def test_who_publishes_sends_no_new_name_upstream(stranger: Stranger) -> None:
    index, client = stranger.start()
    publishing = IndexClient(parse_index_url(index.url), Credentials(USER, Secret(PASSWORD), "a test"))
    assert publishing.files("acme-widgets") == {}
    assert publishing.whoami().public_packages.startswith("Public packages are passed on, so")
    publishing.close()
    assert stranger.fake.requests == []
    assert client.filenames("acme-widgets") == [stranger.file.filename]
    assert client.get("simple/acme-widgets/", {"Prefer": "own-packages"}).status_code == 404


def test_the_name_of_the_client_is_never_passed_on(stranger: Stranger) -> None:
    file = stranger.fake.add(stranger.folder, "pypi_publish")
    _, client = stranger.start()
    assert client.get("simple/pypi-publish/").status_code == 404
    assert client.get(f"-/public/{file.path.removeprefix('/packages/')}").status_code == 404
    assert stranger.fake.requests == []


def test_the_home_page_says_that_one_url_is_enough(stranger: Stranger) -> None:
    _, client = stranger.start("old-enough", "--cooldown", "3d")
    assert "Public packages that are at least 3 days old come from this URL too." in client.get("").text


def _audited(index: RunningIndex) -> list[dict[str, Any]]:
    lines = [
        line
        for path in (index.folder / "audit").rglob("*")
        if path.is_file()
        for line in path.read_bytes().splitlines()
    ]
    return [json.loads(line) for line in lines]


def test_the_trail_has_the_first_use_of_each_project_and_every_change(stranger: Stranger) -> None:
    locked = stranger.fake.add(stranger.folder, "locked")
    index, client = stranger.start("audited", "--authenticate", "download,list,update")
    for _ in range(2):
        assert client.filenames("acme-widgets") == [stranger.file.filename]
        assert client.get(f"-/public/{locked.path.removeprefix('/packages/')}").status_code == 200
    admin = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    allowed = {"name": "locked", "version": "1.0", "until": "2100-01-01", "reason": "CVE-2026-1"}
    for path, values in (("allow", allowed), ("claim", {"name": "acme-widgets"}), ("refresh", {"name": "locked"})):
        done = Client(index.url, None).request("POST", f"-/upstream/{path}", json=values, headers=admin)
        assert done.status_code == 200, done.text
    index.stop()
    found = _audited(index)
    used = sorted((event["project"], event["user"]) for event in found if event["what"] == "public-project-used")
    assert used == [("acme-widgets", USER), ("locked", USER)]
    changes = {event["what"]: event for event in found if event["what"].startswith("upstream-")}
    assert set(changes) == {"upstream-allow", "upstream-claim"}
    assert changes["upstream-allow"]["reason"] == "CVE-2026-1"
    assert changes["upstream-claim"]["hides"].endswith("/simple/acme-widgets/")


def test_an_admin_may_publish_a_name_that_was_passed_on(stranger: Stranger) -> None:
    index, client = stranger.start()
    assert client.filenames("acme-widgets") == [stranger.file.filename]
    assert client.upload(stranger.own).status_code == 403
    index.folder.joinpath("access.toml").write_text(f'[users.{USER}]\n"*" = "admin"\n')
    assert eventually(lambda: client.upload(stranger.own).status_code == 200)
    assert client.filenames("acme-widgets") == [stranger.own.name]
