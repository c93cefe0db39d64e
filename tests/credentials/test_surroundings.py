"""Keyrings, secrets and notes as they are on people's machines: slow, chatty, with stray characters, used by two."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from publisher.credentials.remembered import remember_username, remembered_logins
from publisher.secret import Credentials, Secret
from tests.conftest import PASSWORD, USER
from tests.helpers.index import RunningIndex
from tests.helpers.terminal import typed
from tests.helpers.tool import pypi_publish

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("before", ["", "\ufeff"])
@pytest.mark.parametrize("after", ["\n", "\r\n", "\n\n"])
def test_line_breaks_around_name_and_password_are_none_of_theirs(
    index: RunningIndex, before: str, after: str, keyring_file: Path
) -> None:
    name, password = f"{before}{USER}{after}", f"{before}{PASSWORD}{after}"
    env = {"PYPI_PUBLISH_USERNAME": name, "PYPI_PUBLISH_PASSWORD": password}
    url = f"{before}{index.url}{after}"
    assert pypi_publish("whoami", env={**env, "PYPI_PUBLISH_INDEX_URL": url}).stdout.strip() == USER
    assert pypi_publish("whoami", "--password-stdin", given=password, env={"PYPI_PUBLISH_USERNAME": name}).code == 0
    entries = {service: {USER: password} for service in (index.url, f"{index.url}simple/")}
    keyring_file.write_text(json.dumps(entries))
    assert pypi_publish("whoami", "-u", name).code == 0


def test_a_typed_secret_is_trimmed_and_shows_nothing() -> None:
    credentials = Credentials("ada\r\n", Secret("\ufeffs3cret\n"), "anywhere")
    assert (credentials.username, credentials.password.reveal()) == ("ada", "s3cret")
    assert "s3cret" not in repr(credentials)


def test_on_a_terminal_a_slow_keyring_is_named(index: RunningIndex) -> None:
    # two seconds: that is the time after which the wait is announced
    env = {"PYTHON_KEYRING_BACKEND": "tests.helpers.keyring_failures.Slow", "PYTHONPATH": str(ROOT)}
    env |= {"PYPI_PUBLISH_DEMO_KEYRING": os.devnull, "PYPI_PUBLISH_PASSWORD": ""}
    shown, code = typed(
        ["whoami"], [("for the keyring, which may have to be unlocked", ""), ("Password", PASSWORD)], env
    )
    assert code == 0, shown
    assert index.url


def test_output_of_a_keyring_does_not_reach_stdout(
    index: RunningIndex, keyring_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pypi_publish("login", "-u", USER, "--password-stdin", given=PASSWORD).code == 0
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.helpers.keyring_failures.Chatty")
    done = pypi_publish("whoami", "--json")
    assert done.json["index-url"] == index.url
    assert "a word from Python" in done.stderr
    assert "a word from a program" in done.stderr
    assert keyring_file.exists()


def test_two_logins_at_once_are_both_remembered() -> None:
    code = (
        "from publisher.credentials.remembered import remember_username as r\n"
        "for n in range(20): r(f'https://i{n}.example/', '{0}'); r(f'https://{0}{n}.example/', 'x')"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code.replace("{0}", name)], cwd=ROOT) for name in "abc"]
    assert [process.wait() for process in processes] == [0, 0, 0]
    found = {login.url.host for login in remembered_logins()}
    assert {f"{name}{number}.example" for name in "abc" for number in range(20)} <= found
    remember_username("https://a0.example/", "y")
    assert next(login.username for login in remembered_logins() if login.url.host == "a0.example") == "y"


def test_notes_that_cannot_be_written_are_reported(index: RunningIndex, keyring_file: Path) -> None:
    folder = Path(os.environ["XDG_CONFIG_HOME"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pypi-publish").write_text("a file in the folder's place")
    done = pypi_publish("login", "-u", USER, "--password-stdin", given=PASSWORD)
    assert done.code == 2
    assert "logins.json can't be written" in done.stderr
    assert "hint:" in done.stderr
    assert index.url
    assert keyring_file.exists()
