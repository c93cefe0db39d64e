"""How the commands are put together: options in dataclasses, work imported when a command runs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from publisher.cli.config import command as configure
from publisher.cli.group import COMMANDS, UNLISTED
from publisher.cli.main import group
from publisher.cli.options.building import BuildArgs
from publisher.cli.options.gather import gather
from publisher.cli.options.server import ServeArgs, serve_options
from publisher.cli.options.target import TargetArgs
from publisher.machine.configure import TOOLS

CLI = Path(__file__).parents[2] / "publisher" / "cli"
NAMES = [*(name for names in COMMANDS.values() for name in names), *UNLISTED]
HEAVY = {"build", "keyring", "packaging", "requests", "rich", "tomlkit", "twine", "uvicorn", "pypiserver", "urllib3"}
LAZY_PLACES = {
    "run/admin/accounts.py": "the extra [server]",
    "run/index.py": "the extra [server]",
    "run/admin/public_packages.py": "the extra [server]",
    "run/admin/storage.py": "the extra [server]",
    "run/admin/stores.py": "the extra [bucket]",
    "run/checking.py": "the HTTP client and the build, which a hook that checks the sources does without",
    "run/resolve.py": "the reader of .pypirc, only for --repository",
    "run/builds/early.py": "the build, only where it begins early",
    "run/builds/options.py": "the build, which `upload` does without",
    "run/tools.py": "the HTTP client, only where the index is asked",
    "run/publishing.py": "the HTTP client, which `build` does without; the build, which `upload` does without",
    "display/output.py": "what only a terminal or a runner of GitHub needs: every command starts with this module",
    "display/progress.py": "rich, which only a terminal needs",
}


def _commands(name: str) -> Iterator[click.Command]:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    yield command
    if isinstance(command, click.Group):
        yield from command.commands.values()


def _lazy_imports(path: Path) -> list[str]:
    return [
        function.name
        for function in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_command_is_words_and_one_lazy_line(name: str) -> None:
    lazy = _lazy_imports(CLI / f"{name}.py")
    assert lazy
    begins_early = ["command"] if name == "publish" else []  # its build begins before the rest is loaded
    assert sorted(lazy) == sorted({*lazy}) + begins_early


def test_the_work_imports_at_the_top() -> None:
    lazy = {path.relative_to(CLI).as_posix() for path in CLI.rglob("*/*.py") if _lazy_imports(path)}
    assert lazy == set(LAZY_PLACES)


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], *([name, "--help"] for name in NAMES)], ids=" ".join)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom publisher.cli.main import main\n"
        f"sys.argv = ['pypi-publish', *{arguments!r}]\n"
        "try:\n    main()\nfinally:\n    sys.stderr.write(' '.join(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_a_command_ends_without_looking_for_garbage() -> None:
    code = (
        "import atexit, gc\nfrom publisher.cli.main import main\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > len(gc.get_objects())))\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True"


def test_a_field_without_an_option_keeps_its_default() -> None:
    @click.command
    @gather(TargetArgs, "target", click.option("--username"))
    def command(target: TargetArgs) -> None:
        click.echo(repr(target))

    result = CliRunner().invoke(command, ["--username", "ada"])
    assert result.output.strip() == repr(TargetArgs(username="ada"))


@pytest.mark.parametrize("name", NAMES)
def test_every_option_reaches_its_command(name: str) -> None:
    """An option that no named tuple and no parameter takes would be a TypeError when the command is called."""
    for command in _commands(name):
        if isinstance(command, click.Group):
            continue
        values = {
            param.name: None for param in command.params if param.expose_value and isinstance(param, click.Parameter)
        }
        assert command.callback is not None
        inner = command.callback
        while hasattr(inner, "__wrapped__"):
            inner = inner.__wrapped__
        parameters = set(inner.__annotations__) - {"return"}
        taken = {field for kind in inner.__annotations__.values() for field in getattr(kind, "_fields", ())}
        assert set(values) <= parameters | taken


@click.command
@serve_options
def _shown(serve: ServeArgs) -> None:
    click.echo(repr(serve))


def _samples(option: click.Option) -> str:
    """Return a value that is not the option's default."""
    if option.is_flag:
        return "true"
    if isinstance(option.type, click.Choice):
        return str(option.type.choices[-1])
    return "7"


@pytest.mark.parametrize("option", [each for each in _shown.params if isinstance(each, click.Option)], ids=str)
def test_the_environment_can_hold_every_option_of_serve(option: click.Option) -> None:
    long = next(name for name in option.opts if name.startswith("--"))
    value = _samples(option)
    variable = f"PYPI_INDEX_{long.removeprefix('--').replace('-', '_').upper()}"
    given = CliRunner().invoke(_shown, [long] if option.is_flag else [long, value]).output
    assert CliRunner().invoke(_shown, env={variable: value}).output == given
    assert given.strip() != repr(ServeArgs())


def test_serve_without_options_has_the_defaults_of_its_arguments() -> None:
    assert CliRunner().invoke(_shown).output.strip() == repr(ServeArgs())


def test_an_option_wins_over_the_environment_and_a_variable_may_hold_several() -> None:
    env = {"PYPI_INDEX_PORT": "9000", "PYPI_INDEX_ROOT": "a:b", "PYPI_INDEX_RESERVE": "acme-* other"}
    shown = CliRunner().invoke(_shown, ["--port", "0"], env=env).output
    assert "port=0" in shown
    assert repr((Path("a"), Path("b"))) in shown
    assert "reserve=('acme-*', 'other')" in shown


def test_arguments_are_frozen() -> None:
    with pytest.raises(AttributeError):
        BuildArgs().sdist = True  # type: ignore[misc]  # that is the point


def _groups(name: str, command: click.Command) -> Iterator[tuple[str, click.Group]]:
    if isinstance(command, click.Group):
        yield name, command
        context = click.Context(command)
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from _groups(f"{name} {each}".strip(), found)


@pytest.mark.parametrize(
    ("name", "default"),
    [("build", "dist in each project"), ("publish", "dist in each project"), ("check", "a temporary folder")],
)
def test_help_names_the_folder_that_files_are_built_in(name: str, default: str) -> None:
    shown = " ".join(CliRunner().invoke(group, [name, "--help"]).output.split())
    assert f"Output folder. [default: {default}]" in shown


@pytest.mark.parametrize("words", [name for name, _ in _groups("", group)])
def test_no_line_about_a_command_is_cut_off(words: str) -> None:
    shown = CliRunner().invoke(group, [*words.split(), "--help"], terminal_width=80).output
    commands = shown.partition("Commands:")[2] if words else shown.partition("Publish:")[2]
    assert len(commands.splitlines()) > 2
    assert not [line for line in commands.splitlines() if line.endswith("...")]


def test_config_offers_every_tool() -> None:
    tool = next(param for param in configure.params if param.name == "tool")
    assert isinstance(tool.type, click.Choice)
    assert [*tool.type.choices] == [*TOOLS]
    assert configure.help is not None
    assert all(name in configure.help for name in TOOLS)
