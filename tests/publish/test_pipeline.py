"""The steps from project folders to a report: what is built, what is left out, and what ends a run before an upload."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from publisher.building.builder import BuildOptions
from publisher.client.models import RemoteFile
from publisher.credentials.chain import Target
from publisher.errors import BuildFailedError, CheckFailedError, PublishError, StoppedError
from publisher.project.distributions import read_distribution
from publisher.project.kinds import Kind
from publisher.project.pyproject import Source
from publisher.project.tags import parse_tag
from publisher.publish import build_and_upload, pipeline
from publisher.publish.options import BuildRequest, PublishOptions
from publisher.publish.report import State
from tests.helpers.dists import make_wheel
from tests.helpers.projects import commit
from tests.helpers.scripted import TARGET, ScriptedIndex, ScriptedPrefetch, Steps, answer, remote

OPTIONS = PublishOptions(TARGET, connections=1)
BUILD = BuildOptions("pip", frozenset({Kind.WHEEL}), jobs=1)
LATER = datetime(2026, 1, 1, tzinfo=UTC)


class Run:
    """A builder that writes wheels, and an index that has some files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.index = ScriptedIndex([answer()])
        self.prefetch = ScriptedPrefetch(self.index)
        self.steps = Steps()
        self.versions: dict[str, str] = {}
        self.prepared: list[list[str]] = []
        self.built: list[str] = []
        self.named: list[str] = []
        self.closes = 0
        self.resolved = 0
        self.failure: BaseException | None = None
        monkeypatch.setattr(build_and_upload, "Builder", self._open_builder)
        for module in (pipeline, build_and_upload):
            monkeypatch.setattr(module, "IndexPrefetch", self._open_prefetch)

    def publish(
        self, sources: list[Source], options: PublishOptions = OPTIONS, out_dir: Path | None = None
    ) -> dict[str, State]:
        request = BuildRequest(BUILD.kinds, out_dir, self._resolve)
        self.report = pipeline.publish_projects(sources, request, options, self.steps)
        return {file.file.text: file.state for file in self.report.files}

    def has(self, *files: RemoteFile) -> None:
        self.index = ScriptedIndex([answer()], files)
        self.prefetch = ScriptedPrefetch(self.index)

    def _resolve(self) -> BuildOptions:
        self.resolved += 1
        return BUILD

    def _open_builder(self, options: BuildOptions) -> "Run":
        self.options = options
        return self

    def report_to(self, warn: Callable[[str], None]) -> None:
        warn("a builder's warning")

    def _open_prefetch(self, target: Target, names: Iterable[str], *, alone: bool = False) -> ScriptedPrefetch:
        assert target is TARGET
        self.alone = alone
        self.named = list(names)
        return self.prefetch

    def prepare(self, projects: Iterable[Path]) -> None:
        self.prepared.append([project.name for project in projects])

    def build(self, project: Path, out_dir: Path, _: object) -> list[Path]:
        self.built.append(project.name)
        if self.failure is not None:
            raise self.failure
        out_dir.mkdir(parents=True, exist_ok=True)
        name = project.name.replace("-", "_")
        return [make_wheel(out_dir, name, self.versions.get(project.name, "1.0"))]

    def close(self) -> None:
        self.closes += 1


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


def _source(folder: Path, name: str, version: str | None = "1.0") -> Source:
    project = folder / name
    (project / name).mkdir(parents=True)
    (project / "pyproject.toml").write_text(f'[project]\nname = "{name}"\nversion = "1.0"\n')
    (project / name / "__init__.py").write_text("")
    (project / ".gitignore").write_text("dist\n")
    return Source(project, canonicalize_name(name), Version(version) if version else None)


def _listed(name: str, version: str = "1.0", uploaded: datetime = LATER) -> RemoteFile:
    filename = f"{name}-{version}-py3-none-any.whl"
    return RemoteFile(filename, f"https://acme.example/{filename}", {"sha256": "ab"}, uploaded=uploaded, size=7)


def test_without_projects_no_request_is_sent(run: Run) -> None:
    assert run.publish([], OPTIONS._replace(dry_run=True)) == {}
    assert (run.report.url, run.report.dry_run, run.named, run.index.closes) == (TARGET.url, True, [], 0)


def test_a_project_is_built_and_published_and_not_a_second_time(run: Run, tmp_path: Path) -> None:
    source = _source(tmp_path, "a")
    commit(tmp_path)
    assert run.publish([source]) == {"a-1.0-py3-none-any.whl": State.UPLOADED}
    assert (run.named, run.prepared, run.built) == (["a"], [["a"]], ["a"])
    assert "warned: a builder's warning" in run.steps.steps
    assert (run.report.url, run.report.dry_run) == (TARGET.url, False)
    assert run.closes >= 1
    run.has(_listed("a"))
    assert run.publish([source], OPTIONS._replace(dry_run=True)) == {"a-1.0-py3-none-any.whl": State.UNCHANGED}
    assert (run.built, run.prepared, run.report.dry_run, run.index.posted) == (["a"], [["a"]], True, [])
    assert (run.resolved, run.alone, run.prefetch.expects_upload) == (1, True, False)
    assert run.index.closes == 1
    (source.folder / "a/__init__.py").write_text("changed = True\n")
    run.has()
    assert run.publish([source]) == {"a-1.0-py3-none-any.whl": State.UPLOADED}
    assert (run.built, run.prefetch.expects_upload) == (["a", "a"], True)


def test_a_project_with_another_version_than_the_last_is_built_before_the_index_is_asked(
    run: Run, tmp_path: Path
) -> None:
    source = _source(tmp_path, "a")
    commit(tmp_path)
    run.publish([source])
    run.versions["a"] = "1.1"
    assert list(run.publish([source._replace(version=Version("1.1"))])) == ["a-1.1-py3-none-any.whl"]
    assert (run.built, run.alone) == (["a", "a"], False)


@pytest.mark.parametrize("dry_run", [False, True])
def test_only_a_publication_is_remembered(run: Run, tmp_path: Path, *, dry_run: bool) -> None:
    source = _source(tmp_path, "a")
    commit(tmp_path)
    run.publish([source], OPTIONS._replace(dry_run=dry_run))
    run.has(_listed("a"))
    run.publish([source], OPTIONS._replace(skip_existing=True))
    assert len(run.built) == (2 if dry_run else 1)


def test_of_several_projects_those_that_are_there_unchanged_are_not_built(run: Run, tmp_path: Path) -> None:
    sources = [_source(tmp_path, "b"), _source(tmp_path, "a"), _source(tmp_path, "c")]
    commit(tmp_path)
    run.has(_listed("b"), _listed("c", "0.9"), _listed("a", "0.9"))
    found = run.publish(sources, out_dir=tmp_path / "out")
    assert found == {
        "a-1.0-py3-none-any.whl": State.UPLOADED,
        "c-1.0-py3-none-any.whl": State.UPLOADED,
        "b-1.0-py3-none-any.whl": State.UNCHANGED,
    }
    assert (run.named, run.prepared, run.built) == (["b", "a", "c"], [], ["a", "c"])
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_projects_whose_version_only_the_build_knows_are_compared_after_it(run: Run, tmp_path: Path) -> None:
    sources = [_source(tmp_path, "a", None), _source(tmp_path, "b", None), _source(tmp_path, "c")._replace(name=None)]
    commit(tmp_path)
    run.has(_listed("a"))
    found = run.publish(sources)
    assert found == {
        "a-1.0-py3-none-any.whl": State.UNCHANGED,
        "b-1.0-py3-none-any.whl": State.UPLOADED,
        "c-1.0-py3-none-any.whl": State.UPLOADED,
    }
    assert (run.named, run.built, len(run.index.posted)) == (["a", "b"], ["a", "b", "c"], 2)


@pytest.mark.parametrize(
    ("tag", "allow_dirty", "ends"), [(None, False, False), ("v1.0", True, False), ("v1.0", False, True)]
)
def test_a_release_of_a_tag_has_no_uncommitted_changes(
    run: Run, tmp_path: Path, tag: str | None, *, allow_dirty: bool, ends: bool
) -> None:
    source = _source(tmp_path, "a")
    commit(tmp_path)
    (source.folder / "a/__init__.py").write_text("changed = True\n")
    options = OPTIONS._replace(tag=parse_tag(tag, None) if tag else None, allow_dirty=allow_dirty)
    if ends:
        with pytest.raises(CheckFailedError, match="Uncommitted changes"):
            run.publish([source], options)
        assert (run.built, run.index.posted, run.index.closes) == ([], [], 1)
    else:
        assert list(run.publish([source], options).values()) == [State.UPLOADED]
    assert run.closes >= 1


def test_a_build_of_another_version_than_the_tags_is_not_published(run: Run, tmp_path: Path) -> None:
    source = _source(tmp_path, "a")
    run.versions = {"a": "1.1"}
    with pytest.raises(CheckFailedError):
        run.publish([source], OPTIONS._replace(tag=parse_tag("v1.0", None)))
    assert (run.built, run.index.posted) == (["a"], [])
    assert list(run.publish([source])) == ["a-1.1-py3-none-any.whl"]


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (KeyboardInterrupt(), StoppedError, "Interrupted while building: nothing was published."),
        (PublishError("It is full."), PublishError, "It is full."),
    ],
)
def test_a_build_that_ends_early_publishes_nothing(
    run: Run, tmp_path: Path, failure: BaseException, kind: type[PublishError], message: str
) -> None:
    run.failure = failure
    with pytest.raises(kind) as caught:
        run.publish([_source(tmp_path, "a")])
    assert caught.value.message == message
    assert (run.index.posted, run.index.closes, run.closes) == ([], 1, 1)


def test_a_build_without_a_version_from_git_gets_the_advice_for_it(run: Run, tmp_path: Path) -> None:
    source = _source(tmp_path, "a", None)
    commit(tmp_path)
    run.failure = BuildFailedError("It failed.", output="setuptools-scm was unable to detect version")
    with pytest.raises(BuildFailedError) as caught:
        run.publish([source])
    assert "decided by its build backend" in str(caught.value.hint)


def test_untracked_files_in_the_built_ones_are_warned_of(run: Run, tmp_path: Path) -> None:
    source = _source(tmp_path, "a")
    (source.folder / "a/__init__.py").unlink()
    commit(tmp_path)
    (source.folder / "a/__init__.py").write_text("")
    run.publish([source])
    assert [step for step in run.steps.steps if "not committed" in step and "a/__init__.py" in step]


def test_files_that_the_index_has_are_not_sent(run: Run, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "a")
    run.has(remote(read_distribution(wheel)))
    assert run.publish([_source(tmp_path, "a")]) == {wheel.name: State.ALREADY_THERE}
    assert run.index.posted == []
