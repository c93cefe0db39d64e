"""The checks of keyring, with a `keyring` command of the test's own."""

import pytest

from publisher.client.models import Account
from publisher.client.url import parse_index_url
from publisher.credentials import keyring
from publisher.errors import CredentialsError
from publisher.machine.doctor.credentials import Accepted
from publisher.machine.doctor.keyring import check_keyring
from publisher.secret import Credentials, Secret
from tests.helpers.stand_ins import StandIns

URL = parse_index_url("https://acme.example/")
SIMPLE, OTHER = "https://acme.example/simple/", "https://acme.example/legacy/"
GOOD = """echo '{"username": "ada", "password": "good"}'"""


def _accepted(source: str = "keyring") -> Accepted:
    return Accepted(Credentials("ada", Secret("good"), source), Account("ada", None))


@pytest.fixture
def programs(programs: StandIns, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    monkeypatch.setattr(keyring, "holders", lambda: ["a safe place", "another"])
    return programs


def _check(accepted: Accepted | None = None) -> list[tuple[str, str, str]]:
    return [(found.check, found.verdict.value, found.what) for found in check_keyring(URL, accepted)]


def _answering(*, simple: str, named: str = "exit 1", other: str = GOOD) -> str:
    """Return a script that answers for the simple URL, for it with the user's name, and for another URL."""
    return f'shift 3\ncase "$*" in "{SIMPLE}") {simple};; "{SIMPLE} ada") {named};; "{OTHER}") {other};; esac'


@pytest.mark.parametrize(
    ("accepted", "level"), [(None, "problem"), (_accepted(), "problem"), (_accepted("netrc"), "note")]
)
def test_without_a_keyring_a_password_has_no_place(
    monkeypatch: pytest.MonkeyPatch, accepted: Accepted | None, level: str
) -> None:
    monkeypatch.setattr(keyring, "holders", list)
    assert _check(accepted) == [("backend", level, "No keyring can store passwords here.")]


def test_a_keyring_that_fails_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> list[str]:
        raise CredentialsError("It is locked.", hint="Unlock it.")

    monkeypatch.setattr(keyring, "holders", fail)
    (found,) = check_keyring(URL, _accepted())
    assert (found.check, found.verdict.value) == ("backend", "problem")
    assert (found.what, found.remedy) == ("It is locked.", "Unlock it.")


@pytest.mark.parametrize("accepted", [None, _accepted("netrc")])
def test_the_command_is_asked_only_for_a_password_of_keyring(programs: StandIns, accepted: Accepted | None) -> None:
    programs.add("keyring", GOOD)
    assert _check(accepted) == [("backend", "ok", "Passwords are saved in a safe place.")]
    assert programs.calls("keyring") == []


@pytest.mark.usefixtures("programs")
def test_a_keyring_in_clear_text_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "keeps_plain_text", lambda holder: holder == "a safe place")
    (_, found) = _check()
    assert found[:2] == ("plain-text", "note")
    assert found[2].startswith("a safe place keeps passwords unencrypted")


@pytest.mark.usefixtures("programs")
def test_without_the_command_tools_find_nothing() -> None:
    (_, found) = check_keyring(URL, _accepted())
    assert (found.check, found.verdict.value) == ("command", "warning")
    assert "No `keyring` command on the PATH" in found.what
    assert "keyring" in str(found.remedy)


def test_a_command_that_finds_the_password_is_well(programs: StandIns) -> None:
    program = programs.add("keyring", _answering(simple=GOOD))
    assert _check(_accepted())[1:] == [
        ("command", "ok", f"{program} finds the password too, as pip and uv ask for it.")
    ]
    assert programs.calls("keyring") == [f"--mode=creds --output=json get {url}" for url in (SIMPLE, OTHER)]


@pytest.mark.parametrize("other", ["exit 1", "echo nonsense", "echo '[1]'", """echo '{"username": "ada"}'"""])
def test_a_command_without_the_plug_in_is_noted(programs: StandIns, other: str) -> None:
    programs.add("keyring", _answering(simple=GOOD, other=other))
    *_, command, plug_in = _check(_accepted())
    assert command[1] == "ok"
    assert plug_in[:2] == ("plug-in", "note")


@pytest.mark.parametrize(
    "answer", ["""{"username": "ada", "password": "old"}""", """{"username": "bob", "password": "good"}"""]
)
def test_another_password_is_a_problem(programs: StandIns, answer: str) -> None:
    program = programs.add("keyring", _answering(simple=f"echo '{answer}'"))
    ((check, level, what),) = _check(_accepted())[1:]
    assert (check, level) == ("command", "problem")
    assert what == f"{program} returns a different password, for {'ada' if 'ada' in answer else 'bob'}."


def test_a_command_that_finds_nothing_is_a_problem(programs: StandIns) -> None:
    program = programs.add("keyring", _answering(simple="exit 1", named="echo 'no backend' >&2; exit 1"))
    ((check, level, what),) = _check(_accepted())[1:]
    assert (check, level) == ("command", "problem")
    assert what == f"{program} does not find the password that pypi-publish finds: no backend."


def test_a_command_that_needs_the_name_is_warned_of(programs: StandIns) -> None:
    program = programs.add("keyring", _answering(simple="exit 1", named=GOOD))
    ((check, level, what),) = _check(_accepted())[1:]
    assert (check, level) == ("command", "warning")
    assert what == f"{program} finds the password only for tools that send the user name."
    assert programs.calls("keyring")[-1].endswith(f"{SIMPLE} ada")


def test_a_command_that_knows_no_modes_is_too_old(programs: StandIns) -> None:
    program = programs.add("keyring", "echo 'error: unrecognized arguments: --mode=creds' >&2; exit 2")
    ((check, level, what),) = _check(_accepted())[1:]
    assert check == "command"
    assert (level, what) == ("problem", f"{program} is too old for pip, which needs 25.2.1 or newer.")
