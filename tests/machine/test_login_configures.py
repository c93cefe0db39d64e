"""The set-up by `login` besides keyring, and its removal by `logout`."""

import json
import sys
from pathlib import Path

import pytest

from tests.conftest import PASSWORD, USER
from tests.helpers.dists import make_wheel
from tests.helpers.index import RunningIndex
from tests.helpers.terminal import typed
from tests.helpers.tool import Result, pypi_publish


@pytest.fixture(autouse=True)
def _tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyring_file: Path) -> None:
    """Put pip, uv and twine on the path, which are never started, and a keyring of the test's own."""
    assert not keyring_file.exists()
    (tmp_path / "bin").mkdir()
    for name in ("pip", "uv", "twine"):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\necho {name} 1.0\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("UV_CONFIG_FILE", raising=False)


def _log_in(*options: str, url: str | None = None) -> Result:
    where = ["--index-url", url] if url else []
    done = pypi_publish(
        "login", "-u", USER, "--password-stdin", *where, *options, given=f"{PASSWORD}\n", cwd=Path.home()
    )
    assert done.code == 0, done.stderr
    return done


def _files() -> dict[str, str]:
    """Return the texts of all files at home but the list of logins and its lock."""
    files = (path for path in Path.home().rglob("*") if path.is_file() and not path.name.startswith("logins.json"))
    return {path.relative_to(Path.home()).as_posix(): path.read_text() for path in files}


def test_login_alone_changes_no_file_of_a_tool(index: RunningIndex) -> None:
    _log_in()
    _log_in("--no-configure")
    assert not _files()
    assert index.url


def test_login_configures_tools_without_losing_the_public_index(index: RunningIndex) -> None:
    done = _log_in("--configure")
    files = _files()
    assert set(files) == {".config/uv/uv.toml", ".pypirc"}
    assert 'keyring-provider = "subprocess"' in files[".config/uv/uv.toml"]
    assert index.url in files[".pypirc"]
    assert PASSWORD not in json.dumps(files) + done.everything
    again = _log_in("--configure").stderr
    assert "Wrote" not in again
    assert _files() == files


def test_login_sets_up_pip_where_the_index_passes_public_names_on(tmp_path: Path) -> None:
    own = RunningIndex.start(tmp_path / "own", "--fallback-url", "http://127.0.0.1:9/simple/")
    own.add_user(USER, PASSWORD)
    pip_conf = Path.home() / ".config/pip/pip.conf"
    pip_conf.parent.mkdir(parents=True)
    pip_conf.write_text("[global]\ntimeout = 30\nindex-url = https://earlier.example/simple/\n")
    before = _files()
    try:
        _log_in("--configure", url=own.url)
        assert f"{own.url.replace('://', f'://{USER}@')}simple/" in pip_conf.read_text()
        assert f"{own.url.replace('://', f'://{USER}@')}simple/" in _files()[".config/uv/uv.toml"]
        done = pypi_publish("logout", "--index-url", own.url)
    finally:
        own.stop()
    assert done.code == 0, done.stderr
    assert f"Removed {own.url} from {pip_conf}" in done.stderr
    backups = {name for name in _files() if name.endswith(".before-pypi-publish")}
    assert {name: text for name, text in _files().items() if name not in backups} == before


def test_on_a_terminal_login_asks(index: RunningIndex) -> None:
    question = f"Configure uv, pypirc for {index.url}?"
    shown, code = typed(["login"], [(question, "n")])  # the password is in the environment
    assert (code, _files()) == (0, {}), shown
    shown, code = typed(["login"], [(question, "")])
    assert code == 0, shown
    assert set(_files()) == {".config/uv/uv.toml", ".pypirc"}
    assert PASSWORD not in shown
    shown, code = typed(["login"], [])
    assert (code, question in shown) == (0, False), shown


def test_logout_takes_out_its_own_index_alone(index: RunningIndex) -> None:
    other = "https://other.example/"
    done = pypi_publish("config", "pypirc", "--write", "--index-url", other, "--name", "other", cwd=Path.home())
    assert done.code == 0, done.stderr
    _log_in()
    before = _files()
    assert "Removed http" not in pypi_publish("logout", cwd=Path.home()).stderr
    assert _files() == before
    assert f"Removed {other}" in pypi_publish("logout", "--index-url", other, cwd=Path.home()).stderr
    assert not _files()
    assert index.url


def test_logout_takes_out_embedded_passwords_and_names_those_of_others(index: RunningIndex) -> None:
    given = {"PYPI_PUBLISH_USERNAME": USER, "PYPI_PUBLISH_PASSWORD": PASSWORD}
    for tool in ("pypirc", "netrc"):
        written = pypi_publish("config", tool, "--write", "--embed-credentials", cwd=Path.home(), env=given)
        assert written.code == 0, written.stderr
    uv = Path.home() / ".config/uv/uv.toml"
    uv.parent.mkdir(parents=True)
    uv.write_text(f'[[index]]\nurl = "{index.url.replace("://", "://ada:by-hand@")}simple/"\n')
    assert PASSWORD in _files()[".netrc"]
    _log_in()
    changed = pypi_publish("passwd", "--new-password-stdin", given="short\n")  # refused: nothing changes
    assert changed.code == 2, changed.stderr
    done = pypi_publish("logout", cwd=Path.home())
    assert done.code == 0, done.stderr
    assert set(_files()) == {".config/uv/uv.toml"}
    assert f"{uv} has a password for {index.url}" in done.stderr
    assert "by-hand" not in done.everything


def test_a_failure_at_logout_does_not_stop_other_removals(index: RunningIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"PYPI_PUBLISH_USERNAME": USER, "PYPI_PUBLISH_PASSWORD": PASSWORD}
    netrc, pypirc = Path.home() / ".netrc", Path.home() / ".pypirc"

    def embed() -> None:
        written = pypi_publish("config", "netrc", "--write", "--embed-credentials", cwd=Path.home(), env=given)
        assert written.code == 0, written.stderr
        assert PASSWORD in netrc.read_text()

    _log_in()
    embed()
    pypirc.write_bytes(b"\xff")
    done = pypi_publish("logout", cwd=Path.home())
    assert (done.code, netrc.exists()) == (0, False), done.stderr
    assert f"Removed the password of {USER} for {index.url} from keyring" in done.stderr
    assert f"{pypirc} can't be read" in done.stderr
    embed()
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "there.is.NoSuchKeyring")
    done = pypi_publish("logout", cwd=Path.home())
    assert (done.code, netrc.exists()) == (4, False), done.stderr


def test_login_ends_with_commands_that_were_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyring_chain: Path
) -> None:
    # slow (pip and uv start several times)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_NO_CONFIG"):
        monkeypatch.delenv(name)
    own = RunningIndex.start(tmp_path / "own")
    own.add_user(USER, "simple password")
    monkeypatch.setenv("PYPI_PUBLISH_INDEX_URL", own.url)
    monkeypatch.chdir(tmp_path)
    command = ["login", "-u", USER, "--password-stdin", "--configure"]
    try:
        empty = pypi_publish(*command, given="simple password")
        make_wheel(own.root)
        found = pypi_publish(*command, given="simple password")
    finally:
        own.stop()
    assert "The index is empty, so no tool could be tried" in empty.stderr
    assert f"· pip  pip install --index-url {own.url}simple/ PACKAGE" in empty.stderr
    assert "✓ uv   pypi-publish config uv --scope project --write && uv add acme-widgets" in found.stderr
    assert f"✓ pip  pip install --index-url {own.url}simple/ acme-widgets" in found.stderr
    assert keyring_chain.exists()


def test_tools_that_find_no_password_get_a_command_that_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyring_file: Path
) -> None:
    # slow (pip and uv start several times)
    python = Path(sys.base_prefix) / "bin" / "python3"  # it has no keyring, and there is no `keyring` command
    (tmp_path / "bin" / "pip").write_text(f'#!/bin/sh\nexec "{python}" -m pip "$@"\n')
    (tmp_path / "bin" / "uv").unlink()
    (tmp_path / "bin" / "uv").symlink_to(Path(sys.executable).parent / "uv")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_NO_CONFIG"):
        monkeypatch.delenv(name)
    own = RunningIndex.start(tmp_path / "own")
    own.add_user(USER, "simple password")
    make_wheel(own.root)
    where = ["--index-url", own.url]
    try:
        command = ["login", "-u", USER, "--password-stdin", "--configure", *where]
        done = pypi_publish(*command, given="simple password", cwd=Path.home())
    finally:
        own.stop()
    pip, uv = (line for line in done.stderr.splitlines() if "✓" in line)
    assert pip.endswith(f"pip install --index-url {own.url}simple/ acme-widgets")
    assert "(asks for user name and password)" in done.stderr
    assert f"uv auth login --username {USER} {own.url} && uv add acme-widgets" in uv
    assert "(asks for the password once)" in done.stderr
    assert "simple password" not in done.everything
    assert keyring_file.exists()


def test_pip_is_not_cut_off_from_public_packages_unasked(index: RunningIndex) -> None:
    pip_conf = Path.home() / ".config/pip/pip.conf"
    refused = pypi_publish("config", "pip", "--write", cwd=Path.home())
    assert (refused.code, pip_conf.exists()) == (2, False), refused.stderr
    assert "does not pass public packages on" in refused.stderr
    assert "--scope site" in refused.stderr
    assert "--only-index" in refused.stderr
    question = "Write it to the user's file anyway?"
    shown, code = typed(["config", "pip", "--write"], [(question, "n")])
    assert (code, pip_conf.exists()) == (0, False), shown
    shown, code = typed(["config", "pip", "--write"], [(question, "y")])
    assert (code, pip_conf.exists()) == (0, True), shown
    pypi_publish("config", "pip", "--remove", cwd=Path.home())
    assert pypi_publish("config", "pip", "--write", "--only-index", cwd=Path.home()).code == 0
    assert index.url in pip_conf.read_text().replace(f"{USER}@", "")
