"""Logging in and out with the real command, and what pip, uv and twine then find by themselves."""

import sys
from pathlib import Path

import pytest

from publisher.credentials.remembered import remember_username
from tests.conftest import PASSWORD, USER
from tests.helpers.dists import make_wheel
from tests.helpers.index import RunningIndex
from tests.helpers.terminal import typed
from tests.helpers.tool import Result, pypi_publish, run


def _log_in(password: str = PASSWORD) -> Result:
    return pypi_publish("login", "--username", USER, "--password-stdin", given=f"{password}\n")


def test_login_proves_stores_and_logout_removes(index: RunningIndex, keyring_file: Path, tmp_path: Path) -> None:
    done = _log_in()
    assert done.code == 0, done.stderr
    assert "Rights: maintainer of * (create, manage, publish, read)" in done.stderr
    assert PASSWORD not in done.everything

    who = pypi_publish("whoami", "--json")
    assert who.json == {
        "username": USER,
        "index-url": index.url,
        "rights": ["download", "list", "update"],
        "grants": [{"rights": ["create", "manage", "publish", "read"], "projects": "*", "role": "maintainer"}],
        "source": "keyring",
        "passes-on": False,
        "cooldown": None,
    }
    assert pypi_publish("upload", make_wheel(tmp_path, "by_keyring")).code == 0

    assert "Removed the password" in pypi_publish("logout").stderr
    assert "ada" not in keyring_file.read_text().replace("{}", "")
    assert pypi_publish("whoami").code == 4
    assert "No password" in pypi_publish("logout").stderr


def test_login_asks_for_no_password_that_nothing_can_save(index: RunningIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    assert index.url
    shown, code = typed(["login", "--username", USER, "--no-configure"], [])
    assert (code, "Password" in shown) == (4, False), shown
    assert "keep the password in netrc" in " ".join(shown.split())


def test_a_refused_password_is_not_stored(index: RunningIndex, keyring_file: Path) -> None:
    refused = _log_in("wrong")
    assert refused.code == 4
    assert "refused the password" in refused.stderr
    assert not keyring_file.exists()
    assert index.url


@pytest.mark.skipif(sys.platform == "win32", reason="there are no terminals like that")
def test_a_wrong_password_can_be_entered_again(index: RunningIndex, keyring_file: Path) -> None:
    conversation = [("Password:", "wrong"), ("Password:", PASSWORD)]
    shown, code = typed(["login", "--username", USER, "--no-configure"], conversation)
    assert code == 0, shown
    assert shown.count("refused the password") == 1
    assert "Logged in to" in shown
    assert keyring_file.exists()
    shown, code = typed(["login", "--username", USER, "--no-configure"], [("Password:", "wrong")] * 3)
    assert code == 4
    assert index.url


def test_without_a_keyring_it_prints_a_remedy(index: RunningIndex) -> None:
    result = _log_in()
    assert result.code == 4
    for way_out in ("PYPI_PUBLISH_PASSWORD", "keyrings.alt", "PYTHON_KEYRING_BACKEND"):
        assert way_out in result.stderr
    assert index.url


def test_a_keyring_that_is_broken_is_reported(index: RunningIndex, tmp_path: Path) -> None:
    env = {"PYTHON_KEYRING_BACKEND": "no.such.Backend", "PYPI_PUBLISH_PASSWORD": "", "PYPI_PUBLISH_USERNAME": ""}
    result = pypi_publish("upload", make_wheel(tmp_path, "broken_keyring"), env=env)
    assert (result.code, "The keyring failed" in result.stderr) == (4, True)
    assert index.url


def test_keyring_is_not_opened_when_it_is_not_needed(index: RunningIndex, tmp_path: Path) -> None:
    env = {"PYTHON_KEYRING_BACKEND": "no.such.Backend"}
    assert pypi_publish("upload", make_wheel(tmp_path, "no_keyring"), env=env).code == 0
    assert index.url


def test_login_without_a_terminal_names_missing_values(index: RunningIndex, keyring_file: Path) -> None:
    assert "No user name" in pypi_publish("login").stderr
    assert "No password" in pypi_publish("login", "-u", USER).stderr
    assert index.url
    assert not keyring_file.exists()


def test_pip_uv_and_twine_find_what_login_stored(index: RunningIndex, keyring_file: Path, tmp_path: Path) -> None:
    # slow (three foreign tools start): the promise of one login for all of them
    user, password = "hopper", "p:ä ß latin"  # twine takes no password beyond Latin-1
    index.add_user(user, password)
    assert pypi_publish("login", "-u", user, "--password-stdin", given=f"{password}\n").code == 0
    twine = [sys.executable, "-m", "twine", "upload", "--non-interactive", "--repository-url", index.url]
    done = run([*twine, str(make_wheel(tmp_path, "found_by_all"))], env={"TWINE_USERNAME": user})
    assert done.code == 0, done.everything

    with_user = index.url.replace("://", f"://{user}@") + "simple/"
    reachable = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "UV_DEFAULT_INDEX": "", "UV_FIND_LINKS": ""}
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(tmp_path / "pip"), "found-by-all"]
    env = {**reachable, "PIP_INDEX_URL": with_user, "PIP_KEYRING_PROVIDER": "import"}
    done = run(pip, env=env)
    assert done.code == 0, done.everything
    uv = [
        "uv",
        "pip",
        "install",
        "--no-cache",
        "--target",
        str(tmp_path / "uv"),
        "--default-index",
        with_user,
        "found-by-all",
    ]
    done = run(uv, env={**reachable, "UV_KEYRING_PROVIDER": "subprocess"})
    assert done.code == 0, done.everything
    assert keyring_file.exists()


def test_the_only_login_is_meant_where_the_account_is(
    index: RunningIndex, keyring_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYPI_PUBLISH_INDEX_URL")
    done = pypi_publish("login", "-u", USER, "--password-stdin", "--index-url", index.url, given=f"{PASSWORD}\n")
    assert done.code == 0, done.stderr
    assert pypi_publish("whoami").stdout.strip() == USER
    assert f"repository = {index.url}" in pypi_publish("config", "pypirc").stdout
    refused = pypi_publish("upload", "nothing.whl")
    assert refused.code != 0
    assert f"You are logged in to {index.url}" in refused.stderr
    remember_username("https://other.example/", USER)
    refused = pypi_publish("whoami")
    assert refused.code == 2
    assert "https://other.example/ and" in refused.stderr or "and https://other.example/" in refused.stderr
    assert pypi_publish("logout", "--index-url", index.url).code == 0
    assert PASSWORD not in keyring_file.read_text()
