"""Setting tools up and taking that back: the tools, their scopes, and the changes of files."""

from dataclasses import replace
from pathlib import Path

import pytest

from publisher.client.models import Account
from publisher.client.url import parse_index_url
from publisher.errors import ConfigurationError
from publisher.files.changes import write_changes
from publisher.machine.configure import (
    TOOLS,
    default_scope,
    export_lines,
    files_with_passwords,
    forgetting_changes,
    found_tools,
    index_name,
    make_setup,
    print_setup,
    removal_changes,
    setup_changes,
    unset_tools,
)
from publisher.machine.paths import Machine
from publisher.machine.tools.tool import Setup
from publisher.secret import Secret
from tests.helpers.stand_ins import StandIns

URL = parse_index_url("https://acme.example/")
BESIDE = Setup(URL, "acme", "ada", packages=("acme-widgets",))
ALONE = Setup(URL, "acme", "ada", proxies_public=True)


def test_the_tools_in_their_order() -> None:
    assert {name: tool.command for name, tool in TOOLS.items()} == {
        "pip": "pip",
        "uv": "uv",
        "poetry": "poetry",
        "pdm": "pdm",
        "pypirc": "twine",
        "netrc": "",
    }


def test_tools_are_found_on_the_path(programs: StandIns, tmp_path: Path) -> None:
    assert found_tools() == []
    for name in ("twine", "uv", "netrc"):
        programs.add(name)
    assert [tool.name for tool in found_tools()] == ["uv", "pypirc"]
    assert found_tools(str(tmp_path)) == []


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://acme.example/", "acme"),
        ("https://acme-tools.example/", "acme-tools"),
        ("https://acme--pypiserver-server.modal.run/", "acme"),
        ("https://www.acme.example/", "private"),
        ("https://pypi.acme.example/", "private"),
        ("https://packages.acme.example/", "private"),
        ("https://index.acme.example/", "private"),
        ("https://simple.acme.example/", "private"),
        ("http://localhost:8080/", "private"),
        ("http://127.0.0.1:8080/", "private"),
        ("http://[::1]:8080/", "private"),
        ("https://a/", "a"),
        ("https://9a.example/", "private"),
    ],
)
def test_the_short_name_of_an_index(url: str, name: str) -> None:
    assert index_name(parse_index_url(url)) == name


def test_the_setup_of_an_account() -> None:
    assert make_setup(URL, None) == Setup(URL, "acme")
    assert make_setup(URL, Account("ada", None)) == Setup(URL, "acme", "ada")
    assert make_setup(URL, Account("ada", None, passes_on=True)) == ALONE


@pytest.mark.parametrize(
    ("tool", "environment", "scope"),
    [
        ("pip", {}, "user"),
        ("pip", {"VIRTUAL_ENV": ""}, "user"),
        ("pip", {"VIRTUAL_ENV": "/venv"}, "site"),
        ("uv", {"VIRTUAL_ENV": "/venv"}, "user"),
        ("poetry", {}, "project"),
        ("pdm", {}, "project"),
    ],
)
def test_the_usual_scope(machine: Machine, tool: str, environment: dict[str, str], scope: str) -> None:
    assert default_scope(TOOLS[tool], machine._replace(environment=environment)) == scope


def test_tools_that_are_not_set_up(programs: StandIns, machine: Machine) -> None:
    for name in ("pip", "uv", "poetry", "pdm", "twine"):
        programs.add(name)
    assert [tool.name for tool in unset_tools(BESIDE, machine)] == ["uv", "pypirc"]  # pdm's file can't have one beside
    assert [tool.name for tool in unset_tools(ALONE, machine)] == ["pip", "uv", "pdm", "pypirc"]
    write_changes([*setup_changes(TOOLS["uv"], ALONE, machine, "user").values()])
    assert [tool.name for tool in unset_tools(ALONE, machine)] == ["pip", "pdm", "pypirc"]
    (machine.home / ".pypirc").write_bytes(b"\xff")  # no text
    assert [tool.name for tool in unset_tools(ALONE, machine)] == ["pip", "pdm"]


def test_changes_of_one_file_add_up(machine: Machine) -> None:
    path = machine.folder / "pyproject.toml"
    path.write_text('[project]\nname = "x"\n')
    first = setup_changes(TOOLS["uv"], BESIDE, machine, "project")
    kept = dict(first)
    both = setup_changes(TOOLS["pdm"], BESIDE, machine, "project", first)
    assert first == kept  # the earlier ones are not touched
    assert list(both) == [path]
    assert both[path].before == '[project]\nname = "x"\n'
    after = both[path].after
    assert after is not None
    assert "[[tool.uv.index]]" in after
    assert "[[tool.pdm.source]]" in after
    left = removal_changes(TOOLS["uv"], machine, "project", both)[path].after
    assert left is not None
    assert "tool.uv" not in left
    assert "[[tool.pdm.source]]" in left


def test_a_file_becomes_private_with_a_secret_and_stays_so(machine: Machine) -> None:
    secret = replace(ALONE, password=Secret("x"))
    open_ = setup_changes(TOOLS["pypirc"], ALONE, machine, "user")
    private = setup_changes(TOOLS["pypirc"], secret, machine, "user")
    again = setup_changes(TOOLS["pypirc"], ALONE, machine, "user", private)
    assert [change.private for changes in (open_, private, again) for change in changes.values()] == [False, True, True]


def test_a_file_that_cannot_be_added_to_is_named(machine: Machine) -> None:
    path = machine.folder / "pyproject.toml"
    path.write_text("[[tool\n")
    with pytest.raises(ConfigurationError, match=f"^{path}: ") as caught:
        setup_changes(TOOLS["uv"], BESIDE, machine, "project")
    assert caught.value.path == path
    assert caught.value.hint


def test_without_a_file_there_is_nothing_to_remove(machine: Machine) -> None:
    assert removal_changes(TOOLS["uv"], machine, "user") == {}


def _set_up(machine: Machine, tool: str, scope: str, setup: Setup) -> Path:
    changes = setup_changes(TOOLS[tool], setup, machine, scope)
    write_changes([*changes.values()])
    return list(changes)[-1]


def test_a_person_s_files_are_forgotten_and_a_project_s_are_not(machine: Machine, tmp_path: Path) -> None:
    inside = machine._replace(environment={"VIRTUAL_ENV": str(tmp_path / "venv")})
    (tmp_path / "venv").mkdir()
    user = _set_up(machine, "pip", "user", ALONE)
    site = _set_up(inside, "pip", "site", ALONE)
    _set_up(machine, "uv", "project", ALONE)
    assert [change.path for change in forgetting_changes(TOOLS["pip"], URL, machine)] == [user]
    changes = forgetting_changes(TOOLS["pip"], URL, inside)
    assert [change.path for change in changes] == [user, site]
    assert all("acme.example" in str(change.before) for change in changes)
    assert not any("acme.example" in str(change.after) for change in changes)
    assert forgetting_changes(TOOLS["uv"], URL, machine) == []


@pytest.mark.parametrize("other", ["https://other.example/", "https://acme.example.org/", "https://my-acme.example/"])
@pytest.mark.parametrize("tool", ["pip", "uv", "pypirc", "netrc"])
def test_another_index_stays_set_up(machine: Machine, tool: str, other: str) -> None:
    setup = Setup(parse_index_url(other), "other", "ada", Secret("x") if tool == "netrc" else None, proxies_public=True)
    path = _set_up(machine, tool, "user", setup)
    assert forgetting_changes(TOOLS[tool], URL, machine) == []
    assert [change.path for change in forgetting_changes(TOOLS[tool], setup.url, machine)] == [path]


@pytest.mark.parametrize("tool", ["pip", "uv", "pypirc", "netrc", "poetry", "pdm"])
def test_embedded_passwords_are_found_and_forgotten(machine: Machine, tool: str) -> None:
    path = _set_up(
        machine, tool, "project" if tool == "poetry" else "user", replace(ALONE, password=Secret("correct horse"))
    )
    assert tool == "poetry" or files_with_passwords(URL, machine) == [path]
    (change,) = forgetting_changes(TOOLS[tool], URL, machine)
    assert change.path == path
    assert "correct" in str(change.before)
    assert "correct" not in str(change.after)


def test_text_of_others_that_names_the_index_is_left(machine: Machine) -> None:
    path = machine.home / ".config/pip/pip.conf"
    path.parent.mkdir(parents=True)
    path.write_text("[global]\nindex-url = https://acme.example/simple/\n")
    assert forgetting_changes(TOOLS["pip"], URL, machine) == []


def test_files_with_passwords_are_named_once_and_only_for_this_index(machine: Machine) -> None:
    path = machine.home / ".config/pip/pip.conf"
    path.parent.mkdir(parents=True)
    urls = ["https://ada:x@acme.example/simple/", "https://ada:y@acme.example/", "https://ada@acme.example/simple/"]
    path.write_text(f"[global]\nextra-index-url = {' '.join(urls)}\n")
    (machine.home / ".pypirc").write_text("[o]\nrepository = https://other.example/\npassword = x\n")
    (machine.home / ".netrc").write_text("machine acme.example login a password x\n")
    assert files_with_passwords(URL, machine) == [path, machine.home / ".netrc"]
    (machine.home / ".netrc").write_text("machine acme.example.org login a password x\n")
    path.write_bytes(b"\xff\xfe")  # can't be read
    assert files_with_passwords(URL, machine) == []


def test_a_setup_is_printed_without_marks(machine: Machine) -> None:
    ((path, text),) = print_setup(TOOLS["uv"], ALONE, machine, "user")
    assert path == machine.home / ".config/uv/uv.toml"
    assert text.startswith('keyring-provider = "subprocess"\n')
    assert 'url = "https://ada@acme.example/simple/"' in text
    assert "#" not in text
    assert not path.exists()


def test_variables_are_printed_for_a_shell() -> None:
    assert export_lines([TOOLS["pip"], TOOLS["netrc"]], ALONE) == [
        'export PIP_INDEX_URL="https://acme.example/simple/"',
        'export NETRC="$HOME/.netrc"',
    ]
    assert export_lines([], ALONE) == []
