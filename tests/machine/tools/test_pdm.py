"""pdm: a project's sources and a person's default index, the commands that it is given, and its trial."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from publisher.client.url import parse_index_url
from publisher.errors import ConfigurationError
from publisher.files.toml import read_toml
from publisher.machine.candidate import Candidate
from publisher.machine.paths import Machine
from publisher.machine.tools.installer import Examined, InstalledTool, TypedCredentials
from publisher.machine.tools.pdm import Pdm
from publisher.machine.tools.tool import PUBLIC, ConfiguredIndex, Setup
from publisher.secret import Credentials, Secret
from tests.helpers.stand_ins import StandIns, cases

URL = parse_index_url("https://acme.example/")
OURS, OTHER = "https://acme.example/simple/", "https://other.example/simple/"
BESIDE = Setup(URL, "acme", "ada", packages=("acme-widgets", "acme-core"))
ALONE = Setup(URL, "acme", "ada", proxies_public=True)
TYPED = TypedCredentials(Credentials("ada", Secret("correct"), "typed"), Path("/made/up/netrc"), "widgets")
WIDGETS = Candidate("widgets", "1.1", frozenset({"1.0", "1.1"}))


@pytest.fixture
def tool(programs: StandIns) -> InstalledTool:
    """A pdm that has no configuration to show."""
    return InstalledTool("pdm", programs.add("pdm"), "2.26")


def _project(machine: Machine, *sources: tuple[str, str, str]) -> None:
    text = "".join(f'[[tool.pdm.source]]\nname = "{name}"\nurl = "{url}"\n{more}\n' for name, url, more in sources)
    (machine.folder / "pyproject.toml").write_text(text)


def _user_file(machine: Machine, text: str) -> Path:
    path = machine.home / ".config/pdm/config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("platform", "environment", "place"),
    [
        ("linux", {}, "home/.config/pdm/config.toml"),
        ("darwin", {}, "home/Library/Application Support/pdm/config.toml"),
        ("linux", {"PDM_CONFIG_FILE": "/elsewhere/pdm.toml"}, "/elsewhere/pdm.toml"),
    ],
)
def test_its_files(machine: Machine, platform: str, environment: Mapping[str, str], place: str) -> None:
    found = machine._replace(platform=platform, environment=environment)
    assert list(Pdm().paths(found, "user")) == [machine.home.parent / place]
    assert list(Pdm().paths(found, "project")) == [machine.folder / "pyproject.toml"]
    assert (Pdm.name, Pdm.command, list(Pdm.scopes)) == ("pdm", "pdm", ["project", "user"])


def _put(setup: Setup, machine: Machine, scope: str) -> dict[str, Any]:
    (edit,) = Pdm().edits(setup, machine, scope)
    assert edit.path == Pdm().paths(machine, scope)[0]
    assert edit.holds_secret is (setup.password is not None and scope == "user")
    return read_toml(edit.put(None))


def test_a_project_names_the_packages_of_the_index(machine: Machine) -> None:
    source = {"name": "acme", "url": OURS, "include_packages": ["acme-widgets", "acme-core"]}
    assert _put(BESIDE, machine, "project") == {"tool": {"pdm": {"source": [source]}}}


def test_an_index_that_passes_public_packages_on_takes_the_place_of_the_default_one(machine: Machine) -> None:
    assert _put(ALONE, machine, "project") == {"tool": {"pdm": {"source": [{"name": "pypi", "url": OURS}]}}}
    assert _put(ALONE, machine, "user") == {"pypi": {"url": OURS, "username": "ada"}}
    assert _put(replace(ALONE, username=None), machine, "user") == {"pypi": {"url": OURS}}
    embedded = replace(ALONE, password=Secret("correct"))
    assert _put(embedded, machine, "user") == {"pypi": {"url": OURS, "username": "ada", "password": "correct"}}


def test_an_index_beside_the_public_one_needs_the_names_of_its_packages(machine: Machine) -> None:
    with pytest.raises(ConfigurationError, match="needs the names of the packages") as caught:
        _put(replace(BESIDE, packages=()), machine, "project")
    assert "--package" in str(caught.value.hint)
    with pytest.raises(ConfigurationError, match="can only set one index") as caught:
        _put(BESIDE, machine, "user")
    assert "--scope project" in str(caught.value.hint)


def test_its_variables_set_the_default_index_or_nothing() -> None:
    assert Pdm().variables(BESIDE) == {}
    assert Pdm().variables(ALONE) == {
        "PDM_PYPI_URL": OURS,
        "PDM_PYPI_USERNAME": "$PYPI_PUBLISH_USERNAME",
        "PDM_PYPI_PASSWORD": "$PYPI_PUBLISH_PASSWORD",
    }


def test_its_notes_say_where_packages_come_from() -> None:
    (beside,), (alone,) = Pdm().notes(BESIDE, "project"), Pdm().notes(ALONE, "project")
    assert "the 2 packages in include_packages" in beside
    assert "only the private index" in alone


def test_sources_and_the_default_index_of_files_are_read(machine: Machine) -> None:
    assert list(Pdm().read(machine)) == []
    _project(machine, ("acme", OURS, ""))
    project = ConfiguredIndex(OURS, str(machine.folder / "pyproject.toml"))
    assert list(Pdm().read(machine)) == [project]
    path = _user_file(machine, f'[pypi]\nurl = "{OTHER}"\nusername = "a"\n')
    assert list(Pdm().read(machine)) == [project, ConfiguredIndex(OTHER, str(path))]
    path.write_text(f'[pypi]\nurl = "{OTHER}"\npassword = "a"\n')
    assert list(Pdm().read(machine))[1].holds_secret
    path.write_text("[pypi]\nurl = 1\n")
    assert list(Pdm().read(machine)) == [project]


def _asked(machine: Machine, tool: InstalledTool) -> list[tuple[str, str]]:
    return [(index.url, index.origin) for index in Pdm().asked(tool, Examined(machine, BESIDE, None))]


def test_the_default_index_is_asked_behind_the_sources(machine: Machine, tool: InstalledTool) -> None:
    origin = str(machine.folder / "pyproject.toml")
    assert _asked(machine, tool) == [(PUBLIC, "its default")]
    _project(machine, ("acme", OURS, ""))
    assert _asked(machine, tool) == [(OURS, origin), (PUBLIC, "its default")]
    _project(machine, ("acme", OURS, ""), ("pypi", OTHER, ""))
    assert _asked(machine, tool) == [(OURS, origin), (OTHER, origin)]


def test_the_default_index_is_the_one_that_pdm_shows(machine: Machine, tool: InstalledTool, programs: StandIns) -> None:
    shown = "printf 'Site configuration\\npypi.url = https://site.example/\\nHome configuration (x):\\n%s\\n'"
    programs.add("pdm", f"{shown} 'pypi.url = https://home.example/'")
    assert _asked(machine, tool) == [("https://home.example/", "`pdm config pypi.url`")]
    assert programs.calls("pdm") == ["config"]
    programs.add("pdm", f"{shown} 'x.pypi.url = y'")
    assert _asked(machine, tool) == [(PUBLIC, "its default")]
    named = machine._replace(environment={"PDM_PYPI_URL": OTHER})
    assert _asked(named, tool) == [(OTHER, "PDM_PYPI_URL")]
    assert len(programs.calls("pdm")) == 2


@pytest.mark.parametrize(
    ("sources", "others", "risk"),
    [
        ([("a", OURS, "")], [], None),
        ([("a", OURS, "")], [OTHER], f"it takes the highest version that this index or {OTHER} has"),
        ([("a", OURS, 'include_packages = ["acme-*"]')], [OTHER], None),
        (
            [("a", OURS, "include_packages = []")],
            [OTHER],
            f"it takes the highest version that this index or {OTHER} has",
        ),
        (
            [("a", OURS, ""), ("b", OTHER, 'include_packages = ["acme-*"]')],
            [OTHER],
            f"it takes the highest version that this index or {OTHER} has",
        ),
    ],
)
def test_how_it_could_be_misled(
    machine: Machine, sources: list[tuple[str, str, str]], others: list[str], risk: str | None
) -> None:
    _project(machine, *sources)
    asked = [ConfiguredIndex(url, "") for url in (OURS, *others)]
    assert Pdm().risk(asked, Examined(machine, BESIDE, None)) == risk


def test_the_commands_that_install(machine: Machine, tool: InstalledTool) -> None:
    examined = Examined(machine, BESIDE, None)
    own, other = [ConfiguredIndex(OURS, "")], [ConfiguredIndex(OTHER, "")]
    assert Pdm().install_command(tool, own, examined, "widgets") == "pdm add widgets"
    longer = "pypi-publish config pdm --write && pdm add widgets"
    assert Pdm().install_command(tool, other, examined, "widgets") == longer
    (found,) = Pdm().fallbacks(tool, other, examined, TYPED)
    assert found.command == longer
    assert found.environment == {"NETRC": "/made/up/netrc"}
    assert found.note == "asks for user name and password"


def _locking(version: str, code: int) -> str:
    package = f'[[package]]\\nname = "widgets"\\nversion = "{version}"\\n'
    keep = 'while IFS= read -r line; do printf "%s\\n" "$line"; done < pyproject.toml > "$KEPT.toml"'
    lock = f"{keep}; printf '{package}' > pdm.lock; exit {code}"
    sync = 'echo "$PDM_CHECK_UPDATE $PDM_USE_VENV" > "$KEPT.sync"'
    return f"shift\n{cases(('lock', lock), ('sync', sync))}"


@pytest.mark.parametrize(
    ("version", "code", "calls"),
    [
        ("1.1", 0, ["--non-interactive lock", "--non-interactive sync --no-self"]),
        ("9.9", 0, ["--non-interactive lock"]),
        ("1.1", 1, ["--non-interactive lock"]),
    ],
)
def test_a_trial_locks_and_installs_what_is_on_the_index(
    machine: Machine, programs: StandIns, tmp_path: Path, *, version: str, code: int, calls: list[str]
) -> None:
    tool = InstalledTool("pdm", programs.add("pdm", _locking(version, code)), "2.26")
    _project(machine, ("b", OTHER, ""))
    examined = Examined(machine, BESIDE, WIDGETS, {"KEPT": str(tmp_path / "kept")})
    trial = Pdm().try_download(tool, [ConfiguredIndex(OTHER, "")], examined, WIDGETS)
    assert (trial.version, trial.outcome.code) == (version, code)
    assert "pdm lock -v" in trial.hint
    assert programs.calls("pdm") == calls
    written = read_toml((tmp_path / "kept.toml").read_text())
    assert written["project"]["dependencies"] == ["widgets"]
    assert written["project"]["name"]
    pdm = written["tool"]["pdm"]
    assert pdm["distribution"] is False
    assert pdm["resolution"] == {"allow-prereleases": True}
    assert [source["name"] for source in pdm["source"]] == ["b", "acme"]
    assert pdm["source"][1]["include_packages"] == ["widgets"]
    if len(calls) == 2:
        assert (tmp_path / "kept.sync").read_text() == "false false\n"


def test_a_trial_in_a_project_with_the_index_adds_no_source(
    machine: Machine, programs: StandIns, tmp_path: Path
) -> None:
    tool = InstalledTool("pdm", programs.add("pdm", _locking("1.1", 0)), "2.26")
    _project(machine, ("ours", OURS, ""))
    examined = Examined(machine, BESIDE, WIDGETS, {"KEPT": str(tmp_path / "kept")})
    Pdm().try_download(tool, [ConfiguredIndex(OURS, "")], examined, WIDGETS)
    assert [source["name"] for source in read_toml((tmp_path / "kept.toml").read_text())["tool"]["pdm"]["source"]] == [
        "ours"
    ]
