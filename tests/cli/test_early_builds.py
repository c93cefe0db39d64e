"""The start of a build before the rest of the program is loaded: for which projects, and how it ends."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from packaging.version import Version

from publisher.building.builder import BuildOptions
from publisher.cli.options.building import BuildArgs
from publisher.cli.options.publishing import PublishArgs
from publisher.cli.options.target import TargetArgs
from publisher.cli.publish import command
from publisher.cli.run import publishing
from publisher.cli.run.builds import early
from publisher.errors import BuildFailedError, ConfigurationError
from publisher.project.pyproject import Source
from publisher.publish.last_published import PublishRecord, record
from tests.helpers.projects import make_project

OPTIONS = BuildOptions("uv")


class Started:
    """Builders that build nothing, and what is published with them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.prepared: list[Path] = []
        self.steps: list[str] = []
        self.begun: list[object] = []
        self.failure: BaseException | None = None
        monkeypatch.setattr("publisher.building.builder.Builder", self._open)
        monkeypatch.setattr(early, "resolve_build", lambda *_: OPTIONS)
        monkeypatch.setattr(publishing, "publish_projects", self._publish)

    def publish(self, *folders: Path, since: str | None = None) -> None:
        selected = ["--since", since] if since else []
        command.main([*map(str, folders), *selected, "--jobs", "3"], "publish", standalone_mode=False)

    def prepare(self, projects: Iterable[Path]) -> None:
        self.prepared += projects
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        self.steps.append("closed")

    def _open(self, options: BuildOptions) -> "Started":
        assert options is OPTIONS
        return self

    def _publish(self, _: Sequence[Path], *arguments: object, begun: object, **options: Any) -> None:
        assert arguments == (TargetArgs(), PublishArgs(), BuildArgs())
        assert options["jobs"] == 3
        self.begun.append(begun)
        self.steps.append("published")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    return Started(monkeypatch)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


def test_the_build_of_a_single_project_begins_first_and_ends_with_the_command(started: Started, project: Path) -> None:
    started.publish(project)
    assert (started.prepared, started.begun) == ([project], [started])
    assert started.steps == ["published", "closed"]


def test_a_builder_is_closed_when_publishing_fails(
    started: Started, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BuildFailedError("It failed.")

    monkeypatch.setattr(publishing, "publish_projects", fail)
    with pytest.raises(BuildFailedError, match="It failed"):
        started.publish(project)
    assert started.steps == ["closed"]


def test_a_project_that_may_be_published_as_it_is_is_not_built_ahead(started: Started, project: Path) -> None:
    record(Source(project, version=Version("1.0")), PublishRecord("http://index/", "1.0", [], "tree"))
    started.publish(project)
    assert (started.prepared, started.begun) == ([], [None])


@pytest.mark.parametrize(
    "choose",
    [
        lambda project: [project.parent / "absent"],
        lambda project: [project.parent],
        lambda project: [project, make_project(project.parent / "other", "other")],
    ],
    ids=["absent", "no project", "two"],
)
def test_other_folders_are_left_to_the_rest(
    started: Started, project: Path, choose: Callable[[Path], list[Path]]
) -> None:
    started.publish(*choose(project))
    assert (started.prepared, started.begun, started.steps) == ([], [None], ["published"])


def test_a_selection_by_git_is_left_to_the_rest(started: Started, project: Path) -> None:
    started.publish(project, since="v1")
    assert (started.prepared, started.begun) == ([], [None])


def test_an_interrupted_start_closes_the_builder(started: Started, project: Path) -> None:
    started.failure = KeyboardInterrupt()
    with pytest.raises(click.Abort):
        started.publish(project)
    assert started.steps == ["closed"]


def test_a_failure_to_begin_is_left_to_the_rest(started: Started, project: Path) -> None:
    started.failure = ConfigurationError("Wrong.")
    started.publish(project)
    assert started.steps == ["published", "closed"]
