"""The order of a project's build, with an engine of the test's own: what is built from what, and where it goes."""

import gzip
import os
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from publisher.building import builder
from publisher.building.builder import Builder, BuildOptions, usable_processors
from publisher.building.engine import BuildContext, BuildEngine, DistributionKind
from publisher.building.hooks import AccelerationError
from publisher.building.uv import UvBuildSettings
from publisher.errors import BuildFailedError, ConfigurationError
from publisher.project.kinds import Kind
from tests.helpers.dists import make_sdist, make_wheel


class MadeUpEngine(BuildEngine):
    """An engine that makes files without a backend, and notes what it is asked for."""

    def __init__(self, installer: str, *, fails: bool = False) -> None:
        self.installer = installer
        self.fails = fails
        self.prepared: list[tuple[Path, Collection[str], UvBuildSettings, Mapping[str, str]]] = []
        self.built: list[tuple[Path, str, BuildContext]] = []
        self.closed = 0

    def prepare(
        self,
        source: Path,
        requirements: Collection[str],
        settings: UvBuildSettings,
        variables: Callable[[], Mapping[str, str]],
    ) -> None:
        if self.fails:
            raise AccelerationError("made up")
        self.prepared.append((source, requirements, settings, variables()))

    def build(self, source: Path, kind: DistributionKind, out_dir: Path, context: BuildContext) -> Path:
        if self.fails:
            raise AccelerationError("made up")
        self.built.append((source, kind, context))
        out_dir.mkdir()
        if kind == "wheel":
            return make_wheel(out_dir)
        sdist = make_sdist(out_dir)
        sdist.write_bytes(gzip.compress(gzip.decompress(sdist.read_bytes())))  # with the present time
        return sdist

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[MadeUpEngine]:
    """The engines that were opened, in their order: the fast one fails if the first says so."""
    opened: list[MadeUpEngine] = []

    def fast(installer: str) -> MadeUpEngine:
        opened.append(MadeUpEngine(installer, fails=os.environ.get("FAST") == "fails"))
        return opened[-1]

    def plain(installer: str) -> MadeUpEngine:
        opened.append(MadeUpEngine(f"plain {installer}"))
        return opened[-1]

    monkeypatch.setattr(builder, "FastEngine", fast)
    monkeypatch.setattr("publisher.building.plain.PlainEngine", plain)
    for name in ("SOURCE_DATE_EPOCH", "UV_NO_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return opened


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[build-system]\nrequires = ["hatchling"]\n[tool.uv]\noffline = true\n')
    return folder


def test_the_wheel_comes_from_the_unpacked_sdist(engines: list[MadeUpEngine], project: Path, tmp_path: Path) -> None:
    out = tmp_path / "a/b/out"
    built = Builder(BuildOptions("uv")).build(project, out)
    assert built == [out / "acme_widgets-1.0.tar.gz", out / "acme_widgets-1.0-py3-none-any.whl"]
    assert sorted(out.iterdir()) == sorted(built)
    (first, kind, _), (second, other, _) = engines[0].built
    assert (first, kind, other) == (project, "sdist", "wheel")
    assert second.name == "acme_widgets-1.0"
    assert not second.exists()


@pytest.mark.parametrize(("kind", "name"), [(Kind.SDIST, "sdist"), (Kind.WHEEL, "wheel")])
def test_one_kind_is_built_from_the_project(
    engines: list[MadeUpEngine], project: Path, tmp_path: Path, kind: Kind, name: str
) -> None:
    built = Builder(BuildOptions("uv", frozenset({kind}))).build(project, tmp_path / "out")
    assert len(built) == 1
    assert [(source, what) for source, what, _ in engines[0].built] == [(project, name)]


def test_hooks_get_the_time_the_output_and_the_settings(
    engines: list[MadeUpEngine], project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output: list[bytes] = []
    Builder(BuildOptions("uv")).build(project, tmp_path / "out", output.append)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "42")
    sdist, _ = Builder(BuildOptions("pip")).build(project, tmp_path / "out", output.append)
    assert int.from_bytes(sdist.read_bytes()[4:8], "little") <= 42  # made reproducible
    without, timed = engines[0].built[0][2], engines[1].built[0][2]
    assert (without.variables, timed.variables) == ({}, {"SOURCE_DATE_EPOCH": "42"})
    assert without.settings == UvBuildSettings("offline = true\n")
    assert timed.settings == UvBuildSettings()  # pip has its own
    without.on_output(b"x")
    assert output == [b"x"]
    assert [engine.installer for engine in engines] == ["uv", "pip"]


def test_environments_are_prepared_for_what_projects_declare(engines: list[MadeUpEngine], project: Path) -> None:
    others = []
    for number, text in enumerate(("", "[build-system]\nrequires = []\n", "[[")):
        others.append(project.parent / str(number))
        others[-1].mkdir()
        (others[-1] / "pyproject.toml").write_text(text)
    Builder(BuildOptions("uv")).prepare([project])
    assert engines[0].prepared == [(project, ["hatchling"], UvBuildSettings("offline = true\n"), {})]
    Builder(BuildOptions("uv")).prepare(others[1:2])
    assert engines[1].prepared == []


def test_the_time_of_a_build_is_asked_for_once(
    engines: list[MadeUpEngine], project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([1714979289])
    monkeypatch.setattr(builder, "source_date_epoch", lambda _: next(times))
    made = Builder(BuildOptions("uv"))
    made.prepare([project])
    made.build(project, tmp_path / "out")
    (engine,) = engines
    assert engine.prepared[0][-1] == {"SOURCE_DATE_EPOCH": "1714979289"}
    assert [context.variables for _, _, context in engine.built] == [engine.prepared[0][-1]] * 2


def test_a_failed_acceleration_is_replaced_once_with_a_warning(
    engines: list[MadeUpEngine], project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAST", "fails")
    warnings: list[str] = []
    made = Builder(BuildOptions("uv"), warnings.append)
    made.prepare([project])
    assert len(made.build(project, tmp_path / "out")) == 2
    assert warnings == ["The acceleration of builds failed (made up); building without it."]
    assert [(engine.installer, engine.closed) for engine in engines] == [("uv", 1), ("plain uv", 0)]
    made.close()
    assert [engine.closed for engine in engines] == [1, 1]


def test_problems_are_kept_until_someone_receives_them_and_a_project_is_prepared_once(
    engines: list[MadeUpEngine], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Builder(BuildOptions("uv"))
    for _ in range(2):
        made.prepare([project])
    assert len(engines[0].prepared) == 1
    monkeypatch.setenv("FAST", "fails")
    made = Builder(BuildOptions("uv"))
    made.prepare([project])
    warnings: list[str] = []
    for _ in range(2):
        made.report_to(warnings.append)
    assert len(warnings) == 1


def test_a_failure_while_building_builds_the_same_again(
    engines: list[MadeUpEngine], project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAST", "fails")
    made = Builder(BuildOptions("uv", frozenset({Kind.WHEEL})))
    assert len(made.build(project, tmp_path / "out")) == 1
    assert [(source, kind) for source, kind, _ in engines[1].built] == [(project, "wheel")]


def test_a_replacement_of_a_closed_builder_is_closed_too(
    engines: list[MadeUpEngine], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAST", "fails")
    made = Builder(BuildOptions("uv"))
    made.close()
    made.prepare([project])
    assert [engine.closed for engine in engines] == [2, 1]


@pytest.mark.parametrize(("value", "installer"), [("1", "plain uv"), ("0", "uv"), ("", "uv"), ("true", "uv")])
def test_a_variable_turns_acceleration_off(
    engines: list[MadeUpEngine], monkeypatch: pytest.MonkeyPatch, value: str, installer: str
) -> None:
    monkeypatch.setenv("PYPI_PUBLISH_PLAIN_BUILDS", value)
    Builder(BuildOptions("uv"))
    assert [engine.installer for engine in engines] == [installer]


def test_a_missing_uv_matters_only_to_its_users(engines: list[MadeUpEngine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "find_uv", lambda: None)
    with pytest.raises(ConfigurationError, match="uv is not installed") as caught:
        Builder(BuildOptions("uv"))
    assert "--installer pip" in str(caught.value.hint)
    Builder(BuildOptions("pip"))
    assert len(engines) == 1


def test_a_folder_without_a_project_is_not_built(engines: list[MadeUpEngine], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        Builder(BuildOptions("uv")).build(tmp_path / "absent", tmp_path / "out")
    assert engines[0].built == []


@pytest.mark.usefixtures("engines")
def test_files_are_replaced_and_a_folder_in_the_way_is_named(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "acme_widgets-1.0.tar.gz").write_bytes(b"old")
    sdist, _ = Builder(BuildOptions("uv")).build(project, out)
    assert sdist.read_bytes() != b"old"
    (tmp_path / "file").touch()
    with pytest.raises(BuildFailedError, match=r"could not be moved to .*/file: File exists\."):
        Builder(BuildOptions("uv")).build(project, tmp_path / "file")


def test_the_processors_that_may_be_used_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert usable_processors() >= 1
    options: Any = BuildOptions("uv")
    assert (options.kinds, options.show_output, options.jobs) == (frozenset(Kind), False, usable_processors())
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_processors() == 1
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert usable_processors() == 7
