"""
Write docs/reference/cli.md from the command line itself.

Usage: python docs/generate_cli.py [--check]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from sentences import reflow

from publisher.cli.group import COMMANDS
from publisher.cli.main import group

PAGE = Path(__file__).parent / "reference" / "cli.md"

_INTRODUCTION = """\
<!-- Written by docs/generate_cli.py (`make docs`); change the help texts in publisher/cli instead. -->

# The command line

Every command of `pypi-publish` with its arguments and options. `pypi-publish [OPTIONS] [SRC]...` is short for
`pypi-publish publish`. Messages for people go to standard error, output for programs to standard output. See also the
[exit codes](exit-codes.md) and the [configuration](configuration.md).
"""


def main() -> None:
    text = reflow("\n".join(_page()))
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text("utf-8") != text)
    PAGE.write_text(text, "utf-8")


def _page() -> Iterator[str]:
    yield _INTRODUCTION
    root = click.Context(group, info_name="pypi-publish")
    for heading, names in COMMANDS.items():
        yield f"## {heading}\n"
        for name in names:
            command = group.get_command(root, name)
            assert command is not None, name
            yield from _section(command, click.Context(command, info_name=name, parent=root), 3)


def _section(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    """Yield the section of a command, and those of its subcommands."""
    yield f"{'#' * level} `{context.command_path}`\n"
    if command.help:
        yield f"{_paragraphs(command.help)}\n"
    yield f"```text\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```\n"
    options = [option for option in command.get_params(context) if isinstance(option, click.Option)]
    rows = [row for option in options if (row := _row(option, context)) is not None]
    yield "\n".join(["| option | effect |", "|---|---|", *rows, ""])
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None, name
            yield from _section(below, click.Context(below, info_name=name, parent=context), level + 1)


def _row(option: click.Option, context: click.Context) -> str | None:
    record = option.get_help_record(context)
    if record is None:
        return None
    names, text = (part.replace("|", "\\|").replace("<", "&lt;") for part in record)
    return f"| `{names}` | {' '.join(text.split())} |"


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


if __name__ == "__main__":
    main()
