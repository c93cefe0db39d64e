"""The group of all subcommands: each is imported when it is used."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import takewhile
from typing import Any

import click

from publisher.cli.display.output import Output
from publisher.cli.failures import exit_on_failure
from publisher.secret import is_unicode
from publisher.waiting import reporting_waits

DEFAULT_COMMAND = "publish"
VERBOSITY_FLAGS = frozenset({"-q", "--quiet", "-v", "-vv", "--verbose"})

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "Publish": ("publish", "build", "check", "upload", "init"),
    "Credentials": ("login", "logout", "whoami", "passwd"),
    "This machine": ("config", "doctor"),
    "Releases": ("list", "yank", "unyank", "delete"),
    "Index": ("serve", "users", "token", "trust", "audit", "storage", "upstream", "projects", "demo"),
}
"""The subcommands by heading; each is the object ``command`` of the module of its name in this package."""

UNLISTED = ("action",)
"""Subcommands for other programs: `action` is run by github-actions/publish."""


class PublishGroup(click.Group):
    """Group that imports subcommands lazily and passes anything else to `publish`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return every subcommand in the order of the help page."""
        return [name for names in COMMANDS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the subcommand of that name, or None."""
        if cmd_name not in {*self.list_commands(ctx), *UNLISTED}:
            return None
        command = import_module(f"publisher.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - for the type checker
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """
        Insert the default command where the arguments name none; ``-q`` and ``-v`` may precede it.

        A shell that completes the first word is offered the commands.
        """
        _refuse_broken_texts(args)
        flags = list(takewhile(VERBOSITY_FLAGS.__contains__, args))
        first = args[len(flags)] if len(args) > len(flags) else None
        if first in {*self.list_commands(ctx), *UNLISTED}:
            args = [str(first), *flags, *args[len(flags) + 1 :]]
        elif first not in {"--help", "-h", "--version"} and not (first is None and ctx.resilient_parsing):
            self._reject_typo(first)
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands under their headings."""
        width = max(map(len, self.list_commands(ctx)))
        for heading, names in COMMANDS.items():
            with formatter.section(heading):
                commands = ((name, self.get_command(ctx, name)) for name in names)
                rows = [(name.ljust(width), command.get_short_help_str(1000)) for name, command in commands if command]
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; every failure ends here as one message and one exit code."""
        output = ctx.ensure_object(Output)
        with exit_on_failure(ctx), reporting_waits(output.waiting):
            return super().invoke(ctx)

    def _reject_typo(self, first: str | None) -> None:
        if first is None or first.startswith("-") or os.path.exists(first):  # noqa: PTH110 - starts without pathlib
            return
        import difflib

        names = [name for names in COMMANDS.values() for name in names]
        if close := difflib.get_close_matches(first, names, n=1):
            raise click.UsageError(f"No such command or folder: {first!r}. Did you mean {close[0]!r}?")


def _refuse_broken_texts(arguments: Sequence[str]) -> None:
    """Raise UsageError for an argument that is not UTF-8, which no name of an index is; paths may have any bytes."""
    for argument in arguments:
        if not is_unicode(argument) and not os.path.exists(argument):  # noqa: PTH110 - starts without pathlib
            raise click.UsageError(f"The argument {argument!r} is not valid UTF-8.")
