"""pip: its files, the indexes that it says it asks, the commands that it is given, and its trial."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from publisher.client.url import parse_index_url
from publisher.errors import ConfigurationError
from publisher.files.ini import parse_ini
from publisher.machine.candidate import Candidate
from publisher.machine.paths import Machine
from publisher.machine.tools.installer import Examined, InstalledTool, TypedCredentials
from publisher.machine.tools.pip import Pip
from publisher.machine.tools.tool import PUBLIC, ConfiguredIndex, Setup
from publisher.secret import Credentials, Secret
from tests.helpers.stand_ins import StandIns, cases

URL = parse_index_url("https://acme.example/")
OURS, OTHER = "https://acme.example/simple/", "https://other.example/simple/"
BESIDE = Setup(URL, "acme", "ada")
ALONE = Setup(URL, "acme", "ada", proxies_public=True)
WIDGETS = Candidate("widgets", "1.1", frozenset({"1.0", "1.1"}))
TYPED = TypedCredentials(Credentials("ada", Secret("correct"), "typed"), Path("/made/up/netrc"), "widgets")
OWN, STRANGER = ConfiguredIndex(OURS, ""), ConfiguredIndex(OTHER, "")


def _pip(programs: StandIns, *pairs: tuple[str, str], version: str = "25.0") -> InstalledTool:
    return InstalledTool("pip", programs.add("pip", cases(*pairs)), version)


@pytest.mark.parametrize(
    ("platform", "environment", "scope", "place"),
    [
        ("linux", {}, "user", "home/.config/pip/pip.conf"),
        ("linux", {}, "global", "/etc/pip.conf"),
        ("linux", {"VIRTUAL_ENV": "/venv"}, "site", "/venv/pip.conf"),
        ("darwin", {}, "user", "home/.config/pip/pip.conf"),
        ("darwin", {}, "global", "/Library/Application Support/pip/pip.conf"),
        ("win32", {}, "user", "home/AppData/Roaming/pip/pip.ini"),
        ("win32", {}, "global", "C:/ProgramData/pip/pip.ini"),
        ("win32", {"PROGRAMDATA": "/data"}, "global", "/data/pip/pip.ini"),
        ("win32", {"VIRTUAL_ENV": "/venv"}, "site", "/venv/pip.ini"),
    ],
)
def test_its_files(machine: Machine, platform: str, environment: Mapping[str, str], *, scope: str, place: str) -> None:
    found = machine._replace(platform=platform, environment=environment)
    expected = Path(place) if place.startswith("C:") else machine.home.parent / place
    assert list(Pip().paths(found, scope)) == [expected]


def test_its_folder_of_apple_s_kind_is_used_where_there_is_one(machine: Machine) -> None:
    mac = machine._replace(platform="darwin")
    (mac.application_support / "pip").mkdir(parents=True)
    assert list(Pip().paths(mac, "user")) == [mac.application_support / "pip/pip.conf"]


@pytest.mark.parametrize("environment", [{}, {"VIRTUAL_ENV": ""}])
def test_there_is_no_site_without_an_active_environment(machine: Machine, environment: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="VIRTUAL_ENV is not set") as caught:
        Pip().paths(machine._replace(environment=environment), "site")
    assert "--scope user" in str(caught.value.hint)


def test_the_index_becomes_the_only_one(machine: Machine) -> None:
    before = "[global]\nno-index = true\nextra-index-url = x\ntimeout = 9\n[install]\nindex-url = y\n"
    (edit,) = Pip().edits(ALONE, machine, "user")
    assert not edit.holds_secret
    text = edit.put(before)
    found = {(section, option): value for section, option, value, _, _ in parse_ini(text).options}
    assert found == {
        ("global", "index-url"): "https://ada@acme.example/simple/",
        ("global", "keyring-provider"): "subprocess",
        ("global", "timeout"): "9",
    }


def test_with_an_embedded_password_keyring_is_not_asked(machine: Machine) -> None:
    (edit,) = Pip().edits(replace(ALONE, password=Secret("x y")), machine, "user")
    assert edit.holds_secret
    found = parse_ini(edit.put(None))
    assert found.value("global", "index-url") == "https://ada:x%20y@acme.example/simple/"
    assert found.value("global", "keyring-provider") is None


@pytest.mark.parametrize(
    ("setup", "several", "keyring"),
    [
        (ALONE, False, True),
        (BESIDE, True, True),
        (replace(BESIDE, password=Secret("x")), True, False),
        (replace(ALONE, password=Secret("x")), False, False),
    ],
)
def test_its_notes(setup: Setup, several: object, keyring: object) -> None:
    notes = Pip().notes(setup, "user")
    assert "pip uses only the private index" in notes[0]
    assert any("does not pass public packages on" in note for note in notes) is several
    assert any("comes from keyring" in note for note in notes) is keyring
    assert Pip().variables(setup) == {"PIP_INDEX_URL": OURS}


def test_every_file_and_variable_that_names_an_index_is_read(machine: Machine, tmp_path: Path) -> None:
    user, site = machine.home / ".config/pip/pip.conf", tmp_path / "venv/pip.conf"
    for path in (user, site):
        path.parent.mkdir(parents=True)
    user.write_text(
        f"[global]\nindex_url = {OURS}\nINDEX-URL = {OTHER}\ntimeout = 9\nfind-links = https://no.example/\n"
    )
    site.write_text("[install]\nextra-index-url =\n    https://a.example/\n    https://b.example/\n")
    variables = {"PIP_INDEX_URL": "https://c.example/", "PIP_EXTRA_INDEX_URL": "https://d.example/ https://e.example/"}
    found = Pip().read(machine._replace(environment=variables))
    from_variables = [
        ("https://c.example/", "PIP_INDEX_URL"),
        ("https://d.example/", "PIP_EXTRA_INDEX_URL"),
        ("https://e.example/", "PIP_EXTRA_INDEX_URL"),
    ]
    assert [(index.url, index.origin) for index in found] == [(OURS, str(user)), (OTHER, str(user)), *from_variables]
    found = Pip().read(machine._replace(environment={"VIRTUAL_ENV": str(tmp_path / "venv")}))
    assert [(index.url, index.origin) for index in found[2:]] == [
        ("https://a.example/", str(site)),
        ("https://b.example/", str(site)),
    ]
    assert list(Pip().read(machine._replace(home=tmp_path / "absent"))) == []


def _asked(programs: StandIns, machine: Machine, listed: str, debug: str = "") -> list[tuple[str, str]]:
    listing = f'case "$2" in list) printf "%s" "{listed}";; debug) printf "%s" "{debug}";; esac'
    tool = _pip(programs, ("config", listing))
    return [(index.url, index.origin) for index in Pip().asked(tool, Examined(machine, BESIDE, None))]


@pytest.mark.parametrize(
    ("listed", "asked"),
    [
        ("", [(PUBLIC, "its default")]),
        ("global.timeout='9'", [(PUBLIC, "its default")]),
        ("global.index-url='a'", [("a", "PIP_INDEX_URL")]),
        ("install.index-url='b'\nglobal.index-url='a'", [("b", "PIP_INDEX_URL")]),
        ("global.index-url='a'\ninstall.index-url='b'\n:env:.index-url='c'", [("c", "PIP_INDEX_URL")]),
        (":env:.index-url='c'\ninstall.index-url='b'\nglobal.index-url='a'", [("c", "PIP_INDEX_URL")]),
        ("download.index-url='a'", [(PUBLIC, "its default")]),  # for another command
        ("global.no-index='1'", []),
        ("global.no-index='1'\nglobal.extra-index-url='b'", [("b", "PIP_EXTRA_INDEX_URL")]),
        (
            r"global.extra-index-url='\na\nb'",
            [(PUBLIC, "its default"), ("a", "PIP_EXTRA_INDEX_URL"), ("b", "PIP_EXTRA_INDEX_URL")],
        ),
        ("global.index-url='https://x/?a=b'\nnonsense", [("https://x/?a=b", "PIP_INDEX_URL")]),
    ],
)
def test_the_indexes_that_pip_says_it_asks(
    programs: StandIns, machine: Machine, listed: str, asked: list[tuple[str, str]]
) -> None:
    assert _asked(programs, machine, listed) == asked


def test_the_file_of_an_option_is_the_last_that_pip_lists(programs: StandIns, machine: Machine) -> None:
    debug = (
        "env_var:\nglobal:\n  /etc/pip.conf, exists: True\n    global.index-url: a\n"
        "user:\n  /home/pip.conf, exists: True\n    global.index-url: b\n  /home/other.conf, exists: False\n"
        "site:\n    global.extra-index-url: c\n"
    )
    listed = "global.index-url='b'\nglobal.extra-index-url='c'"
    assert _asked(programs, machine, listed, debug) == [("b", "/home/pip.conf"), ("c", "/home/other.conf")]


def test_a_configuration_that_pip_cannot_read_is_an_error(programs: StandIns, machine: Machine) -> None:
    tool = _pip(programs, ("config", "echo 'ERROR: no section' >&2; exit 1"))
    with pytest.raises(ConfigurationError, match=r"^no section\.$") as caught:
        Pip().asked(tool, Examined(machine, BESIDE, None))
    assert "pip config debug" in str(caught.value.hint)


def test_how_it_could_be_misled(machine: Machine) -> None:
    examined = Examined(machine, BESIDE, None)
    assert Pip().risk([OWN], examined) is None
    risk = Pip().risk([STRANGER, OWN, ConfiguredIndex(PUBLIC, "")], examined)
    assert risk == f"it takes the highest version that this index or {OTHER} or the public index has"


def test_the_remedy_keeps_the_public_index(machine: Machine) -> None:
    assert Pip().remedy(Examined(machine, ALONE, None)) == "`pypi-publish config pip --write`"
    assert Pip().remedy(Examined(machine, BESIDE, None)).startswith(f"`pip install --index-url {OURS}`, or ")


MANAGED = ("install", "echo 'error: externally-managed-environment' >&2; exit 1")


@pytest.mark.parametrize(
    ("asked", "setup", "version", "has_keyring", "options"),
    [
        ([OWN], BESIDE, "25.0", True, ""),
        ([STRANGER, OWN], BESIDE, "25.0", True, ""),
        (
            [STRANGER],
            BESIDE,
            "25.0",
            True,
            "--keyring-provider subprocess --index-url https://ada@acme.example/simple/ ",
        ),
        (
            [STRANGER],
            BESIDE,
            "23.1",
            True,
            "--keyring-provider subprocess --index-url https://ada@acme.example/simple/ ",
        ),
        ([STRANGER], BESIDE, "23.0.1", True, f"--index-url {OURS} "),
        ([STRANGER], BESIDE, "25.0", False, f"--index-url {OURS} "),
        ([STRANGER], Setup(URL, "acme"), "25.0", True, f"--index-url {OURS} "),
        ([STRANGER], BESIDE, "unknown", True, f"--index-url {OURS} "),
    ],
)
def test_the_command_that_installs_names_the_index_while_it_is_not_configured(
    programs: StandIns,
    machine: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    asked: list[ConfiguredIndex],
    setup: Setup,
    version: str,
    has_keyring: object,
    options: str,
) -> None:
    tool = _pip(programs, version=version)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place = elsewhere if has_keyring else programs.folder  # pip passes over the one beside it
    (place / "keyring").write_text("#!/bin/sh\n")
    (place / "keyring").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs.folder}:{elsewhere}")
    command = Pip().install_command(tool, asked, Examined(machine, setup, None), "widgets")
    assert command == f"pip install {options}widgets"


@pytest.mark.parametrize(
    ("platform", "environment", "prefix"),
    [
        ("linux", {}, "python3 -m venv .venv && .venv/bin/"),
        ("win32", {}, "python3 -m venv .venv && .venv\\Scripts\\"),
        ("linux", {"VIRTUAL_ENV": "/venv"}, ""),
    ],
)
def test_where_the_system_installs_itself_an_environment_is_made(
    programs: StandIns, machine: Machine, *, platform: str, environment: Mapping[str, str], prefix: str
) -> None:
    tool = _pip(programs, MANAGED)
    examined = Examined(machine._replace(platform=platform, environment=environment), BESIDE, None)
    assert Pip().install_command(tool, [OWN], examined, "widgets") == f"{prefix}pip install widgets"
    assert programs.calls("pip") == ([] if environment else ["install --no-index pip==0"])


def test_the_other_command_asks_a_person_for_everything(programs: StandIns, machine: Machine) -> None:
    tool = _pip(programs)
    (found,) = Pip().fallbacks(tool, [OWN], Examined(machine, BESIDE, None), TYPED)
    assert found.command == f"pip install --index-url {OURS} widgets"
    assert found.environment == {"NETRC": "/made/up/netrc"}
    assert found.note == "asks for user name and password"


def _downloading(shown: str, code: int = 0) -> list[tuple[str, str]]:
    wheel = 'while [ "$1" != --dest ]; do shift; done; echo > "$2/w.whl"'
    kept = 'echo "$PIP_RETRIES $PIP_DEFAULT_TIMEOUT $PIP_DISABLE_PIP_VERSION_CHECK $GIVEN" > "$KEPT"'
    download = f"{kept}; " + (wheel if code == 0 else f"echo 'ERROR: 401 Error' >&2; exit {code}")
    return [("index", f"echo '{shown}'"), ("download", download)]


LOOK = "index versions --pre --ignore-requires-python widgets"


@pytest.mark.parametrize(
    ("version", "shown", "code", "taken", "calls"),
    [
        ("25.0", "widgets (1.1)", 0, "1.1", 2),
        ("25.0", "widgets (1.0)", 0, "1.1", 2),
        ("25.0", "widgets (9.9)", 0, "9.9", 1),  # a stranger's is not downloaded
        ("25.0", "nothing", 0, None, 1),
        ("21.2", "widgets (9.9)", 0, "9.9", 1),
        ("21.1.3", "widgets (9.9)", 0, "1.1", 1),  # this pip can't look
        ("25.0", "widgets (1.1)", 1, None, 2),
    ],
)
def test_a_trial_looks_and_downloads_what_is_on_the_index(
    programs: StandIns, machine: Machine, tmp_path: Path, *, version: str, shown: str, code: int, taken: str, calls: int
) -> None:
    tool = _pip(programs, *_downloading(shown, code), version=version)
    examined = Examined(machine, BESIDE, WIDGETS, {"KEPT": str(tmp_path / "kept"), "GIVEN": "given"})
    trial = Pip().try_download(tool, [OWN], examined, WIDGETS)
    assert trial.version == taken
    called = programs.calls("pip")
    assert len(called) == calls
    if version != "21.1.3":
        assert called[0] == LOOK.replace(" widgets", f" --index-url {OURS} widgets")
    if called[-1].startswith("download"):
        assert (tmp_path / "kept").read_text() == "0 10 1 given\n"
        *options, folder, _, url, exact = called[-1].split()
        assert " ".join(options) == (
            "download --no-deps --no-cache-dir --only-binary :all: --ignore-requires-python --dest"
        )
        assert (url, exact) == (OURS, "widgets==1.1")
        assert not Path(folder).exists()


def _hint(programs: StandIns, machine: Machine, error: str) -> tuple[str, str | None]:
    tool = _pip(programs, ("*", f"echo '{error}' >&2; exit 1"))
    trial = Pip().try_download(tool, [OWN], Examined(machine, BESIDE, WIDGETS), WIDGETS)
    return trial.hint, trial.reason


REFUSAL = "it found no password that the index accepts"


@pytest.mark.parametrize(
    "error", ["EOFError", "ERROR: 401 Error, Credentials", "No matching distribution", "Credentials not correct"]
)
def test_a_refused_pip_gets_the_way_to_keyring(
    programs: StandIns, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    hint, reason = _hint(programs, machine, error)
    assert hint.startswith("pip finds no `keyring` command")
    assert reason == REFUSAL
    program = programs.add("keyring")
    assert (
        f"{programs.folder / 'pip'} config --site set global.keyring-provider import"
        in _hint(programs, machine, error)[0]
    )
    program.rename(tmp_path / "keyring")
    monkeypatch.setenv("PATH", f"{programs.folder}:{tmp_path}")
    assert _hint(programs, machine, error) == (
        "Let pip ask keyring: `pip config set global.keyring-provider subprocess`.",
        REFUSAL,
    )


def test_a_crash_and_other_failures_have_remedies_of_their_own(programs: StandIns, machine: Machine) -> None:
    hint, reason = _hint(programs, machine, "Traceback\nTypeError: x")
    assert hint == f"Update it: `{programs.folder / 'python'} -m pip install -U pip`."
    assert reason == "it crashes (TypeError: x)"
    assert _hint(programs, machine, "Traceback\nEOFError: x")[1] == REFUSAL
    assert _hint(programs, machine, "ERROR: no route to host") == ("Run `pip -v download` for details.", None)


def test_its_name_and_scopes() -> None:
    assert (Pip.name, Pip.command, list(Pip.scopes)) == ("pip", "pip", ["user", "site", "global"])
    assert Pip.unconfigured.format(indexes="x") == "it installs from x"
