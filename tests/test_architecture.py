"""Architecture rules: imports between rooms, doors to outside libraries, and sizes."""

import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "publisher"
BASE = {"errors", "secret", "waiting", "files"}

ROOMS = {
    "errors": set[str](),
    "secret": set[str](),
    "limits": set[str](),
    "html_tags": set[str](),
    "waiting": set[str](),
    "files": {"errors", "waiting"},
    "project": {"errors", "limits", "waiting", "files"},
    "client": {"errors", "secret", "waiting", "html_tags", "project"},
    "credentials": {*BASE, "client"},
    "building": {"errors", "waiting", "files", "project"},
    "checks": {"errors", "limits", "files", "project", "client", "credentials"},
    "publish": {*BASE, "project", "client", "credentials", "building", "checks"},
    "machine": {*BASE, "project", "client", "credentials"},
    "github": {*BASE, "project", "client", "credentials"},
    "server": {"errors", "secret", "limits", "html_tags", "project", "files.atomic", "files.toml"},
    "cli": {
        *BASE,
        "limits",
        "project",
        "client",
        "credentials",
        "building",
        "checks",
        "publish",
        "machine",
        "github",
        "server",
    },
}
"""The rooms from which the modules of a room may import; docs/explanation/architecture.md has the sentences."""

SERVER_ROOMS = {
    "settings": {"storage", "siblings"},
    "http": {"settings", "work", "siblings"},
    "names": set[str](),
    "work": set[str](),
    "siblings": set[str](),
    "storage": {"siblings"},
    "store": {"storage", "names", "settings", "work", "siblings"},
    "auth": {"storage", "names", "settings", "work", "siblings"},
    "upstream": {"storage", "names", "settings"},
    "moving": {"storage", "store", "names"},
    "web": {"names"},
    "routes": {"http", "work", "names", "storage", "store", "auth", "upstream", "web", "settings"},
}
"""The same inside `publisher.server`; modules directly in `server/` compose the rooms, and may import all."""

SERVER_COMMANDS = {
    "serving",
    "stores",
    "htpasswd_accounts",
    "local_audit",
    "storage",
    "demo",
    "upstream_settings",
    "upstream_here",
}
"""The modules of `publisher.cli` that run or administer an index; no other one may import the server."""

EVERYWHERE = {"packaging"}
"""Libraries that need no door, because their types are the vocabulary of the field."""

DOORS = {
    "a2wsgi": ["publisher.server.routes.legacy.pypiserver"],
    "aiohttp": ["publisher.server.upstream.client", "publisher.server.auth.oidc.fetching"],
    "bcrypt": ["publisher.server.auth.hashes"],
    "build": ["publisher.building.pypa_build"],
    "certifi": ["publisher.client.plain.connection"],
    "check_wheel_contents": ["publisher.checks.contents"],
    "click": ["publisher.cli"],
    "configupdater": ["publisher.files.ini"],
    "cryptography": ["publisher.server.auth.oidc.jose"],
    "httptools": [],  # uvicorn imports it
    "isal": ["publisher.server.upstream.pages.gzips"],
    "jinja2": ["publisher.server.web.templating"],
    "jwt": ["publisher.server.auth.oidc.jose"],
    "keyring": [
        "publisher.credentials.keyring",
        "publisher.credentials.keyring_backend",  # a plug-in that keyring loads
        "publisher.machine.demo_keyring",  # the same
    ],
    "msgspec": ["publisher.server.upstream.pages.json_text"],
    "obstore": ["publisher.server.storage.bucket.objects"],
    "passlib": ["publisher.server.auth.hashes"],
    "platformdirs": ["publisher.credentials.remembered", "publisher.files.cache"],
    "pypiserver": ["publisher.server.routes.legacy.pypiserver", "publisher.server.upstream.options"],
    "python_multipart": ["publisher.server.http.multipart"],
    "readme_renderer": ["publisher.checks.metadata", "publisher.server.web.readme"],
    "requests": ["publisher.client.abort", "publisher.client.http", "publisher.client.failures"],
    "rich": ["publisher.cli.display.live"],
    "tomlkit": ["publisher.files.toml"],
    "trove_classifiers": ["publisher.checks.licensing"],
    "twine": ["publisher.client.upload_form"],
    "uv": ["publisher.building.uv"],
    "urllib3": [
        "publisher.client.abort",
        "publisher.client.http",
        "publisher.client.failures",
    ],
    "uvicorn": ["publisher.server.run", "publisher.server.uvicorn_protocol"],
    "validate_pyproject": ["publisher.checks.build_system"],
    "werkzeug": ["publisher.server.http.negotiation"],
    "yaml": ["publisher.github.pre_commit"],
}
"""The modules (or, for a folder, all modules in it) that may import an outside library."""


MODULES_IN_A_FOLDER = 16
LINES_OF_A_MODULE = 400
LINES_OF_A_FUNCTION = 50


@dataclass(frozen=True)
class Module:
    """A module of the package, by its dotted name."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def place(self) -> list[str]:
        return self.name.split(".")[1:]

    @cached_property
    def imports(self) -> list[tuple[str, bool]]:
        """The name of every module that is imported anywhere in it, and whether only type checkers see it."""
        for_types = {
            inner
            for node in ast.walk(self.tree)
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(alias.name, node in for_types) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name} imports relatively"
                assert node.module is not None
                for alias in node.names:
                    below = ROOT / node.module.replace(".", "/") / alias.name
                    is_module = below.with_suffix(".py").exists() or below.is_dir()
                    found.append((f"{node.module}.{alias.name}" if is_module else node.module, node in for_types))
        return found


def _read(path: Path) -> Module:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    return Module(name, path, ast.parse(path.read_text("utf-8")))


GENERATED = {"_version.py", "release.json"}
"""Written when the package is built, and in no commit."""


@cache
def modules() -> list[Module]:
    """Return all modules, parsed when a test first needs them, not while tests are collected."""
    return [_read(path) for path in sorted(PACKAGE.rglob("*.py")) if path.name not in GENERATED]


def each_module(check: Callable[[Module], None]) -> Callable[[], None]:
    """Return one test for all modules, which take less time together than a test of each needs to begin."""

    def test() -> None:
        found = []
        for module in modules():
            try:
                check(module)
            except AssertionError as error:
                found.append(f"{module.name}: {error}")
        assert not found, "\n".join(found)

    return test


def _is_below(name: str, places: list[str]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def test_every_folder_is_a_room_of_the_table() -> None:
    found = [path for path in PACKAGE.iterdir() if path.name not in {"__pycache__", *GENERATED}]
    assert {path.stem for path in found if path.suffix == ".py" or any(path.rglob("*.py"))} - {"__init__"} == set(ROOMS)
    assert len(ROOMS) <= MODULES_IN_A_FOLDER


def test_every_folder_of_the_server_is_a_room_of_its_table() -> None:
    folders = {path.name for path in (PACKAGE / "server").iterdir() if any(path.rglob("*.py"))}
    assert folders | {"settings"} == set(SERVER_ROOMS)


def test_tables_of_rooms_are_in_the_order_of_imports() -> None:
    rows = re.findall(r"^\| `([\w/.]+)` \| .+ \| .+ \|$", _PAGE, re.MULTILINE)
    names = [name.removesuffix(".py").removesuffix("/") for name in rows]
    listed = ROOMS | SERVER_ROOMS
    assert not [
        (name, other)
        for number, name in enumerate(names)
        for other in listed[name]
        if other.partition(".")[0] not in names[:number]
    ]


@each_module
def test_rooms_import_only_allowed_rooms(module: Module) -> None:
    if not module.place:
        return
    room = module.place[0]
    for imported, _ in module.imports:
        if not imported.startswith("publisher."):
            continue
        other = imported.removeprefix("publisher.")
        allowed = {room, *ROOMS[room]}
        if room == "cli" and module.place[-1] not in SERVER_COMMANDS:
            allowed.discard("server")
        assert _is_below(other, sorted(allowed)), f"{module.name} imports {imported}"


@each_module
def test_rooms_of_the_server_import_only_allowed_rooms(module: Module) -> None:
    if module.place[:1] != ["server"] or len(module.place) < 2 or module.place[1] not in SERVER_ROOMS:
        return
    room = module.place[1]
    for imported, _ in module.imports:
        place = imported.split(".")
        if place[:2] == ["publisher", "server"] and len(place) > 2:
            assert place[2] in {room, *SERVER_ROOMS[room]}, f"{module.name} imports {imported}"


@each_module
def test_every_outside_library_has_its_doors(module: Module) -> None:
    for imported, _ in module.imports:
        library = imported.partition(".")[0]
        if library in sys.stdlib_module_names or library == "publisher" or library in EVERYWHERE:
            continue
        assert library in DOORS, f"{module.name} imports {imported}, which has no door"
        assert _is_below(module.name, DOORS[library]), f"{module.name} imports {imported}"


def test_every_door_is_used() -> None:
    used = {(module.name, imported.partition(".")[0]) for module in modules() for imported, _ in module.imports}
    for library, doors in DOORS.items():
        for door in doors:
            assert any(name == library and _is_below(module, [door]) for module, name in used), f"{door}: {library}"


def test_ruff_bans_the_same_libraries() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    banned = settings["flake8-tidy-imports"]["banned-api"]
    assert set(banned) == set(DOORS)
    for library, doors in DOORS.items():
        assert all(door in banned[library]["msg"] for door in doors), f"{library}: {banned[library]['msg']}"


@each_module
def test_limits_are_in_one_place(module: Module) -> None:
    if module.place[:1] in (["server"], ["project"]):
        names = [
            target.id
            for node in module.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        ]
        assert not [name for name in names if name.endswith(("_LIMIT", "_LIMITS")) or name in {"WAITING", "PATIENCE"}]


def test_nothing_imports_modal() -> None:
    assert not [module.name for module in modules() for name, _ in module.imports if name.partition(".")[0] == "modal"]


def test_imports_have_no_cycle() -> None:
    graph = {
        module.name: {imported for imported, for_types in module.imports if imported != "publisher" and not for_types}
        for module in modules()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_class_names_have_one_meaning() -> None:
    names = Counter(
        node.name
        for module in modules()
        for node in module.tree.body
        if isinstance(node, ast.ClassDef) and node.name[0] != "_"
    )
    assert not [name for name, count in names.items() if count > 1]


def test_folders_have_at_most_16_modules() -> None:
    folders = {module.path.parent for module in modules()} - {PACKAGE / "cli"}
    sizes = {folder: len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) for folder in folders}
    assert not {folder.name: size for folder, size in sizes.items() if size > MODULES_IN_A_FOLDER}


@each_module
def test_modules_and_functions_are_short(module: Module) -> None:
    assert len(module.path.read_text("utf-8").splitlines()) <= LINES_OF_A_MODULE
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < LINES_OF_A_FUNCTION, f"{module.name}: {node.name}"


@each_module
def test_module_docstrings_begin_with_one_sentence(module: Module) -> None:
    text = ast.get_docstring(module.tree)
    assert text, f"{module.name} has no docstring"


_PAGE = (ROOT / "docs/explanation/architecture.md").read_text("utf-8")
WALKS = re.findall(r"^```text walk\n(.*?)^```", _PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.split()[0])
def test_each_step_of_a_documented_walk_is_an_import(walk: str) -> None:
    by_name = {module.name.removeprefix("publisher."): module for module in modules()}
    above: list[str] = []
    for line in walk.splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        assert name in by_name, f"{name} does not exist"
        above = above[:depth]
        if above:
            imported = {found.removeprefix("publisher.") for found, _ in by_name[above[-1]].imports}
            assert name in imported, f"{above[-1]} does not import {name}"
        above.append(name)


def test_the_documented_rooms_are_those_of_the_tables() -> None:
    rows = re.findall(r"^\| `([\w/.]+)` \| .+ \| (.+) \|$", _PAGE, re.MULTILINE)
    documented = {
        name.removesuffix(".py").removesuffix("/"): set(re.findall(r"`([\w.]+)`", text)) for name, text in rows
    }
    listed = ROOMS | SERVER_ROOMS
    assert set(documented) == set(listed)
    for name in set(listed) - {"cli", "routes"}:
        assert documented[name] == listed[name], name
    assert documented["cli"] == set(ROOMS) - ROOMS["cli"] - {"cli"} | {"server"}  # the exceptions
    assert documented["routes"] == set(SERVER_ROOMS) - SERVER_ROOMS["routes"] - {"routes"}


def test_the_documented_modules_of_the_server_are_those_in_its_folder() -> None:
    table = _PAGE.partition("The modules directly in `server/`")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert documented | {"__init__", "settings"} == {path.stem for path in (PACKAGE / "server").glob("*.py")}
