"""poetry: sources and credentials, the commands that it is given, and its trial."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from publisher.client.url import parse_index_url
from publisher.files.toml import read_toml
from publisher.machine.candidate import Candidate
from publisher.machine.paths import Machine
from publisher.machine.tools.installer import Examined, InstalledTool, TypedCredentials
from publisher.machine.tools.poetry import Poetry
from publisher.machine.tools.tool import PUBLIC, ConfiguredIndex, Setup
from publisher.secret import Credentials, Secret
from tests.helpers.stand_ins import StandIns, cases

URL = parse_index_url("https://acme.example/")
BESIDE = Setup(URL, "my-acme", "ada", packages=("acme-widgets", "acme-core"))
ALONE = replace(BESIDE, proxies_public=True)
TOOL = InstalledTool("poetry", Path("/bin/poetry"), "2.1.3")
TYPED = TypedCredentials(Credentials("ada lovelace", Secret("correct"), "typed"), Path("/tmp/netrc"), "widgets")
WIDGETS = Candidate("widgets", "1.1", frozenset({"1.0", "1.1"}))
SOURCE = '[[tool.poetry.source]]\nname = "{name}"\nurl = "{url}"\n{more}\n'


def _project(machine: Machine, *sources: tuple[str, str, str]) -> list[ConfiguredIndex]:
    """Write a project with sources, each a name, a URL and more keys; return the indexes that poetry asks."""
    text = "".join(SOURCE.format(name=name, url=url, more=more) for name, url, more in sources)
    (machine.folder / "pyproject.toml").write_text(text)
    return list(Poetry().asked(TOOL, Examined(machine, BESIDE, None)))


def _examined(machine: Machine, setup: Setup = BESIDE) -> Examined:
    return Examined(machine, setup, None)


@pytest.mark.parametrize(
    ("platform", "environment", "place"),
    [
        ("linux", {}, "home/.config/pypoetry/auth.toml"),
        ("darwin", {}, "home/Library/Application Support/pypoetry/auth.toml"),
        ("win32", {}, "home/AppData/Roaming/pypoetry/auth.toml"),
        ("linux", {"POETRY_CONFIG_DIR": "/elsewhere"}, "/elsewhere/auth.toml"),
    ],
)
def test_its_files(machine: Machine, platform: str, environment: Mapping[str, str], place: str) -> None:
    found = machine._replace(platform=platform, environment=environment)
    assert list(Poetry().paths(found, "project")) == [machine.folder / "pyproject.toml", machine.home.parent / place]
    assert (Poetry.name, Poetry.command, list(Poetry.scopes)) == ("poetry", "poetry", ["project"])


def test_credentials_are_written_beside_the_project_only_when_they_are_to_be(machine: Machine) -> None:
    assert len(Poetry().edits(BESIDE, machine, "project")) == 1
    project, auth = Poetry().edits(replace(BESIDE, password=Secret("correct")), machine, "project")
    assert (project.holds_secret, auth.holds_secret) == (False, True)
    assert auth.path.name == "auth.toml"
    assert "correct" not in project.put(None)
    assert read_toml(auth.put(None)) == {"http-basic": {"my-acme": {"username": "ada", "password": "correct"}}}
    nameless = Poetry().edits(Setup(URL, "a", None, Secret("x")), machine, "project")[1]
    assert read_toml(nameless.put(None))["http-basic"]["a"]["username"] == ""


def test_its_variables_are_named_after_the_source() -> None:
    assert Poetry().variables(BESIDE) == {
        "POETRY_HTTP_BASIC_MY_ACME_USERNAME": "$PYPI_PUBLISH_USERNAME",
        "POETRY_HTTP_BASIC_MY_ACME_PASSWORD": "$PYPI_PUBLISH_PASSWORD",
    }


def test_its_notes_say_where_packages_come_from() -> None:
    (beside,), (alone,) = Poetry().notes(BESIDE, "project"), Poetry().notes(ALONE, "project")
    assert "poetry add --source my-acme NAME" in beside
    assert "primary source" in alone


def _put(setup: Setup, machine: Machine, text: str | None) -> dict[str, Any]:
    document: dict[str, Any] = read_toml(Poetry().edits(setup, machine, "project")[0].put(text))
    return dict(document["tool"]["poetry"])


def test_an_index_that_passes_public_packages_on_is_the_primary_source_and_nothing_else_changes(
    machine: Machine,
) -> None:
    text = '[project]\nname = "x"\ndependencies = ["acme-widgets"]\n'
    for given in (None, text):
        assert _put(ALONE, machine, given) == {
            "source": [{"name": "my-acme", "url": "https://acme.example/simple/", "priority": "primary"}]
        }


def test_each_package_of_the_index_names_an_explicit_source(machine: Machine) -> None:
    text = '[project]\nname = "x"\ndependencies = ["attrs", "Acme_Widgets>=1"]\n'
    assert _put(BESIDE, machine, text) == {
        "source": [{"name": "my-acme", "url": "https://acme.example/simple/", "priority": "explicit"}],
        "dependencies": {"acme-widgets": {"source": "my-acme"}},
    }
    assert list(_put(BESIDE, machine, None)) == ["source"]
    assert list(_put(BESIDE, machine, '[project]\nname = "x"\ndependencies = ["attrs"]\n')) == ["source"]


@pytest.mark.parametrize(
    ("own", "named"),
    [
        ('acme-widgets = {version = "^1", source = "other"}', []),  # it has a source already
        ('acme-widgets = {version = "^1"}', ["acme-widgets"]),
        ('acme-widgets = "^1"', ["acme-widgets"]),
    ],
)
def test_packages_that_poetry_s_own_table_lists_are_named_in_a_group(
    machine: Machine, own: str, named: list[str]
) -> None:
    found = _put(BESIDE, machine, f"[tool.poetry.dependencies]\n{own}\n")
    groups = found.get("group", {})
    assert list(groups.get("via-my-acme", {}).get("dependencies", {})) == named
    if named:
        assert groups["via-my-acme"]["optional"] is True


def test_packages_that_others_bring_along_are_named_in_a_group(machine: Machine) -> None:
    needs = {"acme-widgets": {"acme-core"}, "acme-core": {"acme-base"}, "acme-other": {"acme-more"}}
    setup = replace(BESIDE, private_dependencies=needs)
    found = _put(setup, machine, '[project]\nname = "x"\ndependencies = ["acme-widgets"]\n')
    assert found["group"]["via-my-acme"]["dependencies"] == {
        name: {"version": "*", "source": "my-acme"} for name in ("acme-base", "acme-core")
    }
    assert list(found["dependencies"]) == ["acme-widgets"]


def test_the_indexes_that_it_asks(machine: Machine) -> None:
    origin = str(machine.folder / "pyproject.toml")
    assert _project(machine, ("a", "https://a.example/", ""), ("PyPI", "", "")) == [
        ConfiguredIndex("https://a.example/", origin),
        ConfiguredIndex(PUBLIC, origin),
    ]
    assert list(Poetry().read(machine)) == list(Poetry().asked(TOOL, _examined(machine)))


OURS, OTHER = "https://acme.example/simple/", "https://other.example/simple/"


@pytest.mark.parametrize(
    ("sources", "risk"),
    [
        ([("a", OURS, 'priority = "explicit"'), ("b", OTHER, "")], None),
        ([("a", OURS, 'priority = "EXPLICIT"'), ("b", OTHER, "")], None),
        ([("a", OURS, "")], None),
        ([("a", OURS, 'priority = "primary"'), ("b", OTHER, 'priority = "supplemental"')], None),
        ([("a", OURS, ""), ("b", OTHER, 'priority = "explicit"')], None),
        ([("a", OURS, ""), ("b", OTHER, "")], f"it takes the highest version that this index or {OTHER} has"),
        (
            [("b", OTHER, 'priority = "default"'), ("a", OURS, "")],
            f"it takes the highest version that this index or {OTHER} has",
        ),
        ([("a", OURS, 'priority = "supplemental"')], "it asks the public index first, and this index for the rest"),
        (
            [("a", OURS, 'priority = "supplemental"'), ("b", OTHER, "")],
            f"it asks {OTHER} first, and this index for the rest",
        ),
    ],
)
def test_how_it_could_be_misled(machine: Machine, sources: list[tuple[str, str, str]], risk: str | None) -> None:
    assert Poetry().risk(_project(machine, *sources), _examined(machine)) == risk


@pytest.mark.parametrize(
    ("sources", "command"),
    [
        ([], "pypi-publish config poetry --write && poetry add --source my-acme widgets"),
        ([("b", OTHER, "")], "pypi-publish config poetry --write && poetry add --source my-acme widgets"),
        ([("b", OTHER, ""), ("ours", OURS, 'priority = "explicit"')], "poetry add --source ours widgets"),
        ([("ours", OURS, "")], "poetry add widgets"),
    ],
)
def test_the_command_that_installs(machine: Machine, sources: list[tuple[str, str, str]], command: str) -> None:
    asked = _project(machine, *sources)
    assert Poetry().install_command(TOOL, asked, _examined(machine), "widgets") == command


def test_the_command_for_a_primary_index_names_no_source(machine: Machine) -> None:
    command = Poetry().install_command(TOOL, _project(machine), _examined(machine, ALONE), "widgets")
    assert command == "pypi-publish config poetry --write && poetry add widgets"


@pytest.mark.parametrize(
    ("sources", "name", "command"),
    [
        ([("b", OTHER, ""), ("our-own", OURS, "")], "our-own", "{store} && poetry add widgets"),
        (
            [],
            "my-acme",
            "pypi-publish config poetry --write && {store} && poetry add --source my-acme widgets",
        ),
    ],
)
def test_the_other_command_stores_the_password_once(
    machine: Machine, sources: list[tuple[str, str, str]], name: str, command: str
) -> None:
    asked = _project(machine, *sources)
    (found,) = Poetry().fallbacks(TOOL, asked, _examined(machine), TYPED)
    assert found.command == command.format(store=f"poetry config http-basic.{name} 'ada lovelace'")
    variable = name.upper().replace("-", "_")
    assert found.environment == {
        f"POETRY_HTTP_BASIC_{variable}_USERNAME": "ada lovelace",
        f"POETRY_HTTP_BASIC_{variable}_PASSWORD": "correct",
    }
    assert found.note == "asks for the password once"
    assert "correct" not in repr(found)


def _locking(version: str, code: int = 0) -> str:
    """Return a script that locks a version, and keeps the project and its environment for the test to read."""
    package = f'[[package]]\\nname = "widgets"\\nversion = "{version}"\\n'
    lock = f"read_all < pyproject.toml > \"$KEPT.toml\"; printf '{package}' > poetry.lock; exit {code}"
    venv = 'echo "$POETRY_VIRTUALENVS_IN_PROJECT $POETRY_VIRTUALENVS_CREATE $GIVEN" > "$KEPT.venv"'
    reading = 'read_all() { while IFS= read -r line; do printf "%s\\n" "$line"; done; }; shift'
    return f"{reading}\n{cases(('lock', lock), ('install', venv))}"


@pytest.mark.parametrize(
    ("version", "code", "calls"),
    [
        ("1.1", 0, ["--no-interaction lock", "--no-interaction install --no-root"]),
        ("1.0", 0, ["--no-interaction lock", "--no-interaction install --no-root"]),
        ("9.9", 0, ["--no-interaction lock"]),  # a stranger's is not installed
        ("1.1", 1, ["--no-interaction lock"]),
    ],
)
def test_a_trial_locks_and_installs_what_is_on_the_index(
    machine: Machine, programs: StandIns, tmp_path: Path, *, version: str, code: int, calls: list[str]
) -> None:
    tool = TOOL._replace(program=programs.add("poetry", _locking(version, code)))
    examined = Examined(machine, BESIDE, WIDGETS, {"KEPT": str(tmp_path / "kept"), "GIVEN": "given"})
    asked = _project(machine, ("b", OTHER, ""))
    trial = Poetry().try_download(tool, asked, examined, WIDGETS)
    assert (trial.version, trial.outcome.code) == (version, code)
    assert "poetry config http-basic.my-acme USER" in trial.hint
    assert programs.calls("poetry") == calls
    poetry = read_toml((tmp_path / "kept.toml").read_text())["tool"]["poetry"]
    assert poetry["package-mode"] is False
    assert [source["name"] for source in poetry["source"]] == ["b", "my-acme"]
    assert poetry["dependencies"]["widgets"] == {"version": "*", "allow-prereleases": True, "source": "my-acme"}
    if len(calls) == 2:
        assert (tmp_path / "kept.venv").read_text() == "true true given\n"


def test_a_trial_in_a_project_with_the_index_uses_its_source(
    machine: Machine, programs: StandIns, tmp_path: Path
) -> None:
    tool = TOOL._replace(program=programs.add("poetry", _locking("1.1")))
    examined = Examined(machine, BESIDE, WIDGETS, {"KEPT": str(tmp_path / "kept")})
    asked = _project(machine, ("b", OTHER, ""), ("ours", OURS, ""))
    trial = Poetry().try_download(tool, asked, examined, WIDGETS)
    assert "http-basic.ours USER" in trial.hint
    poetry = read_toml((tmp_path / "kept.toml").read_text())["tool"]["poetry"]
    assert [source["name"] for source in poetry["source"]] == ["b", "ours"]
    assert poetry["dependencies"]["widgets"] == {"version": "*", "allow-prereleases": True}
