"""The command `pypi-publish`: finding the subcommand, and telling failures."""

import difflib
import json
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any

import click

from publisher import __version__
from publisher.cli.output import Output
from publisher.errors import BuildFailedError, PublishError, StoppedError

DEFAULT_COMMAND = "publish"
VERBOSITY_FLAGS = frozenset({"-q", "--quiet", "-v", "-vv", "--verbose"})

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "Publish": ("publish", "build", "check", "upload", "init"),
    "Credentials": ("login", "logout", "whoami", "passwd"),
    "This machine": ("config", "doctor"),
    "Releases": ("list", "yank", "unyank", "delete"),
    "Index": ("serve", "users", "demo"),
}
"""The subcommands by heading; each is the object ``command`` of the module of its name in this package."""

UNLISTED = ("action",)
"""The subcommands for other programs: `action` is what github-actions/publish runs."""


class PublishGroup(click.Group):
    """Imports a subcommand when it is asked for, and takes everything that is no subcommand as what to publish."""

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
        Put the default command in front of arguments that begin with none; ``-q`` and ``-v`` may stand before it.

        A shell that completes the first word is offered the commands.
        """
        flags = list(takewhile(VERBOSITY_FLAGS.__contains__, args))
        first = args[len(flags)] if len(args) > len(flags) else None
        if first in {*self.list_commands(ctx), *UNLISTED}:
            args = [str(first), *flags, *args[len(flags) + 1 :]]
        elif first not in {"--help", "-h", "--version"} and not (first is None and ctx.resilient_parsing):
            self._expect_no_typo(first)
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands under their headings."""
        width = max(map(len, self.list_commands(ctx)))
        for heading, names in COMMANDS.items():
            with formatter.section(heading):
                commands = ((name, self.get_command(ctx, name)) for name in names)
                rows = [(name.ljust(width), command.get_short_help_str(90)) for name, command in commands if command]
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; every failure ends here as one message and one exit code."""
        output = ctx.ensure_object(Output)
        try:
            return super().invoke(ctx)
        except PublishError as error:
            _tell(error, output)
            ctx.exit(error.exit_code)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            _tell(StoppedError("Interrupted."), output)
            ctx.exit(StoppedError.exit_code)
        except Exception as error:
            if output.shows_tracebacks:
                raise
            reason = traceback.format_exception_only(error)[-1].strip()
            _tell(PublishError(f"Unexpected failure: {reason}", hint="-vv shows where; please report it."), output)
            ctx.exit(PublishError.exit_code)

    def _expect_no_typo(self, first: str | None) -> None:
        if first is None or first.startswith("-") or Path(first).exists():
            return
        names = [name for names in COMMANDS.values() for name in names]
        if close := difflib.get_close_matches(first, names, n=1):
            raise click.UsageError(f"There is no command or folder {first!r}. Did you mean {close[0]!r}?")


def _tell(error: PublishError, output: Output) -> None:
    """Print a failure for people to stderr and, with ``--json``, for programs to stdout."""
    if output.shows_tracebacks:
        traceback.print_exception(error)
    if isinstance(error, BuildFailedError) and error.output and not output.shows_build_output:
        output.block(error.output)
    output.failure(error)
    if output.as_json:
        told = {"exit-code": error.exit_code, "title": error.title, "message": error.message, "hint": error.hint}
        click.echo(json.dumps({"error": told}, indent=2))


@click.group(
    cls=PublishGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="`pypi-publish [OPTIONS] [SRC]...` is short for `pypi-publish publish`.",
)
@click.version_option(__version__, prog_name="pypi-publish", message="%(prog)s %(version)s")
def group() -> None:
    """Publish Python packages to a private index."""


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")  # a name that the terminal can't show is no reason to fail
    group(prog_name="pypi-publish")


if __name__ == "__main__":
    main()
