"""The docs are checked like code."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import click
import pytest

from benchmarks import scale
from docs import sentences
from publisher import errors
from publisher.cli.main import group
from publisher.files.toml import set_keys
from publisher.machine.configure import TOOLS
from publisher.machine.diagnosis import Area, DiagnosisLevel
from publisher.machine.tools.installer import Installer
from publisher.project.config import _KEYS
from publisher.server.app import create_app
from publisher.server.auth.access.changes import NEW_FILE
from publisher.server.auth.access.rules import parse_rules
from publisher.server.settings import ServerSettings
from tests.machine.tools import test_confusion

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")])
SOURCES = [*ROOT.glob("publisher/**/*.py")]
HIDDEN_VARIABLES = {
    "PATH",  # the demo hands it on
    "PYPI_PUBLISH_DEMO_KEYRING",  # the demo tells its own keyring with it
}
ABOUT_THE_COMMAND = {"--help", "--version", "--verbose"}


def _names(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("generator", sorted(ROOT.glob("docs/generate_*.py")), ids=_names)
def test_generated_pages_are_current(generator: Path) -> None:
    done = subprocess.run([sys.executable, generator, "--check"], check=False)
    assert done.returncode == 0, "run `make docs`"


@pytest.mark.parametrize("page", sentences.pages(), ids=_names)
def test_each_sentence_has_a_line_of_its_own(page: Path) -> None:
    text = page.read_text("utf-8")
    assert sentences.reflow(text) == text, "run `make docs`"


def test_sentences_are_distinguished_from_abbreviations_and_code() -> None:
    text = (
        "One `a. B` (e.g. This). Two [c](d. E) at 3.11. Three!\n\n1. first. Second.\n- item\n  goes on. **Bold.** End"
        "\n\n"
        "At most 16. `--workers 4` starts four. pip and uv go on. 600. Use it."
    )
    assert sentences.reflow(text).split("\n") == [
        "One `a. B` (e.g. This).",
        "Two [c](d. E) at 3.11.",
        "Three!",
        "",
        "1. first.",
        "   Second.",
        "- item goes on.",
        "  **Bold.**",
        "  End",
        "",
        "At most 16.",
        "`--workers 4` starts four.",
        "pip and uv go on.",
        "600. Use it.",
    ]


def test_every_exit_code_is_explained() -> None:
    page = (ROOT / "docs/reference/exit-codes.md").read_text("utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.PublishError)]
    for code in {0} | {kind.exit_code for kind in kinds}:
        assert f"\n| {code} |" in page


def test_every_key_and_variable_is_explained() -> None:
    page = (ROOT / "docs/reference/configuration.md").read_text("utf-8")
    variables = {name for path in SOURCES for name in _variables_read(path)} | _variables_of_options()
    assert {"AUTH_TOKEN", "NETRC", "PYPI_PUBLISH_PASSWORD", "PYPI_PUBLISH_TAG"} <= variables  # both ways find some
    of_serve = set(re.findall(r"env var: (PYPI_INDEX_\w+)", (ROOT / "docs/reference/cli.md").read_text("utf-8")))
    assert not {name for name in {*_KEYS, *variables - HIDDEN_VARIABLES - of_serve} if f"`{name}`" not in page}


def _variables_read(path: Path) -> set[str]:
    """Return the variables that a module gets or takes out of an environment, by their text or a constant's."""
    tree = ast.parse(path.read_text("utf-8"))
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    loops: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        match node:
            case (
                ast.For(target=ast.Name(id=name), iter=ast.Tuple(elts=names))
                | ast.comprehension(target=ast.Name(id=name), iter=ast.Tuple(elts=names))
            ):
                loops.setdefault(name, []).extend(each for each in names if ast.unparse(each).strip("'").isupper())
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=source, attr="get" | "pop"), args=[key, *_]):
                pass
            case ast.Subscript(value=source, slice=key) if isinstance(node.ctx, ast.Load):
                pass
            case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[source]):
                pass
            case _:
                continue
        if ast.unparse(source) in {"os.environ", "environment", "machine.environment"}:
            values = [constants.get(key.id), *loops.get(key.id, [])] if isinstance(key, ast.Name) else [key]
            found |= {ast.literal_eval(value) for value in values if value is not None}
    return found


def _variables_of_options() -> set[str]:
    """Return the variables that click reads for the options of all commands."""
    root = click.Context(group)
    commands = [command for name in group.list_commands(root) if (command := group.get_command(root, name)) is not None]
    for command in commands:  # grows while it is walked
        if isinstance(command, click.Group):
            commands.extend(command.commands.values())
    given = [option.envvar for command in commands for option in command.params if option.envvar]
    return {name for each in given for name in ([each] if isinstance(each, str) else each)}


def test_every_check_of_doctor_is_in_the_reference() -> None:
    page = (ROOT / "docs/reference/configuration.md").read_text("utf-8")
    calls = [
        node
        for path in ROOT.glob("publisher/machine/**/*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    checks = {
        str(call.args[0].value)
        for call in calls
        if ast.unparse(call.func).rpartition(".")[2] in {verdict.value for verdict in DiagnosisLevel}
        and isinstance(call.args[0], ast.Constant)
    }
    assert {"reachable", "accepted", "command", "twine-leak", "pypirc"} <= checks
    assert not {check for check in checks if f"`{check}`" not in page}
    for area in Area:
        assert f"`{area.name.lower()}`" in page


def test_every_route_of_the_index_is_explained(tmp_path: Path) -> None:
    page = (ROOT / "docs/reference/index.md").read_text("utf-8")
    paths = {route.path for route in create_app(ServerSettings(roots=(tmp_path,))).table.routes}
    assert {"register", "whoami"} <= paths
    for path in paths:
        shown = path.removesuffix("*").replace("*", "NAME")
        assert re.search(rf"[ `]/{re.escape(shown)}", page), path


def test_every_change_in_the_audit_trail_is_explained() -> None:
    page = (ROOT / "docs/reference/access.md").read_text("utf-8")
    calls = [
        node
        for path in ROOT.glob("publisher/server/**/*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in {"AuditEvent", "record", "_record"}
    ]
    names = {str(each.value) for call in calls for each in call.args[:2] if isinstance(each, ast.Constant)}
    assert {"upload", "logins-failed", "publisher-added", "account-removed", "token-burnt"} <= names
    keys = {keyword.arg for call in calls for keyword in call.keywords if _is_recorded_by_oversight(call)} - {None}
    assert {"token_name", "pattern"} <= keys
    assert not {name for name in names | keys if f"`{name}`" not in page}


def _is_recorded_by_oversight(call: ast.Call) -> bool:
    return ast.unparse(call.func).endswith("oversight.record")


def test_every_option_of_pypiserver_has_its_line() -> None:
    page = (ROOT / "docs/how-to/move-from-pypiserver.md").read_text("utf-8")
    shown = subprocess.run(
        [sys.executable, "-m", "pypiserver", "run", "--help"], capture_output=True, text=True, check=True
    ).stdout
    options = set(re.findall(r"^  (?:-\w[^-\n]*, )*(--[a-z-]+)", shown, re.MULTILINE)) - ABOUT_THE_COMMAND
    assert "--overwrite" in options
    for option in options:
        assert f"`{option}" in page, option


@pytest.mark.parametrize("page", PAGES, ids=_names)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", page.read_text("utf-8")):
        if "://" in target:
            continue
        linked = page.parent / target if target else page
        assert linked.exists(), target
        assert not anchor or anchor in _anchors(linked), f"{target}#{anchor}"


@cache
def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_linked_from_the_overview() -> None:
    overview = (ROOT / "docs/README.md").read_text("utf-8")
    for page in ROOT.glob("docs/*/*.md"):
        assert f"({page.relative_to(ROOT / 'docs').as_posix()})" in overview, page.name


def test_the_overview_calls_every_page_by_its_title() -> None:
    overview = (ROOT / "docs/README.md").read_text("utf-8")
    for name, target in re.findall(r"^- \[([^\]]+)\]\(([^)]+)\)", overview, re.MULTILINE):
        assert f"# {name}\n" in (ROOT / "docs" / target).read_text("utf-8"), target


def test_every_test_that_the_docs_name_exists() -> None:
    page = (ROOT / "docs/reference/protocols.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 20
    for path, test in named:
        assert f"\ndef {test}(" in (ROOT / path).read_text("utf-8"), f"{path}::{test}"


def test_the_tables_of_dependency_confusion_are_what_is_tried() -> None:
    page = (ROOT / "docs/explanation/dependency-confusion.md").read_text("utf-8")
    for mode in test_confusion.MODES:
        _, _, rest = page.partition(f"`tests/machine/tools/test_confusion.py::test_TOOL[{mode}-STATE]`")
        header, _, *rows = re.search(r"\n((?:\|.*\n)+)", rest).group(1).splitlines()  # type: ignore[union-attr]
        tools = [cell.strip() for cell in header.strip("|").split("|")][1:]
        assert sorted(tools) == sorted(name for name, tool in TOOLS.items() if isinstance(tool, Installer))
        assert all(hasattr(test_confusion, f"test_{tool}") for tool in tools)
        cells = {row[0].strip(): row[1:] for row in ([*line.strip("|").split("|")] for line in rows)}
        assert tuple(cells) == test_confusion.STATES
        for state, results in cells.items():
            expected = test_confusion.PRIVATE if state == test_confusion.STATES[0] else "error"
            assert [result.strip() for result in results] == [expected] * len(tools), state


def test_the_members_of_a_group_can_be_added_after_its_role() -> None:
    page = (ROOT / "docs/how-to/accounts-and-roles.md").read_text("utf-8")
    (members,) = re.findall(r"^```toml\n(\[groups\..*?)^```$", page, re.MULTILINE | re.DOTALL)
    written = set_keys(NEW_FILE, ["groups", "web", "projects"], {"web-*": "maintainer"})
    grants = parse_rules(f"{written}\n{members}").grants_of("bob")
    assert "web-*" in {grant.pattern for grant in grants}


def test_contributors_are_sent_to_places_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    paths = [path for path in re.findall(r"`([\w./-]+/[\w./-]*)`", text) if not re.search("NAME|OWNER|^/-/$", path)]
    assert len(paths) > 10
    assert not [path for path in paths if not (ROOT / path).exists()]
    found = set()
    for sentence in re.split(r"(?<=[.;:])\s+", text):
        modules = [path for path in re.findall(r"`([\w./-]+/\w+\.py)`", sentence) if "NAME" not in path]
        sources = "".join((ROOT / path).read_text("utf-8") for path in modules)
        for name in re.findall(r"`(?:\w+\.)?([A-Za-z_]\w+)(?:\(.*?\))?`", sentence) if modules else ():
            assert re.search(rf"\b{name}\b", sources) or name == "Rule", f"{name} in {modules}"
            found.add(name)
    assert {"COMMANDS", "CHECKS", "enforce_files", "TOOLS", "DOORS", "Lease", "PRINTING"} <= found


def test_the_tables_about_scale_are_what_its_script_prints() -> None:
    page = scale.PAGE.read_text("utf-8")
    tables = scale.report(scale.COSTS, scale.SIZES)
    assert scale.filled(page, tables) == page, "python benchmarks/scale.py --write"
    assert all(text in page for text in tables.values())


def test_every_benchmark_on_its_page_has_help() -> None:
    page = (ROOT / "benchmarks/README.md").read_text("utf-8")
    scripts = re.findall(r"^\| `(\w+\.py)` \|", page, re.MULTILINE)
    assert len(scripts) > 10
    for name in scripts:
        assert "ArgumentParser(description=__doc__)" in (ROOT / "benchmarks" / name).read_text("utf-8"), name
