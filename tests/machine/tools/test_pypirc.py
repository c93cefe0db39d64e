"""The file .pypirc: the servers in it, and the findings about it."""

from dataclasses import replace
from pathlib import Path

import pytest

from publisher.client.url import parse_index_url
from publisher.errors import ConfigurationError
from publisher.files.ini import parse_ini
from publisher.machine.paths import Machine
from publisher.machine.tools.installer import Examined
from publisher.machine.tools.pypirc import Pypirc
from publisher.machine.tools.tool import ConfiguredIndex, Setup
from publisher.secret import Secret
from tests.helpers.findings import run_check
from tests.helpers.stand_ins import StandIns

URL = parse_index_url("https://acme.example/")
SETUP = Setup(URL, "acme", "ada")


def _write(machine: Machine, text: str, mode: int = 0o600) -> Path:
    path = machine.home / ".pypirc"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("before", "servers"),
    [
        (None, ["pypi", "testpypi", "acme"]),
        ("[pypi]\nusername = x\n", ["pypi", "testpypi", "acme"]),
        ("[distutils]\nindex-servers = pypi other\n", ["pypi", "other", "acme"]),
        ("[distutils]\nindex-servers =\n", ["acme"]),
        ("[distutils]\nindex-servers =\n    acme\n    other\n", ["acme", "other"]),
    ],
)
def test_the_index_joins_the_servers_that_are_listed(machine: Machine, before: str | None, servers: list[str]) -> None:
    (edit,) = Pypirc().edits(SETUP, machine, "user")
    assert (edit.path, edit.holds_secret) == (machine.home / ".pypirc", False)
    found = parse_ini(edit.put(before))
    assert (found.value("distutils", "index-servers") or "").split() == servers
    assert found.value("acme", "repository") == "https://acme.example/"
    assert found.value("acme", "username") == "ada"
    assert found.value("acme", "password") is None


def test_name_and_password_are_written_when_they_are_given(machine: Machine) -> None:
    (edit,) = Pypirc().edits(replace(SETUP, password=Secret("correct")), machine, "user")
    assert edit.holds_secret
    assert parse_ini(edit.put(None)).value("acme", "password") == "correct"
    assert (Pypirc.name, list(Pypirc.scopes)) == ("pypirc", ["user"])
    (edit,) = Pypirc().edits(replace(SETUP, username=None), machine, "user")
    assert parse_ini(edit.put(None)).value("acme", "username") is None


def test_its_variables_and_note() -> None:
    assert Pypirc().variables(SETUP) == {
        "TWINE_REPOSITORY_URL": "https://acme.example/",
        "TWINE_USERNAME": "$PYPI_PUBLISH_USERNAME",
        "TWINE_PASSWORD": "$PYPI_PUBLISH_PASSWORD",
    }
    (note,) = Pypirc().notes(SETUP, "user")
    assert "twine upload -r acme" in note
    assert "hatch publish -r https://acme.example/" in note


def test_repositories_are_read_with_their_passwords(machine: Machine) -> None:
    assert list(Pypirc().read(machine)) == []
    path = _write(
        machine,
        "[a]\nrepository = https://a.example/\npassword = x\n[b]\nrepository = https://b.example/\nusername = y\n",
    )
    assert list(Pypirc().read(machine)) == [
        ConfiguredIndex("https://a.example/", str(path), secret_beside=True),
        ConfiguredIndex("https://b.example/", str(path)),
    ]
    _write(machine, "[a]\nrepository =\n")
    with pytest.raises(ConfigurationError, match=r"`repository` in \[a\] has no value"):
        Pypirc().read(machine)


def _findings(machine: Machine) -> dict[str, tuple[str, str, str | None]]:
    found, result = run_check(Pypirc().examine(Examined(machine, SETUP, None)))
    assert result is None  # nothing installs by this file
    return {finding.check: (finding.verdict.value, finding.what, finding.remedy) for finding in found}


OWN = "[mine]\nrepository = https://acme.example/legacy/\nusername = ada\n"


def test_the_index_by_its_name_for_each_publisher(machine: Machine, programs: StandIns) -> None:
    assert _findings(machine) == {}  # no twine, no file
    path = _write(machine, OWN)
    assert _findings(machine) == {"twine": ("ok", f"flit and hatch know this index as 'mine', from {path}.", None)}
    programs.add("twine", "echo twine version 6.1.0")
    assert _findings(machine)["twine"] == (
        "ok",
        f"twine 6.1.0 knows this index as 'mine', and so do flit and hatch, from {path}.",
        None,
    )
    path.unlink()
    level, what, remedy = _findings(machine)["twine"]
    assert (level, remedy) == ("note", "`pypi-publish config pypirc --write`")
    assert what.startswith("twine 6.1.0 has no name for this index")


@pytest.mark.parametrize(
    ("text", "environment", "place", "option"),
    [
        ("", {}, "the public index", "--repository-url https://acme.example/"),
        (OWN, {}, "the public index", "-r mine"),
        (OWN, {"TWINE_REPOSITORY": "other"}, "'other'", "-r mine"),
        (OWN, {"TWINE_REPOSITORY": "mine"}, None, ""),
        ("", {"TWINE_REPOSITORY": "mine"}, "'mine'", "--repository-url https://acme.example/"),
        (OWN, {"TWINE_REPOSITORY_URL": "https://other.example/"}, "https://other.example/", "-r mine"),
        ("", {"TWINE_REPOSITORY_URL": "https://acme.example/"}, None, ""),
        # the URL wins over the name
        (
            OWN,
            {"TWINE_REPOSITORY_URL": "https://o.example/", "TWINE_REPOSITORY": "mine"},
            "https://o.example/",
            "-r mine",
        ),
        ("", {"TWINE_REPOSITORY_URL": "https://acme.example/", "TWINE_REPOSITORY": "other"}, None, ""),
    ],
)
def test_where_twine_uploads_without_options(
    machine: Machine,
    programs: StandIns,
    *,
    text: str,
    environment: dict[str, str],
    place: str | None,
    option: str,
) -> None:
    programs.add("twine", "echo twine version 6.1.0")
    _write(machine, text)
    found = _findings(machine._replace(environment=environment)).get("twine-leak")
    if place is None:
        assert found is None
    else:
        assert found is not None
        assert found[:2] == ("note", f"twine 6.1.0 uploads to {place} unless you pass `{option}`.")
        assert "Private :: Do Not Upload" in str(found[2])


@pytest.mark.parametrize(
    ("platform", "text", "mode", "warned"),
    [
        ("linux", f"{OWN}password = x\n", 0o600, False),
        ("linux", f"{OWN}password = x\n", 0o640, True),
        ("linux", f"{OWN}password = x\n", 0o604, True),
        ("linux", OWN, 0o644, False),
        ("win32", f"{OWN}password = x\n", 0o644, False),
    ],
)
@pytest.mark.usefixtures("programs")
def test_a_password_that_others_can_read(
    machine: Machine, *, platform: str, text: str, mode: int, warned: object
) -> None:
    path = _write(machine, text, mode)
    found = _findings(machine._replace(platform=platform)).get("pypirc-mode")
    assert (found is not None) is warned
    if found:
        assert (found[0], found[2]) == ("warning", f"chmod 600 {path}")


@pytest.mark.usefixtures("programs")
def test_a_file_that_cannot_be_read_is_a_problem(machine: Machine) -> None:
    path = _write(machine, "[a]\nrepository\n")
    level, what, remedy = _findings(machine)["pypirc"]
    assert (level, remedy) == ("problem", "Fix the file.")
    assert what == f"{path} can't be read: `repository` in [a] has no value."
