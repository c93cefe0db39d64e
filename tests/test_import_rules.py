"""The rules of who may import what, read from the source of every module."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "publisher").rglob("*.py"))

DOORS = {
    "click": "publisher.cli.",
    "rich": "publisher.cli.progress",
    "keyring": "publisher.credentials.keyring",
    "build": "publisher.building.builder",
    "twine": "publisher.client.upload_form",
    "readme_renderer": "publisher.checks.metadata",
    "requests": "publisher.client.http",
    "urllib3": "publisher.client.http",
    "platformdirs": "publisher.credentials.remembered",
    "configupdater": "publisher.files.ini",
    "tomlkit": "publisher.files.toml",
    "trove_classifiers": "publisher.checks.licensing",
    "validate_pyproject": "publisher.checks.build_system",
    "check_wheel_contents": "publisher.checks.contents",
    "yaml": "publisher.github.pre_commit",
    "pypiserver": "publisher.server.routes.pypiserver",
    "a2wsgi": "publisher.server.routes.pypiserver",
    "passlib": "publisher.server.auth.htpasswd",
    "bcrypt": "publisher.server.auth.htpasswd",
    "python_multipart": "publisher.server.http.multipart",
    "uvicorn": "publisher.server.run",
}
SECOND_DOORS = {
    ("publisher.machine.demo_keyring", "keyring"): "a plug-in that keyring loads",
    ("publisher.credentials.keyring_backend", "keyring"): "a plug-in that keyring loads",
    ("publisher.building.environments", "build"): "makes the environments that building builds in",
    ("publisher.client.upload_form", "urllib3"): "writes the heads of a form's parts",
    ("publisher.files.cache", "platformdirs"): "where caches are",
}
SERVER_USERS = ("publisher.server", "publisher.cli.serve", "publisher.cli.users")
LAYERS = (
    "publisher.cli",
    "publisher.publish.upload",
    "publisher.building.builder publisher.credentials.chain publisher.publish.sender",
    "publisher.project.distributions",
    "publisher.errors",
)


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield the full name of every module that a module imports anywhere, and whether only the type checker sees it."""
    tree = ast.parse(path.read_text("utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module is not None
            for alias in node.names:
                submodule = ROOT / node.module.replace(".", "/") / f"{alias.name}.py"
                yield (f"{node.module}.{alias.name}" if submodule.exists() else node.module), node in for_types


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_every_outside_thing_has_one_door(path: Path) -> None:
    module = _name(path)
    for imported, _ in _imports(path):
        top = imported.partition(".")[0]
        door = DOORS.get(top)
        if door is None or (module, top) in SECOND_DOORS:
            continue
        assert module.startswith(door) if door.endswith(".") else module == door, f"{module} imports {imported}"


def test_nothing_imports_modal() -> None:
    assert not [path for path in MODULES for imported, _ in _imports(path) if imported.partition(".")[0] == "modal"]


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_the_server_is_imported_by_its_commands_only(path: Path) -> None:
    if not _name(path).startswith(SERVER_USERS):
        assert not [imported for imported, _ in _imports(path) if imported.startswith("publisher.server")]


def test_the_server_imports_little_of_the_rest() -> None:
    allowed = (
        "publisher.server",
        "publisher.project.distributions",
        "publisher.errors",
        "publisher.files.atomic",
        "publisher.project.archives",
        "publisher.secret",
    )
    for path in MODULES:
        if _name(path).startswith("publisher.server"):
            ours = {imported for imported, _ in _imports(path) if imported.startswith("publisher.")}
            assert not {imported for imported in ours if not imported.startswith(allowed)}, path


def test_imports_have_no_cycle() -> None:
    graph = {
        _name(path): {imported for imported, for_types in _imports(path) if imported != "publisher" and not for_types}
        for path in MODULES
    }
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_point_one_way(path: Path) -> None:
    layer_of = {name: level for level, names in enumerate(LAYERS) for name in names.split()}
    module = _name(path)
    own = next((level for name, level in layer_of.items() if module == name or module.startswith(f"{name}.")), None)
    if own is None:
        return
    for imported, for_types in _imports(path):
        other = next((level for name, level in layer_of.items() if imported == name), None)
        assert for_types or other is None or other >= own, f"{module} imports {imported}"


def test_only_the_command_line_knows_click() -> None:
    assert all(
        _name(path).startswith("publisher.cli.") for path in MODULES for name, _ in _imports(path) if name == "click"
    )
