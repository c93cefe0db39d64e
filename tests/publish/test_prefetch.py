"""The index, read in the background: what is asked of it, and where its failures come to light."""

import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from publisher.client import client
from publisher.client.models import RemoteFile
from publisher.client.url import IndexUrl
from publisher.credentials.chain import Target
from publisher.errors import ForbiddenError, IndexUnavailableError, NoCredentialsError, PublishError
from publisher.publish import prefetch as prefetch_module
from publisher.publish.prefetch import IndexPrefetch
from publisher.secret import Credentials, Secret
from tests.helpers.scripted import TARGET, URL, ScriptedIndex

FILE = RemoteFile("a-1.0.tar.gz", "https://acme.example/a-1.0.tar.gz", {})


class Read(ScriptedIndex):
    """Notes what is asked of it; fails where that is wanted."""

    def __init__(self, url: IndexUrl, credentials: Credentials | None) -> None:
        super().__init__(files=[FILE], credentials=credentials)
        assert url == URL
        self.names: list[str] | PublishError = ["A", "p_1", "unknown"]

    def projects(self) -> list[str]:
        self.asked.append("all")
        if isinstance(self.names, PublishError):
            raise self.names
        return self.names


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Read]]:
    """Return a function that puts indexes in the place of real ones, and returns those that were opened."""

    def prepare(**values: Any) -> list[Read]:
        found: list[Read] = []

        def make(url: IndexUrl, credentials: Credentials | None) -> Read:
            index = Read(url, credentials)
            for name, value in values.items():
                setattr(index, name, value)
            found.append(index)
            return index

        monkeypatch.setattr(client, "IndexClient", make)
        return found

    return prepare


def test_the_files_of_projects_are_read_once_and_in_the_background(opened: Callable[..., list[Read]]) -> None:
    indexes = opened()
    with closing(IndexPrefetch(TARGET, ["a", "b", "a"])) as prefetch:
        index = prefetch.connect(None)
        assert index is indexes[0]
        assert index.credentials == Credentials("ada", Secret("correct horse"), "options and environment")
        assert sorted(indexes[0].asked) == ["a", "b"]
        assert prefetch.files("a") == prefetch.files("b") == {FILE.filename: FILE}
        assert sorted(indexes[0].asked) == ["a", "b"]
        assert prefetch.files("c") == prefetch.files("c") == {FILE.filename: FILE}
        assert sorted(indexes[0].asked) == ["a", "b", "c"]
        assert indexes[0].closes == 0
    assert indexes[0].closes == 1


@pytest.mark.parametrize("projects", [[], ["a"]])
def test_few_projects_need_few_requests(opened: Callable[..., list[Read]], projects: list[str]) -> None:
    indexes = opened()
    with closing(IndexPrefetch(TARGET, projects)) as prefetch:
        prefetch.connect(None)
    assert indexes[0].asked == projects


@pytest.mark.parametrize("alone", [True, False])
def test_what_an_upload_needs_is_imported_when_one_is_expected(
    opened: Callable[..., list[Read]], monkeypatch: pytest.MonkeyPatch, *, alone: bool
) -> None:
    imported = threading.Event()
    monkeypatch.setattr(prefetch_module, "_import_for_upload", imported.set)
    indexes = opened()
    with closing(IndexPrefetch(TARGET, ["a"], alone=alone)) as prefetch:
        prefetch.connect(None)
        assert prefetch.files("a") == {FILE.filename: FILE}
        assert indexes[0].asked == ["a"]
        assert imported.is_set() is not alone
        prefetch.expect_upload()
        assert imported.wait(20)


def test_close_waits_for_imports(opened: Callable[..., list[Read]], monkeypatch: pytest.MonkeyPatch) -> None:
    closing_it, imported = threading.Event(), threading.Event()

    def work() -> None:
        closing_it.wait(20)
        time.sleep(0.05)
        imported.set()

    monkeypatch.setattr(prefetch_module, "_import_for_upload", work)
    opened()
    with closing(IndexPrefetch(TARGET, ["a"])):
        closing_it.set()
    assert imported.is_set()


def test_close_does_not_wait_for_an_index_that_hangs(
    opened: Callable[..., list[Read]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch_module, "_ENDING", 0.05)
    asked, answered = threading.Event(), threading.Event()

    def hang() -> list[str]:
        asked.set()
        answered.wait(20)
        return []

    indexes = opened(projects=hang)
    with closing(IndexPrefetch(TARGET, [f"p-{number}" for number in range(8)])):
        assert asked.wait(20)
    assert (indexes[0].closes, answered.is_set()) == (1, False)
    answered.set()


@pytest.mark.parametrize(("count", "asks_for_the_list"), [(7, False), (8, True)])
def test_of_many_projects_only_those_are_read_that_the_index_lists(
    opened: Callable[..., list[Read]], count: int, *, asks_for_the_list: bool
) -> None:
    indexes = opened()
    names = ["a", *(f"p-{number}" for number in range(count - 1))]
    with closing(IndexPrefetch(TARGET, names)) as prefetch:
        prefetch.connect(None)
        if asks_for_the_list:
            assert sorted(indexes[0].asked) == ["a", "all", "p-1"]
            assert prefetch.files("p-2") == {}
            assert prefetch.files("p-1") == {FILE.filename: FILE}
        else:
            assert sorted(indexes[0].asked) == sorted(names)


def test_where_the_list_is_not_readable_every_project_is_read(opened: Callable[..., list[Read]]) -> None:
    indexes = opened(names=ForbiddenError("no right"))
    names = [f"p-{number}" for number in range(8)]
    with closing(IndexPrefetch(TARGET, names)) as prefetch:
        prefetch.connect(None)
    assert sorted(indexes[0].asked) == ["all", *names]


def test_a_failure_comes_to_light_where_the_index_is_needed(opened: Callable[..., list[Read]]) -> None:
    opened(list_failure=IndexUnavailableError("down"))
    with closing(IndexPrefetch(TARGET, ["a"])) as prefetch, pytest.raises(IndexUnavailableError, match="down"):
        prefetch.connect(lambda _: Credentials("ada", Secret("x"), "prompt"))


def test_missing_credentials_are_asked_for_only_when_the_index_is_needed(opened: Callable[..., list[Read]]) -> None:
    indexes = opened()
    asked: list[str | None] = []

    def prompt(username: str | None) -> Credentials:
        assert threading.current_thread() is threading.main_thread()
        asked.append(username)
        return Credentials("bob", Secret("x"), "prompt")

    with closing(IndexPrefetch(Target(URL, prompt=prompt), ["a"])) as prefetch:
        with pytest.raises(NoCredentialsError):
            prefetch.connect(None)
        assert (asked, indexes) == ([], [])
        assert prefetch.connect(prompt).credentials == Credentials("bob", Secret("x"), "prompt")
        assert asked == [None]
        assert indexes[0].asked == ["a"]


class _Job:
    """The identity of a CI job, whose token may have grown old."""

    is_required = False
    reason = ""
    explains = False

    def __init__(self, *, is_old: bool) -> None:
        self.is_old = is_old
        self.found = 0

    def find(self, _: IndexUrl) -> Credentials:
        self.found += 1
        return Credentials("job", Secret(f"token {self.found}"), "trusted publishing")


@pytest.mark.parametrize(("is_old", "token"), [(False, "token 1"), (True, "token 2")])
def test_a_token_that_grew_old_during_the_build_is_replaced(
    opened: Callable[..., list[Read]], token: str, *, is_old: bool
) -> None:
    indexes = opened()
    job: Any = _Job(is_old=is_old)
    with closing(IndexPrefetch(Target(URL, trusted=job), ["a"])) as prefetch:
        credentials = prefetch.connect(None).credentials
    assert credentials is not None
    assert credentials.password.reveal() == token
    assert [index.closes for index in indexes] == [1] * (2 if is_old else 1)
