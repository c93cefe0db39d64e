"""uv: its settings from files and variables, the indexes that a setup puts into them, the commands, and its trial."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from publisher.client.url import parse_index_url
from publisher.errors import ConfigurationError
from publisher.files.toml import read_toml
from publisher.machine.candidate import Candidate
from publisher.machine.paths import Machine
from publisher.machine.tools.installer import Examined, InstalledTool, TypedCredentials
from publisher.machine.tools.tool import PUBLIC, ConfiguredIndex, Setup
from publisher.machine.tools.uv import Uv, UvIndex, read_settings
from publisher.secret import Credentials, Secret
from tests.helpers.stand_ins import StandIns, cases

URL = parse_index_url("https://acme.example/")
OURS, OTHER = "https://acme.example/simple/", "https://other.example/simple/"
BESIDE = Setup(URL, "my-acme", "ada", packages=("acme-widgets", "acme-core"))
ALONE = replace(BESIDE, proxies_public=True)
WIDGETS = Candidate("widgets", "1.1", frozenset({"1.0", "1.1"}))
TYPED = TypedCredentials(Credentials("ada lovelace", Secret("correct"), "typed"), Path("/made/up/netrc"), "widgets")
TOOL = InstalledTool("uv", Path("/bin/uv"), "0.9")


@pytest.fixture
def lonely(machine: Machine) -> Machine:
    """A machine whose shared files of uv are not the ones of the machine that runs the tests."""
    return machine._replace(environment={"XDG_CONFIG_DIRS": str(machine.home / "shared")})


def _with(machine: Machine, **variables: str) -> Machine:
    return machine._replace(environment={**machine.environment, **variables})


def _user_file(machine: Machine, text: str) -> str:
    path = machine.home / ".config/uv/uv.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def _project(folder: Path, text: str, name: str = "pyproject.toml") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return str(folder / name)


def _index(url: str, **keys: object) -> str:
    lines = [f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for key, value in keys.items()]
    return "\n".join(["[[index]]", f'url = "{url}"', *lines, ""])


def _asked(machine: Machine) -> list[tuple[str, str]]:
    return [(index.url, index.origin) for index in read_settings(machine).indexes]


@pytest.mark.parametrize(
    ("platform", "environment", "place"),
    [
        ("linux", {}, "home/.config/uv/uv.toml"),
        ("darwin", {}, "home/.config/uv/uv.toml"),
        ("win32", {}, "home/AppData/Roaming/uv/uv.toml"),
        ("linux", {"UV_CONFIG_FILE": "/elsewhere/uv.toml"}, "/elsewhere/uv.toml"),
    ],
)
def test_its_files(machine: Machine, platform: str, environment: Mapping[str, str], place: str) -> None:
    found = machine._replace(platform=platform, environment=environment)
    assert list(Uv().paths(found, "user")) == [machine.home.parent / place]
    assert list(Uv().paths(found, "project")) == [machine.folder / "pyproject.toml"]
    assert (Uv.name, Uv.command, list(Uv.scopes)) == ("uv", "uv", ["user", "project"])


def test_without_settings_uv_asks_the_public_index(lonely: Machine) -> None:
    found = read_settings(lonely)
    assert list(found.indexes) == [UvIndex(PUBLIC, "its default", default=True)]
    assert (found.strategy, found.keyring) == ("first-index", False)


@pytest.mark.parametrize(
    ("variables", "keyring", "strategy"),
    [
        ({}, True, "unsafe-best-match"),
        ({"UV_KEYRING_PROVIDER": "disabled"}, False, "unsafe-best-match"),
        ({"UV_KEYRING_PROVIDER": ""}, True, "unsafe-best-match"),
        ({"UV_INDEX_STRATEGY": "unsafe-first-match"}, True, "unsafe-first-match"),
    ],
)
def test_variables_win_over_files(lonely: Machine, variables: dict[str, str], keyring: object, strategy: str) -> None:
    _user_file(lonely, 'keyring-provider = "subprocess"\nindex-strategy = "unsafe-best-match"\n')
    found = read_settings(_with(lonely, **variables))
    assert (found.keyring, found.strategy) == (keyring, strategy)


def test_a_project_s_settings_win_over_a_person_s_and_those_over_shared_ones(lonely: Machine) -> None:
    shared = _project(lonely.home / "shared/uv", f'index-strategy = "c"\n{_index("https://c.example/")}', "uv.toml")
    user = _user_file(lonely, f'index-strategy = "b"\n{_index("https://b.example/")}')
    assert read_settings(lonely).strategy == "b"
    project = _project(
        lonely.folder, '[tool.uv]\nindex-strategy = "a"\n[[tool.uv.index]]\nurl = "https://a.example/"\n'
    )
    assert read_settings(lonely).strategy == "a"
    assert _asked(lonely) == [
        ("https://a.example/", project),
        ("https://b.example/", user),
        ("https://c.example/", shared),
        (PUBLIC, "its default"),
    ]


def test_the_nearest_folder_with_settings_counts_alone(lonely: Machine) -> None:
    inner = lonely.folder / "a/b"
    outer = _project(lonely.folder, f"[[tool.uv.index]]\nurl = '{OURS}'\n")
    _project(inner, "[project]\nname = 'x'\n")  # without settings of uv
    assert _asked(lonely._replace(folder=inner))[0] == (OURS, outer)
    own = _project(lonely.folder / "a", _index(OTHER), "uv.toml")
    _project(lonely.folder / "a", f"[[tool.uv.index]]\nurl = '{OURS}'\n")  # uv.toml wins
    assert _asked(lonely._replace(folder=inner)) == [(OTHER, own), (PUBLIC, "its default")]


@pytest.mark.parametrize(("value", "read"), [("1", False), ("TRUE", False), ("yes", False), ("0", True), ("", True)])
def test_files_can_be_turned_off(lonely: Machine, value: str, read: object) -> None:
    _user_file(lonely, _index(OURS))
    assert (len(_asked(_with(lonely, UV_NO_CONFIG=value))) == 2) is read


def test_a_file_that_a_variable_names_is_the_only_one(lonely: Machine, tmp_path: Path) -> None:
    _user_file(lonely, _index(OURS))
    _project(lonely.folder, f"[[tool.uv.index]]\nurl = '{OURS}'\n")
    named = _project(tmp_path / "named", _index(OTHER), "any.toml")
    assert _asked(_with(lonely, UV_CONFIG_FILE=named)) == [(OTHER, named), (PUBLIC, "its default")]


def test_shared_files_of_each_platform(lonely: Machine, tmp_path: Path) -> None:
    second = _project(tmp_path / "two/uv", _index(OURS), "uv.toml")
    several = _with(lonely, XDG_CONFIG_DIRS=f"{tmp_path / 'one'}:{tmp_path / 'two'}")
    assert _asked(several)[0] == (OURS, second)
    _project(tmp_path / "one/uv", _index(OTHER), "uv.toml")
    assert _asked(several)[0][0] == OTHER
    windows = _with(several, PROGRAMDATA=str(tmp_path / "data"))._replace(platform="win32")
    assert _asked(windows) == [(PUBLIC, "its default")]
    data = _project(tmp_path / "data/uv", _index(OURS), "uv.toml")
    assert _asked(windows)[0] == (OURS, data)


def test_the_default_index_is_asked_last_and_the_first_one_counts(lonely: Machine) -> None:
    user = _user_file(lonely, _index("https://d.example/", default=True) + _index(OURS) + "[pip]\nx = 1\n")
    assert _asked(lonely) == [(OURS, user), ("https://d.example/", user)]
    named = _with(lonely, UV_DEFAULT_INDEX="https://v.example/", UV_INDEX_URL="https://w.example/")
    assert _asked(named) == [(OURS, user), ("https://v.example/", "UV_DEFAULT_INDEX")]


def test_indexes_of_variables_have_names_and_order(lonely: Machine) -> None:
    machine = _with(
        lonely,
        UV_INDEX=f"acme={OURS} https://q.example/?a=b",
        UV_EXTRA_INDEX_URL="https://e.example/",
        UV_DEFAULT_INDEX="main=https://m.example/",
    )
    assert list(read_settings(machine).indexes) == [
        UvIndex(OURS, "UV_INDEX", name="acme"),
        UvIndex("https://q.example/?a=b", "UV_INDEX"),
        UvIndex("https://e.example/", "UV_EXTRA_INDEX_URL"),
        UvIndex("https://m.example/", "UV_DEFAULT_INDEX", name="main", default=True),
    ]


def test_indexes_of_a_file_in_all_its_forms(lonely: Machine) -> None:
    text = 'index-url = "https://u.example/"\nextra-index-url = ["https://x.example/"]\n'
    user = _user_file(lonely, text + _index(OURS, name="acme", explicit=True) + "[[index]]\nname = 'empty'\n")
    table = {"url": OURS, "name": "acme", "explicit": True}
    assert list(read_settings(lonely).indexes) == [
        UvIndex(OURS, user, name="acme", explicit=True, table=table),
        UvIndex("", user, name="empty", table={"name": "empty"}),
        UvIndex("https://x.example/", user),
        UvIndex("https://u.example/", user, default=True),
    ]
    _user_file(lonely, "index = ['a', 1]\n")
    assert _asked(lonely) == [(PUBLIC, "its default")]


def test_a_file_that_cannot_be_read_is_named_once(lonely: Machine) -> None:
    path = Path(_user_file(lonely, "[[index\n"))
    with pytest.raises(ConfigurationError) as caught:
        read_settings(lonely)
    assert caught.value.message.startswith(f"{path}: ")
    assert (caught.value.hint, caught.value.path) == ("Fix it, or move it away.", path)
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError) as caught:
        read_settings(lonely)
    assert caught.value.message.count(str(path)) == 1


def test_what_is_read_for_passwords_is_every_file_and_variable(lonely: Machine) -> None:
    user = _user_file(lonely, _index(OURS))
    project = _project(lonely.folder, f"[[tool.uv.index]]\nurl = '{OTHER}'\n")
    found = Uv().read(_with(lonely, UV_INDEX="https://v.example/", UV_NO_CONFIG="1"))
    assert [(index.url, index.origin) for index in found] == [
        ("https://v.example/", "UV_INDEX"),
        (OURS, user),
        (OTHER, project),
    ]


def _put(setup: Setup, machine: Machine, scope: str, text: str | None = None) -> dict[str, Any]:
    (edit,) = Uv().edits(setup, machine, scope)
    assert edit.path == Uv().paths(machine, scope)[0]
    assert edit.holds_secret is (scope == "user" and setup.password is not None)
    document: dict[str, Any] = read_toml(edit.put(text))
    return document


def test_a_person_s_file_of_an_index_beside_the_public_one_only_enables_keyring(machine: Machine) -> None:
    assert _put(BESIDE, machine, "user") == {"keyring-provider": "subprocess"}
    assert _put(replace(BESIDE, password=Secret("x")), machine, "user") == {}


def test_a_person_s_file_makes_an_index_that_passes_public_packages_on_the_default(machine: Machine) -> None:
    index = {"name": "my-acme", "url": "https://ada@acme.example/simple/", "default": True, "authenticate": "always"}
    before = 'index-url = "https://x.example/"\nextra-index-url = ["https://y.example/"]\noffline = true\n'
    assert _put(ALONE, machine, "user") == {"keyring-provider": "subprocess", "index": [index]}
    assert _put(ALONE, machine, "user", before) == {
        "keyring-provider": "subprocess",
        "index": [index],
        "offline": True,
    }
    embedded = {**index, "url": "https://ada:x@acme.example/simple/"}
    assert _put(replace(ALONE, password=Secret("x")), machine, "user") == {"index": [embedded]}


def test_a_project_with_the_only_index_names_no_packages(machine: Machine) -> None:
    index = {"name": "my-acme", "url": OURS, "default": True, "authenticate": "always"}
    assert _put(ALONE, machine, "project")["tool"]["uv"] == {"index": [index]}


def test_a_project_beside_the_public_index_names_the_packages_that_come_from_it(machine: Machine) -> None:
    index = {"name": "my-acme", "url": OURS, "explicit": True, "authenticate": "always"}
    assert _put(BESIDE, machine, "project")["tool"]["uv"] == {
        "index": [index],
        "sources": {name: {"index": "my-acme"} for name in ("acme-widgets", "acme-core")},
    }
    assert _put(replace(BESIDE, packages=()), machine, "project")["tool"]["uv"] == {"index": [index]}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[project]\nname = "Acme_Core"\n', ["acme-widgets"]),  # itself
        ("[tool.uv.sources]\nAcme_Widgets = { path = 'x' }\n", ["acme-core", "Acme_Widgets"]),
        ("[project]\nname = 1\n", ["acme-widgets", "acme-core"]),
    ],
)
def test_names_that_have_a_source_or_are_the_project_stay(machine: Machine, text: str, named: list[str]) -> None:
    assert list(_put(BESIDE, machine, "project", text)["tool"]["uv"]["sources"]) == named


def test_packages_that_others_bring_along_are_listed_in_a_group(machine: Machine) -> None:
    setup = replace(BESIDE, private_dependencies={"acme-widgets": {"acme-core"}, "acme-core": {"acme-base"}})
    text = '[project]\nname = "x"\ndependencies = ["acme-widgets"]\n'
    assert _put(setup, machine, "project", text)["dependency-groups"] == {"via-my-acme": ["acme-base", "acme-core"]}
    assert "dependency-groups" not in _put(BESIDE, machine, "project", text)


def test_its_variables() -> None:
    credentials = {
        "UV_INDEX_MY_ACME_USERNAME": "$PYPI_PUBLISH_USERNAME",
        "UV_INDEX_MY_ACME_PASSWORD": "$PYPI_PUBLISH_PASSWORD",
    }
    assert Uv().variables(BESIDE) == credentials
    assert Uv().variables(ALONE) == {"UV_DEFAULT_INDEX": f"my-acme={OURS}", **credentials}


@pytest.mark.parametrize(
    ("setup", "scope", "words"),
    [
        (ALONE, "user", ["only the private index"]),
        (ALONE, "project", ["only the private index", "Everyone who works on it"]),
        (BESIDE, "user", ["only enables keyring"]),
        (BESIDE, "project", ["the 2 packages", "Everyone who works on it"]),
    ],
)
def test_its_notes(setup: Setup, scope: str, words: list[str]) -> None:
    notes = Uv().notes(setup, scope)
    assert len(notes) == len(words)
    assert all(word in note for word, note in zip(words, notes, strict=True))


def _examined(machine: Machine, setup: Setup = BESIDE) -> Examined:
    return Examined(machine, setup, None)


def test_a_uv_that_asks_keyring_gets_the_index_from_each_project_that_names_it(lonely: Machine) -> None:
    assert [index.url for index in Uv().asked(TOOL, _examined(lonely))] == [PUBLIC]
    _user_file(lonely, 'keyring-provider = "subprocess"\n')
    *_, last = Uv().asked(TOOL, _examined(lonely))
    table = {"name": "my-acme", "url": OURS, "explicit": True, "authenticate": "always"}
    assert last == UvIndex(OURS, "each project that names it", name="my-acme", explicit=True, table=table)
    assert Uv().asked(TOOL, _examined(lonely, ALONE))[-1] == UvIndex(
        OURS,
        "each project that names it",
        name="my-acme",
        table={"name": "my-acme", "url": OURS, "default": True, "authenticate": "always"},
    )
    _user_file(lonely, 'keyring-provider = "subprocess"\n' + _index(OURS))
    assert [index.url for index in Uv().asked(TOOL, _examined(lonely))] == [OURS, PUBLIC]


@pytest.mark.parametrize(
    ("text", "risk"),
    [
        (_index(OTHER), None),
        (_index(OURS, explicit=True) + _index(OTHER), None),
        (_index(OURS, default=True), None),
        (_index(OURS), "a name that this index does not have, or no longer has, comes from the public index"),
        (_index(OTHER) + _index(OURS), f"it asks {OTHER} first, and this index for the rest"),
        (_index(OTHER, explicit=True) + _index(OURS, default=True), None),
        ('index-strategy = "unsafe-any"\n' + _index(OURS, default=True), None),
        (
            'index-strategy = "unsafe-any"\n' + _index(OURS),
            "index-strategy = 'unsafe-any' compares the versions of all indexes",
        ),
        (
            'index-strategy = "unsafe-any"\n' + _index(OTHER) + _index(OURS, default=True),
            "index-strategy = 'unsafe-any' compares the versions of all indexes",
        ),
    ],
)
def test_how_it_could_be_misled(lonely: Machine, text: str, risk: str | None) -> None:
    _user_file(lonely, text)
    assert Uv().risk(read_settings(lonely).indexes, _examined(lonely)) == risk


def test_the_command_that_installs(machine: Machine) -> None:
    project = str(machine.folder / "pyproject.toml")

    def command(*indexes: ConfiguredIndex) -> str:
        return Uv().install_command(TOOL, indexes, _examined(machine), "widgets")

    assert command(UvIndex(OURS, "")) == "uv add widgets"
    assert command(UvIndex(OURS, project, explicit=True)) == f"uv add --index my-acme={OURS} widgets"
    longer = "pypi-publish config uv --scope project --write && uv add widgets"
    assert command(UvIndex(OURS, "x", explicit=True)) == longer
    assert command(UvIndex(OTHER, "")) == longer
    assert command() == longer


@pytest.mark.parametrize(
    ("indexes", "variable", "prefix"),
    [
        ([UvIndex(OURS, "", name="our-own")], "OUR_OWN", ""),
        ([UvIndex(OURS, "")], "MY_ACME", ""),
        ([UvIndex(OTHER, "", name="other")], "MY_ACME", "pypi-publish config uv --scope project --write && "),
    ],
)
def test_the_other_commands_name_the_user_or_log_in(
    machine: Machine, indexes: list[UvIndex], variable: str, prefix: str
) -> None:
    named, stored = Uv().fallbacks(TOOL, indexes, _examined(machine), TYPED)
    user, password = f"UV_INDEX_{variable}_USERNAME", f"UV_INDEX_{variable}_PASSWORD"
    assert named.command == f"{prefix}{user}='ada lovelace' uv add widgets"
    assert (named.environment, named.note) == ({user: "ada lovelace"}, None)
    login = "uv auth login --username 'ada lovelace' https://acme.example/"
    assert stored.command == f"{prefix}{login} && uv add widgets"
    assert stored.environment == {user: "ada lovelace", password: "correct"}
    assert stored.note == "asks for the password once"


def _resolving(pinned: str, code: int = 0) -> str:
    keep = 'while IFS= read -r line; do printf "%s\\n" "$line"; done < pyproject.toml > "$KEPT.toml"'
    install = f'{MKDIR} -p there/widgets-1.1.dist-info; echo "$GIVEN" > "$KEPT.install"'
    compile_ = f"{keep}; echo '{pinned}'; exit {code}"
    return f"shift\n{cases(('compile', compile_), ('install', install))}"


MKDIR = "/bin/mkdir"
COMPILE = "pip compile --no-header --no-annotate --no-deps --prerelease=allow --quiet pyproject.toml"
INSTALL = (
    "pip install --only-binary=:all: --no-cache --no-deps --prerelease=allow --quiet --target there -r pyproject.toml"
)


@pytest.mark.parametrize(
    ("pinned", "code", "version", "calls"),
    [
        ("widgets==1.1", 0, "1.1", [COMPILE, INSTALL]),
        ("widgets==1.0 ; x", 0, "1.0", [COMPILE, INSTALL]),
        ("widgets==9.9", 0, "9.9", [COMPILE]),  # a stranger's is not installed
        ("widgets==1.1", 2, "1.1", [COMPILE]),
        ("nothing", 0, None, [COMPILE]),
    ],
)
def test_a_trial_resolves_and_installs_what_is_on_the_index(
    lonely: Machine,
    programs: StandIns,
    tmp_path: Path,
    *,
    pinned: str,
    code: int,
    version: str | None,
    calls: list[str],
) -> None:
    tool = TOOL._replace(program=programs.add("uv", _resolving(pinned, code)))
    examined = Examined(lonely, BESIDE, WIDGETS, {"KEPT": str(tmp_path / "kept"), "GIVEN": "given"})
    trial = Uv().try_download(tool, [UvIndex(OTHER, "")], examined, WIDGETS)
    assert (trial.version, trial.outcome.code) == (version, code)
    assert trial.hint == "Let uv ask keyring: `pypi-publish config uv --write`."
    assert programs.calls("uv") == calls
    written = read_toml((tmp_path / "kept.toml").read_text())
    assert written["project"]["dependencies"] == ["widgets"]
    assert written["project"]["name"]
    assert written["tool"]["uv"] == {
        "index": [{"name": "my-acme", "url": OURS, "explicit": True, "authenticate": "always"}],
        "index-strategy": "first-index",
        "sources": {"widgets": {"index": "my-acme"}},
    }
    if len(calls) == 2:
        assert (tmp_path / "kept.install").read_text() == "given\n"


def test_a_trial_that_installs_nothing_has_no_version(lonely: Machine, programs: StandIns, tmp_path: Path) -> None:
    script = _resolving("widgets==1.1").replace(f"{MKDIR} -p", ":")
    tool = TOOL._replace(program=programs.add("uv", script))
    examined = Examined(lonely, BESIDE, WIDGETS, {"KEPT": str(tmp_path / "kept")})
    assert Uv().try_download(tool, [], examined, WIDGETS).version is None


def test_a_trial_takes_the_indexes_of_the_person(lonely: Machine, programs: StandIns, tmp_path: Path) -> None:
    text = 'keyring-provider = "subprocess"\nindex-strategy = "unsafe-any"\n'
    _user_file(lonely, text + _index(OTHER) + _index(OURS, name="ours"))
    tool = TOOL._replace(program=programs.add("uv", _resolving("widgets==1.1")))
    examined = Examined(lonely, BESIDE, WIDGETS, {"KEPT": str(tmp_path / "kept")})
    trial = Uv().try_download(tool, read_settings(lonely).indexes, examined, WIDGETS)
    assert trial.hint == "`uv -v` says more."
    assert read_toml((tmp_path / "kept.toml").read_text())["tool"]["uv"] == {
        "index": [{"url": OTHER}, {"url": OURS, "name": "ours"}],
        "index-strategy": "unsafe-any",
        "keyring-provider": "subprocess",
        "sources": {},
    }
