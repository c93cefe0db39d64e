"""Both ways to build, plain and accelerated, keep the same promises; and the plain one stands in for the other."""

import hashlib
import os
import subprocess
import threading
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from publisher.building.builder import PLAIN_VARIABLE, Builder, BuildOptions, build_project
from publisher.building.environments import UvEnvironment
from publisher.building.hooks import CAN_FORK
from publisher.errors import BuildFailedError, ConfigurationError
from publisher.project.distributions import read_distribution
from publisher.project.kinds import Kind
from tests.helpers.projects import commit, make_project, write_backend
from tests.helpers.waiting import eventually, is_running

UV = BuildOptions("uv")
WHEEL = BuildOptions("uv", frozenset({Kind.WHEEL}))


pytestmark = pytest.mark.essential


@pytest.fixture(params=["fast", "plain"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name = str(request.param)
    monkeypatch.setenv(PLAIN_VARIABLE, "1" if name == "plain" else "")
    return name


def _digests(files: list[Path]) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_sdist_and_wheel_are_built_and_nothing_else_is_left(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    built = build_project(project, tmp_path / "out", UV)
    assert [read_distribution(file).kind for file in built] == [Kind.SDIST, Kind.WHEEL]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "acme_widgets-1.0-py3-none-any.whl",
        "acme_widgets-1.0.tar.gz",
    ]


def test_the_wheel_is_built_from_the_sdist(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    (project / "src/acme_widgets/generated.py").write_text("left_out = True\n")
    with (project / "pyproject.toml").open("a") as file:
        file.write('\n[tool.hatch.build.targets.sdist]\nexclude = ["generated.py"]\n')
    _, wheel = build_project(project, tmp_path / "out", UV)
    assert "acme_widgets/generated.py" not in zipfile.ZipFile(wheel).namelist()


def test_only_the_wheel_is_built_on_request(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    assert [file.suffix for file in build_project(project, tmp_path / "out", WHEEL)] == [".whl"]


def test_pip_installs_the_build_requirements_where_there_is_no_uv(tmp_path: Path) -> None:
    # slow (pip in a new environment): the only test of this installer
    project = make_project(tmp_path / "project")
    assert len(build_project(project, tmp_path / "out", BuildOptions("pip", frozenset({Kind.WHEEL})))) == 1


def test_the_same_commit_gives_the_same_bytes(tmp_path: Path) -> None:
    # slow (two builds with a real backend): the property that a repeated release rests on
    project = make_project(tmp_path / "project")
    commit(project, "2024-05-06T07:08:09Z")
    first = _digests(build_project(project, tmp_path / "one", UV))
    subprocess.run(["git", "clone", "-q", project, tmp_path / "clone"], check=True)
    for file in (tmp_path / "clone").rglob("*.py"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
    assert _digests(build_project(tmp_path / "clone", tmp_path / "two", UV)) == first


def test_the_backend_sees_the_time_of_the_commit_and_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PYPI_PUBLISH_PASSWORD", "UV_INDEX_ACME_PASSWORD", "PIP_EXTRA_INDEX_URL", "UV_PUBLISH_TOKEN"):
        monkeypatch.setenv(name, "http://ada:s3cret@127.0.0.1:9/")
    monkeypatch.setenv("ACME_SETTING", "kept")
    statement = "raise SystemExit(' '.join(f'{n}={v}' for n, v in os.environ.items()))"
    project = write_backend(tmp_path / "project", statement)
    commit(project, "2024-05-06T07:08:09Z")
    with pytest.raises(BuildFailedError, match="SOURCE_DATE_EPOCH=1714979289") as caught:
        build_project(project, tmp_path / "out", WHEEL)
    assert "ACME_SETTING=kept" in caught.value.message
    assert "s3cret" not in caught.value.message + caught.value.output


def test_a_backend_that_raises_is_reported_with_its_output(tmp_path: Path) -> None:
    statement = "print('working on it'); raise ValueError('the frobnicator is missing')"
    project = write_backend(tmp_path / "project", statement)
    with pytest.raises(BuildFailedError, match="ValueError: the frobnicator is missing") as caught:
        build_project(project, tmp_path / "out", UV)
    assert "working on it" in caught.value.output
    assert not (tmp_path / "out").exists()


def test_what_a_backend_prints_is_passed_on(tmp_path: Path) -> None:
    project = write_backend(tmp_path / "project", "print('working on it'); raise SystemExit(1)")
    output = bytearray()
    with closing(Builder(UV)) as builder, pytest.raises(BuildFailedError):
        builder.build(project, tmp_path / "out", output.extend)
    assert b"working on it" in output


def test_a_requirement_that_can_not_be_installed_is_reported(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", requires='["no-such-backend-anywhere"]')
    with pytest.raises(BuildFailedError, match="build requirements of the sdist") as caught:
        build_project(project, tmp_path / "out", UV)
    assert "no-such-backend-anywhere" in caught.value.output


def test_what_a_backend_asks_for_is_installed(tmp_path: Path) -> None:
    project = write_backend(tmp_path / "project", "import packaging.version; raise SystemExit('found it')")
    with (project / "backend.py").open("a") as file:
        file.write("\n\ndef get_requires_for_build_wheel(settings=None):\n    return ['packaging']\n")
    with pytest.raises(BuildFailedError, match="found it"):
        build_project(project, tmp_path / "out", WHEEL)


def test_programs_of_the_environment_run_in_it(tmp_path: Path) -> None:
    statement = (
        "import shutil, sys\n"
        "    first = open(shutil.which('hatchling')).readline()\n"
        "    raise SystemExit(f'It is {os.path.dirname(first[2:]) == os.path.dirname(sys.executable)}.')"
    )
    project = write_backend(tmp_path / "project", statement)
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace("requires = []", 'requires = ["hatchling"]'))
    with pytest.raises(BuildFailedError, match="It is True"):
        build_project(project, tmp_path / "out", WHEEL)


@pytest.mark.parametrize(
    ("pyproject", "message"),
    [
        ("[build-system]\n", "'?requires'?|`requires`"),
        ('[build-system]\nrequires = "hatchling"\n', "requires"),
        ('[build-system]\nrequires = []\nbuild-backend = "no_such"\n', "no_such"),
    ],
)
def test_a_table_that_is_wrong_is_reported(tmp_path: Path, pyproject: str, message: str) -> None:
    (tmp_path / "pyproject.toml").write_text(pyproject)
    with pytest.raises((ConfigurationError, BuildFailedError), match=message):
        build_project(tmp_path, tmp_path / "out", UV)


def test_closing_ends_a_build_that_runs(tmp_path: Path) -> None:
    started = tmp_path / "pid"
    statement = f"open({str(started)!r}, 'w').write(str(os.getpid())); __import__('time').sleep(600)"
    project = write_backend(tmp_path / "project", statement)
    failures: list[BaseException] = []

    def build() -> None:
        try:
            builder.build(project, tmp_path / "out")
        except BuildFailedError as error:
            failures.append(error)

    builder = Builder(UV)
    thread = threading.Thread(target=build)
    thread.start()
    assert eventually(lambda: started.exists() and bool(started.read_text()))
    builder.close()
    thread.join(timeout=30)
    assert len(failures) == 1
    assert eventually(lambda: not is_running(int(started.read_text())))


def test_uv_that_is_asked_for_and_missing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.building.builder.find_uv", lambda: None)
    with pytest.raises(ConfigurationError, match="uv is not installed"):
        Builder(UV)


@pytest.mark.skipif(not CAN_FORK, reason="this system starts an interpreter for each hook")
def test_a_server_of_hooks_that_dies_is_replaced_by_a_plain_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit(1)\n")
    monkeypatch.setattr("publisher.building.hooks._SERVER", broken)
    warnings: list[str] = []
    with closing(Builder(WHEEL, warnings.append)) as builder:
        assert len(builder.build(make_project(tmp_path / "project"), tmp_path / "out")) == 1
    assert [("acceleration" in warning) for warning in warnings] == ([True] if engine == "fast" else [])


def test_an_environment_that_can_not_be_accelerated_is_set_up_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no symbolic links here")

    monkeypatch.setattr(UvEnvironment, "start", fail)
    project = make_project(tmp_path / "project")
    warnings: list[str] = []
    with closing(Builder(WHEEL, warnings.append)) as builder:
        builder.prepare([project])
        assert len(builder.build(project, tmp_path / "out")) == 1
        assert len(builder.build(project, tmp_path / "again")) == 1
    assert [("no symbolic links" in warning) for warning in warnings] == ([True] if engine == "fast" else [])
