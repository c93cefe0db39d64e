"""A backup of an index that goes on changing: the commands of the how-to, with real rsync."""

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.pages import read_blocks
from tests.helpers.trust import Admin, access_file, create_token, with_token
from tests.server.conftest import OwnIndex

PAGE = ROOT / "docs" / "how-to" / "back-up-the-index.md"
WITHOUT_FOLDER = "locks"
"""A project with the name of a folder that is left out of the copy."""


class Team:
    """People who use an index, and remember its answers."""

    def __init__(self, client: Client, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self.pages: dict[str, Any] = {}
        """The page of each project that was uploaded."""
        self.deleted: list[str] = []

    def upload(self, project: str) -> None:
        answer = self._client.upload(make_wheel(self._folder, project))
        assert answer.status_code == 200, answer.text
        self.pages[project] = self._client.page(project)

    def delete(self, project: str) -> None:
        assert self._client.request("DELETE", f"projects/{project}/1.0").status_code == 200
        self.deleted.append(project)

    def yank(self, project: str) -> None:
        answer = self._client.request("PUT", f"projects/{project}/1.0/yanked", json={"reason": "broken"})
        assert answer.status_code == 200, answer.text

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Upload and delete without a pause."""
        ended = threading.Event()

        def work() -> None:
            number = 0
            while not ended.is_set():
                self.upload(f"busy{number}")
                self.delete(f"busy{number}")
                number += 1

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _commands(number: int, places: dict[str, Path]) -> list[str]:
    """Return the commands of a block of the page, with folders of this test."""
    found = [command.text for command in read_blocks(PAGE)[number].commands]
    for name, place in places.items():
        found = [re.sub(rf"/{name}(?=[/ ])", str(place), command) for command in found]
    return found


def _script(places: dict[str, Path]) -> list[str]:
    """Return the steps of the page's script; each begins with what the steps share."""
    lines = _commands(0, places)[0].splitlines()
    first = lines.index("set -e") + 1
    shared = lines[2:first]
    return ["\n".join([*shared, line]) for line in lines[first:-1]]


def _run(command: str) -> None:
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed (on Debian: apt install rsync)")
def test_a_backup_of_an_index_at_work_loses_nothing(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start()
    places = {"var/lib/pypi-index": index.folder, "backup": tmp_path / "backup"}
    team = Team(client, tmp_path)
    commands = _script(places)
    assert sum("\ncopy " in command for command in commands) == 3
    stages = range(len(commands))
    for stage in stages:
        for kind in ("gone", "yanked"):
            team.upload(f"{kind}{stage}")
    team.upload(WITHOUT_FOLDER)
    team.delete(WITHOUT_FOLDER)
    (index.root / ".pypi-publish/uploads").mkdir(exist_ok=True)
    (index.root / ".pypi-publish/uploads/half").write_bytes(b"x")
    Admin(index.url).set_role("ada", "admin")
    token = create_token(client, "ci", ["read"])
    with team.at_work():
        for stage, command in enumerate(commands):
            team.upload(f"new{stage}")
            team.delete(f"gone{stage}")
            team.yank(f"yanked{stage}")
            before, deleted = dict(team.pages), list(team.deleted)  # what the last command must find
            _run(command)
    index.stop()
    left_out = {"uploads", "copies", "locks"}
    assert not left_out & {path.name for path in (tmp_path / "backup/packages/.pypi-publish").iterdir()}

    places["var/lib/pypi-index"] = tmp_path / "restored"
    restore, _give_to_the_service = _commands(3, places)
    _run(restore)
    restored, client = own.start("--fallback-url", "http://127.0.0.1:1/", name="restored")
    assert client.get("health").status_code == 200
    assert with_token(restored.url, token).get("simple/").status_code == 200
    assert "token-created" in {event["what"] for event in Admin(restored.url).events()}
    assert access_file(restored).read_text() == access_file(index).read_text()
    for project, page in before.items():
        status = client.get(f"simple/{project}/").status_code
        assert status in {200, 404}, f"{project} is passed on"
        if status == 200 and not project.startswith("yanked"):
            assert client.page(project) == page, f"{project} has lost its upload time"
            assert "by ada" in client.get(f"projects/{project}/").text
    assert client.page("new0") == before["new0"]
    for project in (WITHOUT_FOLDER, "gone0"):
        assert client.get(f"simple/{project}/").status_code == 404
    for project in deleted:
        other = make_wheel(tmp_path, project, members={"other": b"bytes"})
        assert client.upload(other).status_code == 409, f"the tombstone of {project} is lost"
    assert client.page("yanked0")["files"][0]["yanked"] == "broken"
    restored.stop()
