"""From project folders to checked files: the order of steps, one or several builds at a time, and the first failure."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from publisher.building.builder import BuildOptions
from publisher.building.hooks import ignore_output
from publisher.errors import BuildFailedError, CheckFailedError, PublishError
from publisher.publish.events import Observer
from publisher.publish.prepare import build_and_check, build_projects
from tests.helpers.dists import make_sdist, make_wheel, metadata

OutputOf = Callable[[bytes], object]


@dataclass
class Seen(Observer):
    """Keeps the steps of builds as words."""

    steps: list[str] = field(default_factory=list)

    def building(self, project: Path) -> None:
        self.steps.append(f"building {project.name}")

    def output(self, project: Path, text: bytes) -> None:
        self.steps.append(f"output {project.name}: {text.decode()}")

    def built(self, project: Path, files: Any) -> None:
        self.steps.append(f"built {project.name}: {len(files)}")

    def checked(self, distributions: Any, warnings: Any) -> None:
        self.steps.append(f"checked {', '.join(each.filename for each in distributions)}; {len(warnings)} warnings")


class Written:
    """A builder that writes a wheel, and an sdist beside it, in place of building; a project may fail instead."""

    def __init__(self, *, jobs: int = 1, show_output: bool = False, **failures: Exception) -> None:
        self.options = BuildOptions("pip", show_output=show_output, jobs=jobs)
        self.failures = failures
        self.out_dirs: list[Path] = []
        self.ignored: list[bool] = []
        self.closes = 0
        self.together = threading.Barrier(jobs)
        self.closed = threading.Event()

    def build(self, project: Path, out_dir: Path, on_output: OutputOf = ignore_output) -> list[Path]:
        self.out_dirs.append(out_dir)
        self.ignored.append(on_output is ignore_output)
        self.together.wait(30)
        on_output(b"compi")
        on_output(b"ling")
        if project.name in self.failures:
            raise self.failures[project.name]
        out_dir.mkdir(parents=True, exist_ok=True)
        name = project.name.replace("-", "_")
        return [make_sdist(out_dir, name), make_wheel(out_dir, name)]

    def close(self) -> None:
        self.closes += 1


def _projects(folder: Path, *names: str) -> list[Path]:
    found = [folder / name for name in names]
    for project in found:
        project.mkdir()
        (project / "pyproject.toml").write_text(f'[project]\nname = "{project.name}"\nversion = "1.0"\n')
    return found


@pytest.mark.parametrize(("show_output", "jobs"), [(False, 1), (True, 1), (False, 4), (True, 4)])
def test_one_project_is_built_with_its_output_as_it_comes(tmp_path: Path, jobs: int, *, show_output: bool) -> None:
    builder: Any = Written(show_output=show_output)
    builder.options = BuildOptions("pip", show_output=show_output, jobs=jobs)
    projects, seen = _projects(tmp_path, "a"), Seen()
    (files,) = build_projects(builder, projects, None, seen)
    assert files == [tmp_path / "a/dist/a-1.0.tar.gz", tmp_path / "a/dist/a-1.0-py3-none-any.whl"]
    output = ["output a: compi", "output a: ling"] if show_output else []
    assert seen.steps == ["building a", *output, "built a: 2"]
    assert builder.ignored == [not show_output]


def test_with_one_job_projects_are_built_in_turn(tmp_path: Path) -> None:
    builder: Any = Written(jobs=1)
    seen = Seen()
    files = build_projects(builder, _projects(tmp_path, "b", "a"), tmp_path / "out", seen)
    assert [path.name for each in files for path in each if path.suffix == ".whl"] == [
        "b-1.0-py3-none-any.whl",
        "a-1.0-py3-none-any.whl",
    ]
    assert builder.out_dirs == [tmp_path / "out"] * 2
    assert seen.steps == ["building b", "built b: 2", "building a", "built a: 2"]


@pytest.mark.parametrize("show_output", [False, True])
def test_projects_are_built_at_the_same_time_and_each_output_comes_in_one_piece(
    tmp_path: Path, *, show_output: bool
) -> None:
    builder: Any = Written(jobs=2, show_output=show_output)
    projects, seen = _projects(tmp_path, "b", "a"), Seen()
    files = build_projects(builder, projects, None, seen)
    assert [each[0].parent for each in files] == [project / "dist" for project in projects]
    assert sorted(builder.out_dirs) == [tmp_path / "a/dist", tmp_path / "b/dist"]
    assert {*seen.steps[:2]} == {"building a", "building b"}
    for name in "ab":
        at = seen.steps.index(f"built {name}: 2")
        assert (seen.steps[at - 1] == f"output {name}: compiling") is show_output
    assert len(seen.steps) == (6 if show_output else 4)
    assert builder.closes == 0


@pytest.mark.parametrize("show_output", [False, True])
def test_the_first_failure_in_the_projects_order_ends_the_other_builds(tmp_path: Path, *, show_output: bool) -> None:
    failures = {name: BuildFailedError(f"{name} is broken.") for name in ("b", "c")}
    builder: Any = Written(jobs=3, show_output=show_output, **failures)
    projects, seen = _projects(tmp_path, "a", "b", "c"), Seen()
    with pytest.raises(BuildFailedError) as caught:
        build_projects(builder, projects, None, seen)
    assert caught.value.message in {f"{project}: {project.name} is broken." for project in projects[1:]}
    assert builder.closes == 1
    assert "built b: 0" not in seen.steps
    if not show_output:
        assert not [step for step in seen.steps if step.startswith("output")]


def test_a_failure_of_another_kind_keeps_its_words(tmp_path: Path) -> None:
    builder: Any = Written(jobs=2, a=PublishError("It is full."), b=PublishError("It is full."))
    with pytest.raises(PublishError) as caught:
        build_projects(builder, _projects(tmp_path, "a", "b"), None, Seen())
    assert caught.value.message == "It is full."
    assert builder.closes == 1


def test_files_are_checked_after_all_builds_and_returned_in_their_order(tmp_path: Path) -> None:
    builder: Any = Written(jobs=1)
    projects, seen = _projects(tmp_path, "b", "a"), Seen()
    found = build_and_check(builder, projects, None, seen)
    names = ["b-1.0.tar.gz", "b-1.0-py3-none-any.whl", "a-1.0.tar.gz", "a-1.0-py3-none-any.whl"]
    assert [each.filename for each in found] == names
    assert seen.steps[-1].startswith(f"checked {', '.join(names)}; ")


def test_a_mistake_in_the_sources_is_reported_before_a_build(tmp_path: Path) -> None:
    builder: Any = Written()
    (project,) = _projects(tmp_path, "a")
    (project / "pyproject.toml").write_text('[project]\nname = "a"\nversion = "not one"\n')
    seen = Seen()
    with pytest.raises(CheckFailedError):
        build_and_check(builder, [project], None, seen)
    assert (seen.steps, builder.out_dirs) == ([], [])


class Careless(Written):
    """A builder whose project ``a`` gets metadata that no installer reads."""

    def build(self, project: Path, out_dir: Path, on_output: OutputOf = ignore_output) -> list[Path]:
        on_output(b"")
        out_dir.mkdir(parents=True)
        wrong = metadata("a", "1.0", "Requires-Python: nonsense\n")
        return [make_wheel(out_dir, project.name, metadata_bytes=wrong if project.name == "a" else None)]


@pytest.mark.parametrize(("ignoring", "is_refused"), [((), True), ("b", True), ("a", False)])
def test_files_that_may_not_be_published_end_the_run_unless_their_own_project_ignores_that(
    tmp_path: Path, ignoring: str, *, is_refused: bool
) -> None:
    projects, seen = _projects(tmp_path, "b", "a"), Seen()
    builder: Any = Careless()
    for name in ignoring:
        with (tmp_path / name / "pyproject.toml").open("a") as file:
            file.write('[tool.pypi-publish.check.ignore]\nPP701 = "it is known"\n')
    if is_refused:
        with pytest.raises(CheckFailedError, match="PP701"):
            build_and_check(builder, projects, None, seen)
    else:
        assert [each.name for each in build_and_check(builder, projects, None, seen)] == ["b", "a"]
    assert ([step for step in seen.steps if step.startswith("checked")] == []) is is_refused
