"""The plug-in for keyring: what every program finds after one login, and what it keeps out of."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from publisher.client.url import parse_index_url
from tests.conftest import USER
from tests.helpers.dists import make_wheel
from tests.helpers.index import RunningIndex
from tests.helpers.tool import Result, pypi_publish, run

LATIN = "p:ä ß latin"  # twine and pip send no password beyond Latin-1

ASK = """
import json, sys
import keyring
found = []
for name, username in json.load(sys.stdin):
    entry = keyring.get_credential(name, username)
    found.append(entry and [entry.username, entry.password])
print(json.dumps(found))
"""


def _ask(*questions: tuple[str, str | None]) -> list[list[str] | None]:
    """Ask keyring in a program that knows nothing of us, and expect it to be quiet."""
    done = run([sys.executable, "-W", "error", "-c", ASK], given=json.dumps(questions))
    assert (done.code, done.stderr) == (0, "")
    found: list[list[str] | None] = json.loads(done.stdout)
    return found


def _logins_file() -> Path:
    return Path(os.environ["XDG_CONFIG_HOME"]) / "pypi-publish/logins.json"


@pytest.fixture
def logged_in(index: RunningIndex, keyring_chain: Path) -> Iterator[RunningIndex]:
    """Log in as a new user, into the chain that keyring chooses by itself."""
    index.add_user("hopper", LATIN)
    done = pypi_publish("login", "-u", "hopper", "--password-stdin", given=f"{LATIN}\n")
    assert done.code == 0, done.stderr
    assert "PlaintextKeyring" in done.stderr  # the backend that holds it, not the chain
    assert keyring_chain.exists()
    yield index
    assert pypi_publish("logout").code == 0


def test_an_index_is_found_under_every_name_that_tools_have_for_it(logged_in: RunningIndex) -> None:
    root = logged_in.url
    host = root.removeprefix("http://").rstrip("/")
    names = [root, root.rstrip("/"), f"{root}simple/", f"{root}simple", f"{root}legacy/", f"{root}+simple/x/", host]
    assert _ask(*((name, None) for name in names)) == [["hopper", LATIN]] * len(names)
    assert _ask(*((name, "hopper") for name in names)) == [["hopper", LATIN]] * len(names)


def test_other_hosts_ports_schemes_and_users_get_nothing(logged_in: RunningIndex) -> None:
    root = logged_in.url
    host = root.removeprefix("http://").rstrip("/")
    names = [
        "http://127.0.0.1/",
        "127.0.0.1",
        "http://127.0.0.1:1/simple/",
        root.replace("http:", "https:"),
        f"http://{host}.example/",
        f"http://{host}@evil.example/",
        f"http://evil.example/{host}/",
        "http://[broken/",
        "",
        "login",
    ]
    assert _ask(*((name, None) for name in names), (root, "somebody-else")) == [None] * (len(names) + 1)


def test_entries_of_other_programs_stay(logged_in: RunningIndex) -> None:
    set_it = "import keyring; keyring.set_password('mail', 'me', 'secret')"
    assert run([sys.executable, "-c", set_it]).everything == ""
    assert _ask(("mail", "me"), (logged_in.url, None)) == [["me", "secret"], ["hopper", LATIN]]
    assert run([sys.executable, "-c", "import keyring; keyring.delete_password('mail', 'me')"]).everything == ""
    assert _ask(("mail", "me")) == [None]


def test_after_logout_nothing_is_found(logged_in: RunningIndex, keyring_chain: Path) -> None:
    assert "Removed the password" in pypi_publish("logout").stderr
    assert _ask((logged_in.url, None), (logged_in.url, "hopper"), (f"{logged_in.url}simple/", "hopper")) == [None] * 3
    assert "hopper" not in keyring_chain.read_text()


def test_a_broken_file_of_logins_is_ignored(logged_in: RunningIndex) -> None:
    questions = (f"{logged_in.url}legacy/", None), ("example.org", "me"), (logged_in.url, "hopper")
    for text in ("", "{", "[]", "null", '{"http://a/": 1}', '{"no url": "x"}', "[" * 100_000, "\udcff"):
        _logins_file().write_bytes(text.encode("utf-8", "surrogateescape"))
        assert _ask(*questions) == [None, None, ["hopper", LATIN]], text[:20]  # lookups with a user name still work
        if text in {"{", "\udcff"}:
            assert pypi_publish("login", "-u", "hopper", "--password-stdin", given=f"{LATIN}\n").code == 0
            assert _ask(*questions)[0] == ["hopper", LATIN]


def test_without_another_backend_it_is_not_there(index: RunningIndex, keyring_chain: Path) -> None:
    # as `fail` says it: poetry and others then use what they have instead of keyring
    alone = "import keyring; from keyrings.alt.file import PlaintextKeyring as P; P.priority = -0.5; "
    alone += "print(type(keyring.get_keyring()).__module__)"
    assert run([sys.executable, "-c", alone]).stdout.strip() == "keyring.backends.fail"
    assert index.url
    assert not keyring_chain.exists()


def test_it_stores_nothing_itself(index: RunningIndex, keyring_chain: Path) -> None:
    env = {"PYTHON_KEYRING_BACKEND": "publisher.credentials.keyring_backend.IndexKeyring"}
    done = pypi_publish("login", "-u", USER, "--password-stdin", given="p:ä ß✓\n", env=env)
    assert (done.code, "No keyring on this machine" in done.stderr) == (4, True)
    assert index.url
    assert not keyring_chain.exists()


def test_a_keyring_that_keeps_nothing_is_reported(index: RunningIndex) -> None:
    env = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    done = pypi_publish("login", "-u", USER, "--password-stdin", given="p:ä ß✓\n", env=env)
    assert (done.code, "No keyring on this machine" in done.stderr) == (4, True)
    assert index.url


def test_it_is_in_the_list_of_backends(keyring_chain: Path) -> None:
    shown = run([sys.executable, "-m", "keyring", "--list-backends"])
    assert "publisher.credentials.keyring_backend.IndexKeyring (priority: 0.1)" in shown.stdout
    assert not keyring_chain.exists()


def test_a_start_of_keyring_loads_little_of_us(keyring_chain: Path) -> None:
    code = "import sys, keyring; keyring.get_keyring(); print(*sorted(m for m in sys.modules if 'publisher' in m))"
    loaded = run([sys.executable, "-c", code]).stdout.split()
    assert [module for module in loaded if module != "publisher._version"] == [
        "publisher",
        "publisher.credentials",
        "publisher.credentials.keyring_backend",
    ]
    assert not keyring_chain.exists()


def test_pip_uv_and_twine_find_the_user_and_the_password(logged_in: RunningIndex, tmp_path: Path) -> None:
    # slow (five foreign tools start): no user name, no password, in no URL, variable or file of theirs
    twine = [sys.executable, "-m", "twine", "upload", "--non-interactive", "--repository-url"]
    _expect(run([*twine, logged_in.url, str(make_wheel(tmp_path, "by_root"))]))
    _expect(run([*twine, f"{logged_in.url}legacy/", str(make_wheel(tmp_path, "by_legacy"))]))
    reachable = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "UV_DEFAULT_INDEX": "", "UV_FIND_LINKS": ""}
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--index-url"]
    for provider in ("import", "subprocess"):
        env = {**reachable, "PIP_KEYRING_PROVIDER": provider}
        if provider == "subprocess":  # pip passes over the keyring command of its own environment
            env["PATH"] = os.pathsep.join([str(_elsewhere(tmp_path)), "/usr/bin", "/bin"])
        _expect(run([*pip, f"{logged_in.url}simple/", "--dest", str(tmp_path / provider), "by-root"], env=env))
    config = tmp_path / "uv.toml"
    config.write_text(
        'keyring-provider = "subprocess"\n'
        f'[[index]]\nurl = "{logged_in.url}simple/"\ndefault = true\nauthenticate = "always"\n'
    )
    uv = ["uv", "pip", "install", "--no-cache", "--config-file", str(config), "--target", str(tmp_path / "uv")]
    _expect(run([*uv, "by-legacy"], env={**reachable, "UV_NO_CONFIG": "0"}))


def _elsewhere(folder: Path) -> Path:
    """Return a folder with the keyring command, as one that is installed for the whole machine."""
    (folder / "bin").mkdir()
    command = folder / "bin/keyring"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m keyring "$@"\n')
    command.chmod(0o755)
    return command.parent


def _expect(result: Result) -> None:
    assert result.code == 0, result.everything


@pytest.mark.parametrize("service", ["root", "simple"])
def test_login_has_to_store_both_names(index: RunningIndex, keyring_file: Path, service: str) -> None:
    # where PYTHON_KEYRING_BACKEND names one backend, no plug-in is asked, and tools look under their own name alone
    assert pypi_publish("login", "-u", USER, "--password-stdin", given="p:ä ß✓\n").code == 0
    url = {"root": index.url, "simple": f"{index.url}simple/"}[service]
    assert _ask((url, USER)) == [[USER, "p:ä ß✓"]]
    entries = json.loads(keyring_file.read_text())
    del entries[url]
    keyring_file.write_text(json.dumps(entries))
    assert _ask((url, USER)) == [None]


@pytest.mark.parametrize(
    ("root", "name", "meant"),
    [
        ("https://acme.example/", "acme.example", True),
        ("https://acme.example/", "ACME.example:443", True),
        ("https://acme.example/", "acme.example:80", False),
        ("https://acme.example/", "https://acme.example:443/simple/", True),
        ("https://acme.example/", "HTTPS://ada@Acme.Example/simple", True),
        ("https://acme.example/", "http://acme.example/simple/", False),
        ("https://acme.example/", "https://sub.acme.example/", False),
        ("https://acme.example/", "https://acme.example.evil/", False),
        ("https://acme.example/", "https://acme.example\\@evil/", False),
        ("https://acme.example/", "https://acme.example:x/", False),
        ("https://acme.example/team/", "https://acme.example/team", True),
        ("https://acme.example/team/", "https://acme.example/teams/", False),
        ("https://acme.example/team/", "https://acme.example/team/../other/", False),
        ("https://acme.example/team/", "https://acme.example/team/%2e%2e/other/", False),
        ("https://acme.example/team/", "https://acme.example/", False),
        ("http://[::1]:8080/", "[::1]:8080", True),
    ],
)
def test_which_names_mean_an_index(root: str, name: str, meant: bool) -> None:  # noqa: FBT001 - a column of the table
    assert parse_index_url(root).is_meant_by(name) is meant


def test_only_the_user_decides_between_two_indexes_of_a_host(keyring_chain: Path) -> None:
    for path, username in (("one", "ada"), ("two", "bob"), ("two/inner", "eve")):
        url = f"https://acme.example/{path}/"
        code = f"import keyring; keyring.set_password({url!r}, {username!r}, {path!r})"
        assert run([sys.executable, "-c", code]).everything == ""
    _logins_file().parent.mkdir(parents=True)
    _logins_file().write_text(
        json.dumps(
            {
                "https://acme.example/one/": "ada",
                "https://acme.example/two/": "bob",
                "https://acme.example/two/inner/": "eve",
            }
        )
    )
    assert _ask(
        ("acme.example", None),
        ("acme.example", "bob"),
        ("https://acme.example/one/simple/", None),
        ("https://acme.example/two/inner/simple/", None),
        ("https://acme.example/three/", None),
    ) == [None, ["bob", "two"], ["ada", "one"], ["eve", "two/inner"], None]
    assert keyring_chain.exists()
