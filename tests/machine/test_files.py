"""Files that people have, as they are found: each is added to, read back, and given back byte for byte."""

import os
from configparser import RawConfigParser
from pathlib import Path

import pytest

from publisher.client.url import parse_index_url
from publisher.errors import ConfigurationError
from publisher.files.changes import read_text, write_changes
from publisher.files.ini import parse_ini
from publisher.files.toml import read_toml
from publisher.machine.configure import TOOLS, removal_changes, setup_changes
from publisher.machine.paths import Machine
from publisher.machine.tools.netrc import Netrc
from publisher.machine.tools.tool import Setup
from publisher.secret import Secret

INDEX = parse_index_url("https://acme.example/")
BESIDE = Setup(INDEX, "acme", "ada", packages=("acme-widgets", "acme-tools"))
ALONE = Setup(INDEX, "acme", "ada", proxies_public=True)
EMBEDDED = Setup(INDEX, "acme", "ada", Secret('p"w %\\'), proxies_public=True)

INI = {
    "nothing": None,
    "empty": "",
    "a comment": "# mine\n",
    "one option": "[global]\ntimeout = 60\n",
    "no end": "[global]\ntimeout = 60",
    "a section without options and end": "[global]",
    "carriage returns": "[global]\r\ntimeout = 60\r\n\r\n[install]\r\nno-compile = yes\r\n",
    "byte order mark": "\ufeff[global]\ntimeout = 60\n",
    "continuation lines": "[global]\nfind-links =\n    https://a.example\n\n    https://b.example\ntimeout = 60\n",
    "comments everywhere": "; top\n[global] ; of all\n# above\ntimeout = 60 ; not a comment\n  # indented\n\n# below\n",
    "other index": "[global]\nindex-url = https://mirror.example/simple\n[install]\ntrusted-host = mirror.example\n",
    "the leak": "[global]\nextra-index-url =\n    https://a.example\n    https://b.example\n# tail\n\n\n",
    "the leak at the end": "[install]\nextra_index_url: https://a.example ; both",
    "options in other spellings": "[Global]\nTIMEOUT: 60\n[global]\nIndex_URL=x\n--no-index = true\n",
    "tabs": "[global]\n\ttimeout\t=\t60\n",
    "non-ASCII": "[global]\ncert = /home/zoë/zertifikate/größe.pem\n# €😀\n",
    "no value": "[global]\nno-index\ntimeout = 60\n",
    "many sections": "[a]\nx = 1\n\n[global]\n\n[b]\ny = 2\n",
    "blank lines around": "\n\n\n[global]\n\n\n\ntimeout = 60\n\n\n\n",
    "form feed": "[global]\ntimeout = 60\n\x0c# page two\n\x85# odd\n",
    "percent signs": "[global]\nformat = %(asctime)s 100%\n",
}
TOML = {
    "nothing": None,
    "empty": "",
    "a comment without end": "# mine",
    "keys": "native-tls = true\noffline = false # not now\n",
    "carriage returns": "native-tls = true\r\n\r\n[pip]\r\nrequire-hashes = true\r\n",
    "byte order mark": "\ufeffnative-tls = true\n",
    "another provider": "# why\nkeyring-provider = 'disabled'  # because\nnative-tls = true",
    "another index": '[[index]]\nname = "mirror"\nurl = "https://mirror.example/simple"\n',
    "tables": '[pip]\nrequire-hashes = true\n\n[[index]]\nname = "a"\nurl = "https://a.example"',
    "old keys": 'index-url = "https://mirror.example/simple"\nextra-index-url = ["https://a.example"]\n',
    "strings that look like keys": 'cache-dir = """\n[index]\nkeyring-provider = 3\n"""\n',
    "non-ASCII": 'cache-dir = "/home/zoë/größe"\n',
}
PROJECT = {
    "a project": '[project]\nname = "x"\nversion = "1"\ndependencies = ["acme-widgets>=1", "other"]\n',
    "no end": '[project]\nname = "x"\nversion = "1"',
    "carriage returns": '[project]\r\nname = "x"\r\ndependencies = ["Acme_Widgets"]\r\n\r\n[tool.x]\r\na = 1\r\n',
    "sources": (
        '[project]\nname = "x"\n\n[tool.uv.sources] # ours\n'
        'other = { path = "../other" }\n\n[tool.ruff]\nline-length = 9\n'
    ),
    "a source of its own": '[project]\nname = "x"\n[tool.uv.sources]\nacme-widgets = { workspace = true }\n',
    "the package itself": '[project]\nname = "acme.widgets"\nversion = "1"\n',
    "poetry": '[project]\nname = "x"\ndependencies = ["acme-widgets"]\n[tool.poetry.dependencies]\npython = "^3.11"\n',
    "no project": "[tool.ruff]\n",
    "comments": "# a\n[project] # b\nname = 'x' # c\n# d\n",
}
NETRC = {
    "nothing": None,
    "empty": "",
    "another host": "machine other.example login bob password x\n",
    "no end": "machine other.example\n  login bob\n  password x",
    "a macro": "machine other.example login bob password x\n\nmacdef init\ncd /pub\n\n",
    "comments": "# mine\nmachine other.example login bob password x # y\n",
    "default": "machine a.example login a password b\ndefault login anonymous password x\n",
}
CASES = [
    *(
        (tool, scope, setup, name, text)
        for tool, scope in (("pip", "user"), ("pypirc", "user"))
        for setup in (BESIDE, EMBEDDED)
        for name, text in INI.items()
    ),
    *(("uv", "user", setup, name, text) for setup in (BESIDE, ALONE, EMBEDDED) for name, text in TOML.items()),
    *(("pdm", "user", setup, name, text) for setup in (ALONE, EMBEDDED) for name, text in TOML.items()),
    *(
        (tool, "project", setup, name, text)
        for tool in ("uv", "poetry", "pdm")
        for setup in (BESIDE, ALONE)
        for name, text in PROJECT.items()
    ),
    *(("netrc", "user", EMBEDDED, name, text) for name, text in NETRC.items()),
]


@pytest.mark.parametrize(
    ("tool", "scope", "setup", "name", "text"),
    CASES,
    ids=lambda value: value if isinstance(value, str) and "\n" not in value else "",
)
def test_a_file_is_added_to_and_given_back(
    machine: Machine, tool: str, scope: str, setup: Setup, *, name: str, text: str | None
) -> None:
    del name
    path = TOOLS[tool].paths(machine, scope)[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    if text is not None:
        path.write_bytes(text.encode())
    write_changes(setup_changes(TOOLS[tool], setup, machine, scope).values())
    written = path.read_bytes()
    names_no_index = tool == "uv" and scope == "user" and not setup.proxies_public
    assert any(INDEX.host in finding.url for finding in TOOLS[tool].read(machine)) != names_no_index
    if tool == "pip":
        assert [index.is_index(INDEX) for index in TOOLS[tool].read(machine)] == [True]
    assert (b'p"w' in written or b"p%22w" in written or rb"p\"w" in written) == (
        setup.password is not None and scope != "project"
    )
    if setup.password is not None:
        assert path.stat().st_mode & 0o777 == 0o600
    assert not any(change.changes for change in setup_changes(TOOLS[tool], setup, machine, scope).values())
    write_changes(removal_changes(TOOLS[tool], machine, scope).values())
    assert (path.read_bytes() if path.exists() else None) == (None if text is None else text.encode())


def test_changes_by_others_in_between_stay(machine: Machine) -> None:
    path = TOOLS["pip"].paths(machine, "user")[0]
    path.parent.mkdir(parents=True)
    path.write_text("[global]\nindex-url = https://old.example\n")
    write_changes(setup_changes(TOOLS["pip"], BESIDE, machine, "user").values())
    path.write_text(path.read_text().replace("[global]\n", "[global]\ntimeout = 3\n") + "[install]\nno-compile = yes\n")
    write_changes(removal_changes(TOOLS["pip"], machine, "user").values())
    assert path.read_text() == "[global]\ntimeout = 3\nindex-url = https://old.example\n[install]\nno-compile = yes\n"


def test_another_index_takes_the_place_of_the_first(machine: Machine) -> None:
    write_changes(setup_changes(TOOLS["pip"], BESIDE, machine, "user").values())
    other = Setup(parse_index_url("https://other.example/"), "other")
    write_changes(setup_changes(TOOLS["pip"], other, machine, "user").values())
    found = TOOLS["pip"].read(machine)
    assert [finding.url for finding in found] == ["https://other.example/simple/"]


@pytest.mark.parametrize(
    ("tool", "scope", "text"),
    [
        ("pip", "user", "[global]\na = 1\n[global]\nb = 2\n"),
        ("pip", "user", "[global]\na = 1\na = 2\n"),
        ("pip", "user", "a = 1\n"),
        ("pypirc", "user", "[acme\nrepository\n"),
        ("uv", "user", "keyring-provider = [\n"),
        ("uv", "user", 'extra-index-url = [\n    "https://a.example",\n]\n'),
        ("uv", "project", '[tool.uv]\nindex = [{ name = "a", url = "https://a.example" }]\n'),
        ("uv", "project", "[tool.uv]\nsources.other = { path = 'x' }\n"),
        ("uv", "project", "tool = 3\n"),
        ("pdm", "user", "[pypi]\nurl = 'https://mirror.example'\n"),
        ("netrc", "user", "machine acme.example login bob password x\n"),
        ("netrc", "user", "machine\n"),
    ],
)
def test_files_that_cannot_be_extended_are_reported_and_left_alone(
    machine: Machine, tool: str, scope: str, text: str
) -> None:
    path = TOOLS[tool].paths(machine, scope)[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        setup_changes(TOOLS[tool], EMBEDDED if tool in {"netrc", "pdm"} or "extra" in text else BESIDE, machine, scope)
    assert str(path) in raised.value.message
    assert raised.value.hint
    assert path.read_text() == text


def test_a_link_is_followed(machine: Machine, tmp_path: Path) -> None:
    path = TOOLS["pip"].paths(machine, "user")[0]
    path.parent.mkdir(parents=True)
    (tmp_path / "dotfiles").write_text("[global]\ntimeout = 3\n")
    path.symlink_to(tmp_path / "dotfiles")
    write_changes(setup_changes(TOOLS["pip"], BESIDE, machine, "user").values())
    assert path.is_symlink()
    assert parse_ini((tmp_path / "dotfiles").read_text()).value("global", "keyring-provider") == "subprocess"
    write_changes(removal_changes(TOOLS["pip"], machine, "user").values())
    assert (tmp_path / "dotfiles").read_text() == "[global]\ntimeout = 3\n"


def test_a_file_that_is_not_to_be_written_is_reported(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    path = TOOLS["pip"].paths(machine, "user")[0]
    path.parent.mkdir(parents=True)
    path.write_text("[global]\n")
    path.chmod(0o444)
    # a superuser may write everything: say what another person's system would
    monkeypatch.setattr(os, "access", lambda place, mode: not (Path(place) == path and mode == os.W_OK))
    with pytest.raises(ConfigurationError, match="can't be written: Permission denied"):
        write_changes(setup_changes(TOOLS["pip"], BESIDE, machine, "user").values())
    assert path.read_text() == "[global]\n"


def test_a_binary_file_is_reported(machine: Machine) -> None:
    path = TOOLS["pip"].paths(machine, "user")[0]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"[global]\ncert = \xff\n")
    with pytest.raises(ConfigurationError, match="can't be read"):
        setup_changes(TOOLS["pip"], BESIDE, machine, "user")


def test_uv_pdm_and_poetry_read_the_intended_settings(machine: Machine) -> None:
    path = machine.folder / "pyproject.toml"
    path.write_text(PROJECT["a project"])
    for tool in ("uv", "poetry", "pdm"):
        write_changes(setup_changes(TOOLS[tool], BESIDE, machine, "project").values())
        if tool != "pdm":
            table = read_toml(read_text(path) or "")["tool"][tool]
        if tool == "uv":
            assert table["index"][0]["explicit"] is True
            assert table["sources"] == {name: {"index": "acme"} for name in BESIDE.packages}
        elif tool == "poetry":
            assert table["source"][0]["priority"] == "explicit"
            assert table["dependencies"] == {"acme-widgets": {"source": "acme"}}
        else:
            source = read_toml(read_text(path) or "")["tool"]["pdm"]["source"][0]
            assert source["include_packages"] == list(BESIDE.packages)
        write_changes(removal_changes(TOOLS[tool], machine, "project").values())


@pytest.mark.parametrize(
    ("platform", "environment", "scope", "expected"),
    [
        ("linux", {}, "user", "home/.config/pip/pip.conf"),
        ("linux", {"XDG_CONFIG_HOME": "/xdg"}, "user", "/xdg/pip/pip.conf"),
        ("linux", {"VIRTUAL_ENV": "/venv"}, "site", "/venv/pip.conf"),
        ("linux", {}, "global", "/etc/pip.conf"),
        ("darwin", {}, "user", "home/.config/pip/pip.conf"),
        ("darwin", {}, "global", "/Library/Application Support/pip/pip.conf"),
        ("win32", {"APPDATA": "/roaming"}, "user", "/roaming/pip/pip.ini"),
        ("win32", {"VIRTUAL_ENV": "/venv"}, "site", "/venv/pip.ini"),
        ("win32", {"PROGRAMDATA": "/data"}, "global", "/data/pip/pip.ini"),
    ],
)
def test_where_pip_keeps_its_file(
    machine: Machine, platform: str, environment: dict[str, str], scope: str, expected: str
) -> None:
    place = Machine(platform, machine.home, environment, machine.folder)
    assert TOOLS["pip"].paths(place, scope) == [machine.home.parent / expected]


def test_where_apple_keeps_pips_file_if_it_does(machine: Machine) -> None:
    folder = machine.home / "Library" / "Application Support" / "pip"
    folder.mkdir(parents=True)
    place = Machine("darwin", machine.home, {}, machine.folder)
    assert TOOLS["pip"].paths(place, "user") == [folder / "pip.conf"]


def test_no_active_environment_is_reported(machine: Machine) -> None:
    with pytest.raises(ConfigurationError, match="No virtual environment is active"):
        TOOLS["pip"].paths(machine, "site")


@pytest.mark.parametrize("listed", ["other", "\n    other\n    testpypi", "other pypi"])
def test_other_servers_in_pypirc_stay_known(machine: Machine, listed: str) -> None:
    path = TOOLS["pypirc"].paths(machine, "user")[0]
    own = "[other]\nrepository = https://other.example/\nusername = bob\npassword = x\n"
    path.write_text(f"[distutils]\nindex-servers = {listed}\n\n{own}")
    write_changes(setup_changes(TOOLS["pypirc"], BESIDE, machine, "user").values())
    servers = RawConfigParser()
    servers.read(path)
    assert servers.get("distutils", "index-servers").split() == [*listed.split(), "acme"]
    assert dict(servers["other"]) == {"repository": "https://other.example/", "username": "bob", "password": "x"}
    assert servers.get("acme", "repository") == INDEX.root


def test_public_servers_stay_known_where_pypirc_lists_none(machine: Machine) -> None:
    path = TOOLS["pypirc"].paths(machine, "user")[0]
    path.write_text("[pypi]\nusername = bob\n")
    write_changes(setup_changes(TOOLS["pypirc"], BESIDE, machine, "user").values())
    servers = RawConfigParser()
    servers.read(path)
    assert servers.get("distutils", "index-servers").split() == ["pypi", "testpypi", "acme"]
    assert servers.get("pypi", "username") == "bob"


@pytest.mark.parametrize("section", ["global", "install"])
def test_an_index_that_pip_already_has_gives_way_and_comes_back(machine: Machine, section: str) -> None:
    path = TOOLS["pip"].paths(machine, "user")[0]
    path.parent.mkdir(parents=True)
    before = f"[{section}]\nindex-url = https://mirror.example/simple\ntimeout = 60\n"
    path.write_text(before)
    write_changes(setup_changes(TOOLS["pip"], BESIDE, machine, "user").values())
    options = RawConfigParser()
    options.read(path)
    assert options.get("global", "index-url") == "https://ada@acme.example/simple/"
    assert [section for section in options.sections() if "mirror" in str(dict(options[section]))] == []
    assert options.get(section, "timeout") == "60"
    write_changes(removal_changes(TOOLS["pip"], machine, "user").values())
    assert path.read_text() == before


def test_an_index_that_uv_already_has_gives_way_and_comes_back(machine: Machine) -> None:
    path = TOOLS["uv"].paths(machine, "user")[0]
    path.parent.mkdir(parents=True)
    before = 'index-url = "https://mirror.example/simple"\noffline = false\n'
    path.write_text(before)
    write_changes(setup_changes(TOOLS["uv"], ALONE, machine, "user").values())
    settings = read_toml(path.read_text())
    assert "index-url" not in settings
    assert settings["offline"] is False
    assert [index["url"] for index in settings["index"]] == ["https://ada@acme.example/simple/"]
    write_changes(removal_changes(TOOLS["uv"], machine, "user").values())
    assert path.read_text() == before


@pytest.mark.parametrize(("username", "password"), [("ada", None), (None, Secret("s3cret")), (None, None)])
def test_a_netrc_entry_needs_a_name_and_a_password(
    machine: Machine, username: str | None, password: Secret | None
) -> None:
    setup = Setup(parse_index_url("https://acme.example/"), "acme", username, password)
    with pytest.raises(ConfigurationError) as caught:
        Netrc().edits(setup, machine, "user")
    assert "--embed-credentials" in str(caught.value.hint)
