"""The kinds of rules that `check` runs, the projects and files that they look at, and the fixes that it writes."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from publisher.checks.rules import RULES
from publisher.checks.version import Published
from publisher.checks.violations import Violation
from publisher.cli.options.building import BuildArgs
from publisher.cli.options.checks import CheckArgs
from publisher.cli.options.target import TargetArgs
from publisher.cli.run import checking
from publisher.client.models import RemoteFile
from publisher.credentials.chain import Target
from publisher.errors import CheckFailedError, ConfigurationError
from publisher.project.pyproject import Source
from publisher.project.tags import parse_tag
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.shown import running

TEXT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "{version}"
"""


class Ran:
    """Notes which kinds of rules looked at what; an index that has some versions, and a builder that writes files."""

    def __init__(self) -> None:
        self.source: list[str] = []
        self.files: list[tuple[list[str], str | None]] = []
        self.prepared: list[str] = []
        self.out_dirs: list[Path] = []
        self.asked: list[tuple[str, list[str]]] = []
        self.published: dict[str, str] = {}
        self.trouble: str | None = None

    def check_source(self, folder: Path) -> list[Violation]:
        self.source.append(folder.name)
        return [Violation(RULES["PP101"], folder, "it is broken", 1)] if folder.name == "broken" else []

    def check_files(self, distributions: Any, folder: Path | None = None) -> list[Violation]:
        self.files.append(([each.filename for each in distributions], folder.name if folder else None))
        return []

    def ask_index(self, target: Target, sources: Any) -> dict[Source, Published]:
        self.asked.append((target.url.root, [str(source.name) for source in sources]))
        return {
            source: Published(
                {
                    name: RemoteFile(name, name, {})
                    for name in [f"{source.name}-{self.published[str(source.name)]}.tar.gz"]
                }
                if str(source.name) in self.published
                else {},
                self.trouble,
            )
            for source in sources
        }


class Built:
    """A builder whose files are there at once."""

    ran: Ran

    def __init__(self, *_: object) -> None:
        self.options = BuildArgs()

    def prepare(self, projects: Any) -> None:
        self.ran.prepared += [project.name for project in projects]

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ran:
    found = Ran()
    monkeypatch.chdir(tmp_path)

    def build(_: object, projects: Any, out_dir: Path, __: object) -> list[list[Path]]:
        found.out_dirs.append(out_dir)
        out_dir.mkdir(exist_ok=True)
        return [[make_sdist(out_dir, project.name)] for project in projects]

    Built.ran = found
    monkeypatch.setattr("publisher.building.builder.Builder", Built)
    monkeypatch.setattr(checking, "resolve_build", lambda *_: None)
    monkeypatch.setattr("publisher.publish.prepare.build_projects", build)
    monkeypatch.setattr("publisher.checks.version.ask_index", found.ask_index)
    monkeypatch.setattr(checking, "check_source", found.check_source)
    monkeypatch.setattr(checking, "check_files", found.check_files)
    monkeypatch.setattr(checking, "can_look_into_wheels", lambda: True)
    return found


def _project(name: str, version: str = "1.0", table: str = "") -> Path:
    folder = Path(name)
    folder.mkdir()
    (folder / "pyproject.toml").write_text(TEXT.format(name=name, version=version) + table)
    return folder


def _check(
    *sources: Path,
    only: tuple[str, ...] = (),
    target: TargetArgs | None = None,
    build: BuildArgs | None = None,
    as_json: bool = False,
    verbosity: int = 0,
    **options: Any,
) -> Result:
    @click.command()
    def command() -> None:
        with running(as_json=as_json, verbosity=verbosity):
            args = CheckArgs(only=only, **options)
            checking.run_checks(sources, args, target or TargetArgs(), build or BuildArgs(), jobs=None)

    return CliRunner().invoke(command)


NAMED = TargetArgs("https://acme.example/", "ada")
TABLE = '[tool.pypi-publish]\nindex-url = "https://acme.example/"\n'


def test_a_rule_is_explained_instead_of_a_check(ran: Ran) -> None:
    done = _check(Path("absent"), explain="PP101")
    assert done.exception is None
    assert done.stdout.startswith("PP101: ")
    assert ran.source == []


@pytest.mark.parametrize(
    ("only", "target", "table", "kinds"),
    [
        ((), TargetArgs(), "", "source build"),
        ((), NAMED, "", "source build version"),
        ((), TargetArgs(repository="acme"), "", "source build version"),
        ((), TargetArgs(), TABLE, "source build version"),
        (("source",), NAMED, TABLE, "source"),
        (("build",), NAMED, TABLE, "build"),
        (("version",), NAMED, "", "version"),
        (("version", "source"), NAMED, "", "source version"),
    ],
)
def test_rules_about_the_version_run_unasked_where_an_index_is_named(
    ran: Ran, only: tuple[str, ...], target: TargetArgs, table: str, kinds: str
) -> None:
    done = _check(_project("a", table=table), only=only, target=target)
    ran_kinds = {"source": ran.source, "build": ran.prepared, "version": ran.asked or "PP604" in done.output}
    assert {kind for kind, what in ran_kinds.items() if what} == {*kinds.split()}


def test_projects_are_built_for_the_check_alone_or_into_a_folder(ran: Ran, tmp_path: Path) -> None:
    projects = [_project("b"), _project("a")]
    assert _check(*projects, only=("build",)).exception is None
    assert not ran.out_dirs[0].exists()
    assert ran.files[1:] == [(["b-1.0.tar.gz"], "b"), (["a-1.0.tar.gz"], "a")]
    assert ran.prepared == ["b", "a"]
    assert _check(*projects, only=("build",), build=BuildArgs(out_dir=tmp_path / "out")).exception is None
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a-1.0.tar.gz", "b-1.0.tar.gz"]


def test_built_files_are_checked_without_a_build(ran: Ran, tmp_path: Path) -> None:
    done = _check(make_wheel(tmp_path), only=("build",), as_json=True)
    assert done.exception is None
    assert (ran.files, ran.prepared, ran.out_dirs) == ([(["acme_widgets-1.0-py3-none-any.whl"], None)], [], [])
    assert "acme_widgets-1.0-py3-none-any.whl" in done.stdout


def test_a_project_whose_file_can_not_be_read_is_not_built(ran: Ran) -> None:
    done = _check(_project("a"), _project("broken"))
    assert isinstance(done.exception, CheckFailedError)
    assert (ran.source, ran.prepared) == (["a", "broken"], [])


@pytest.mark.parametrize(
    ("has_library", "as_json", "warned"), [(True, False, False), (False, False, True), (False, True, False)]
)
def test_rules_that_are_left_out_for_want_of_a_library_are_said(
    monkeypatch: pytest.MonkeyPatch, *, has_library: bool, as_json: bool, warned: bool
) -> None:
    monkeypatch.setattr(checking, "can_look_into_wheels", lambda: has_library)
    done = _check(_project("a"), only=("build",), as_json=as_json)
    assert ("check-wheel-contents is not installed" in done.stderr) is warned


def test_an_index_that_is_not_known_skips_the_rules_about_it(ran: Ran) -> None:
    done = _check(_project("a"), only=("version",))
    assert done.exception is None
    assert ran.asked == []
    (line,) = [line for line in done.output.splitlines() if "PP604" in line]
    assert line.endswith("skipped: No index URL is set")


def test_the_index_is_asked_once_about_all_projects(ran: Ran) -> None:
    ran.published = {"b": "2.0"}
    done = _check(_project("b"), _project("a"), only=("version",), target=NAMED, as_json=True)
    assert ran.asked == [("https://acme.example/", ["b", "a"])]
    assert done.exit_code == CheckFailedError.exit_code
    assert "PP602" in json.dumps(json.loads(done.stdout))
    ignored = _project("c", table='[tool.pypi-publish.check.ignore]\nPP602 = "it is old"\n')
    ran.published = {"c": "2.0"}
    assert _check(ignored, only=("version",), target=NAMED).exception is None


@pytest.mark.parametrize(
    ("tag", "table", "fits"),
    [
        ("v1.0", "", True),
        ("v1.1", "", False),
        ("rel-1.0", '[tool.pypi-publish]\ntag-prefix = "rel-"\n', True),
        ("rel-1.1", '[tool.pypi-publish]\ntag-prefix = "rel-"\n', False),
    ],
)
def test_a_tag_is_compared_with_the_version(tag: str, table: str, *, fits: bool) -> None:
    done = _check(_project("a", table=table), only=("version",), target=NAMED, tag=tag)
    assert (done.exception is None) is fits, done.output
    assert ("PP603" in done.output) is not fits


def test_without_a_tag_those_that_are_pushed_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def pushed(folder: Path, prefix: str | None) -> list[Any]:
        return [parse_tag("v9", prefix)] if folder.name == "a" else []

    monkeypatch.setattr(checking, "pushed_tags", pushed)
    assert "PP603" in _check(_project("a"), only=("version",), target=NAMED).output
    assert "PP603" not in _check(_project("b"), only=("version",), target=NAMED).output
    assert "PP603" not in _check(Path("a"), only=("version",), target=NAMED, tag="v1.0").output


def test_fixes_are_written_and_named_before_the_rules_run(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "fix", lambda text, ignored: text.replace("1.0", f"1.{len(ignored)}.fixed"))
    fixed, same = _project("a", table='[tool.pypi-publish.check.ignore]\nPP602 = "why"\n'), _project("b", "2")
    done = _check(fixed, same, only=("source",), fix=True)
    assert [line for line in done.stderr.splitlines() if "Fixed" in line] == ["Fixed a/pyproject.toml"]
    assert 'version = "1.1.fixed"' in (fixed / "pyproject.toml").read_text()
    assert (same / "pyproject.toml").read_text() == TEXT.format(name="b", version="2")
    assert ran.source == ["a", "b"]
    assert "Fixed" not in _check(fixed, only=("source",), fix=True).output
    before = (fixed / "pyproject.toml").read_text()
    monkeypatch.setattr(checking, "fix", lambda *_: "")
    _check(fixed, only=("source",))
    assert (fixed / "pyproject.toml").read_text() == before


def test_a_path_that_does_not_exist_is_a_mistake_of_the_command() -> None:
    assert isinstance(_check(Path("absent")).exception, ConfigurationError)
