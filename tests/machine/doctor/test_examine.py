"""The whole examination: the index that it finds, the values that it hands on, and its order."""

from pathlib import Path
from typing import Any

import pytest

from publisher.credentials.chain import Target
from publisher.credentials.remembered import remember_username
from publisher.errors import HOW_TO_NAME_AN_INDEX
from publisher.machine.doctor import examine as examination
from publisher.machine.doctor.examine import DoctorInput, examine
from publisher.machine.doctor.index import Thresholds
from publisher.machine.paths import Machine
from publisher.secret import Secret
from tests.helpers.findings import run_check

REACHED, ACCEPTED = "reached", "accepted"


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Replace every check by one that finds nothing; return the list of their arguments in the order of the calls."""
    calls: list[tuple[Any, ...]] = []

    def stand_in(name: str, result: str | None = None) -> None:
        def check(*arguments: Any) -> Any:
            calls.append((name, *arguments))
            yield from ()
            return result

        monkeypatch.setattr(examination, f"check_{name}", check)

    for name in ("project", "workflows", "keyring", "lock_files", "tools"):
        stand_in(name)
    stand_in("index", REACHED)
    stand_in("credentials", ACCEPTED)
    return calls


def _examine(machine: Machine, **given: Any) -> tuple[list[tuple[str, str, str]], str | None]:
    found, url = run_check(examine(DoctorInput(machine, **given), Thresholds(slow=7.0)))
    return [(each.check, each.verdict.value, each.what) for each in found], None if url is None else url.root


def test_each_check_gets_the_results_of_the_earlier_ones(machine: Machine, called: list[tuple[Any, ...]]) -> None:
    (machine.folder / "pyproject.toml").write_text('[project]\nname = "acme-widgets"\nversion = "1"\n')
    secret = Secret("x")
    found, url = _examine(machine, index_url="https://acme.example/simple/", username="ada", password=secret)
    assert (found, url) == ([], "https://acme.example/")
    parsed = called[0][2]
    assert parsed.root == url
    assert called == [
        ("project", machine.folder, parsed),
        ("index", parsed, Thresholds(slow=7.0)),
        ("credentials", Target(parsed, "ada", secret), REACHED),
        ("workflows", machine.folder, parsed, "acme-widgets"),
        ("keyring", parsed, ACCEPTED),
        ("lock_files", machine.folder, parsed, ACCEPTED),
        ("tools", parsed, machine, ACCEPTED),
    ]


CONFIG = '[tool.pypi-publish]\nindex-url = "https://project.example/"\nusername = "bob"\n'


@pytest.mark.parametrize(
    ("given", "url", "username"),
    [
        ({}, "https://project.example/", "bob"),
        ({"index_url": "https://given.example/"}, "https://given.example/", "bob"),
        ({"username": "ada"}, "https://project.example/", "ada"),
    ],
)
def test_options_win_over_the_project(
    machine: Machine, called: list[tuple[Any, ...]], *, given: dict[str, str], url: str, username: str
) -> None:
    (machine.folder / "pyproject.toml").write_text(CONFIG)
    assert _examine(machine, **given)[1] == url
    targets = [arguments[0] for name, *arguments in called if name == "credentials"]
    assert [target.username for target in targets] == [username]


def test_a_broken_project_is_left_to_its_own_check(machine: Machine, called: list[tuple[Any, ...]]) -> None:
    (machine.folder / "pyproject.toml").write_text("[[")
    assert _examine(machine, index_url="https://acme.example/") == ([], "https://acme.example/")
    assert [arguments[-1] for name, *arguments in called if name == "workflows"] == [None]


def test_an_invalid_url_ends_the_examination_after_the_project(machine: Machine, called: list[tuple[Any, ...]]) -> None:
    ((check, level, _),), url = _examine(machine, index_url="nonsense")
    assert (check, level, url) == ("named", "problem", None)
    assert called == [("project", machine.folder, None)]


@pytest.mark.usefixtures("called")
def test_a_password_in_the_url_is_warned_of_and_is_not_shown(machine: Machine) -> None:
    found, url = _examine(machine, index_url="https://ada:hidden@acme.example/")
    assert [each[:2] for each in found] == [("named", "warning")]
    assert url == "https://acme.example/"
    assert "hidden" not in repr(found)


@pytest.mark.usefixtures("called")
def test_the_only_login_names_the_index(machine: Machine) -> None:
    remember_username("https://acme.example/", "ada")
    assert _examine(machine) == (
        [("named", "note", "No index URL is set; ada logged in to https://acme.example/.")],
        "https://acme.example/",
    )


@pytest.mark.usefixtures("called")
@pytest.mark.parametrize(
    ("logins", "words"),
    [
        ([], "No index URL is set."),
        (
            ["https://a.example/", "https://b.example/"],
            "No index URL is set. You are logged in to https://a.example/ and https://b.example/.",
        ),
    ],
)
def test_without_or_with_several_logins_an_index_has_to_be_named(
    machine: Machine, logins: list[str], words: str
) -> None:
    for url in logins:
        remember_username(url, "ada")
    (found,), index = run_check(examine(DoctorInput(machine), Thresholds()))
    assert (found.verdict.value, found.what, found.remedy) == ("problem", words, HOW_TO_NAME_AN_INDEX)
    assert index is None


def test_its_input_hides_the_password(tmp_path: Path) -> None:
    assert "hidden" not in repr(DoctorInput(Machine("linux", tmp_path, {}, tmp_path), password=Secret("hidden")))
