"""The names of a project's files by their identity, while files come and go."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from publisher.server.names.identity import Identity
from publisher.server.store import catalog, projects
from publisher.server.store.projects import Project, by_identity
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.inside import serving_app


def test_the_spellings_of_an_identity_follow_the_files() -> None:
    project = Project("acme")
    assert project.place("acme-1.0.tar.gz", "/one")
    assert project.spellings("acme-1.0.0.tar.gz") == ["acme-1.0.tar.gz"]
    assert project.place("acme-1.0.0.tar.gz", "/one")
    assert not project.place("acme-1.0.tar.gz", "/other")
    assert project.spellings("acme-1.0.0.tar.gz") == ["acme-1.0.tar.gz", "acme-1.0.0.tar.gz"]
    project.displace("acme-1.0.tar.gz")
    assert project.spellings("acme-1.0.tar.gz") == ["acme-1.0.0.tar.gz"]
    assert project.spellings("acme-2.0.tar.gz") == []
    project.displace("acme-1.0.0.tar.gz")
    assert project.spellings("acme-1.0.0.tar.gz") == []


def test_names_that_were_parsed_in_a_thread_are_brought_up_to_date() -> None:
    project = Project("acme")
    for version in ("1.0", "2.0", "3.0"):
        project.place(f"acme-{version}.tar.gz", "/one")
    parsed = list(project.places)
    found = by_identity(parsed)
    project.displace("acme-1.0.tar.gz")
    project.place("acme-2.0.0.tar.gz", "/one")
    project.take_spellings(parsed, found)
    assert project.spellings("acme-1.0.tar.gz") == []
    assert project.spellings("acme-2.tar.gz") == ["acme-2.0.tar.gz", "acme-2.0.0.tar.gz"]
    assert project.spellings("acme-3.tar.gz") == ["acme-3.0.tar.gz"]


def test_many_names_are_parsed_once_and_not_in_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []

    def parse(filenames: Iterable[str]) -> dict[Identity, list[str]]:
        threads.append(threading.current_thread().name)
        return by_identity(filenames)

    monkeypatch.setattr(projects, "FEW", 2)
    monkeypatch.setattr(projects, "by_identity", parse)
    monkeypatch.setattr(catalog, "by_identity", parse)
    with serving_app(tmp_path) as (url, _app):
        for number in range(3):
            make_wheel(tmp_path / "packages", "large", f"1.{number}")
        client = Client(url, ("ada", "correct horse"))
        wheels = [make_wheel(tmp_path, "large", f"{number}.0") for number in range(2, 8)]
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(client.upload, wheels))
        assert {answer.status_code for answer in answers} == {200}
        assert client.upload(make_wheel(tmp_path, "large", "2.0.0", members={"more": b""})).status_code == 409
        assert client.filenames("large") == sorted(
            [f"large-1.{number}-py3-none-any.whl" for number in range(3)] + [wheel.name for wheel in wheels]
        )
    assert len(threads) == 1
    assert threads[0].startswith("store")
