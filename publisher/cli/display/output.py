"""Messages for people on stderr, results for programs on stdout, and commands for a GitHub Actions runner."""

import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import click

from publisher.errors import PublishError
from publisher.github import runner as github
from publisher.project.display import without_control_characters
from publisher.secret import Secret

LABEL_WIDTH = 10
"""Columns of the labels in front of a run's steps."""

_WORKFLOW_COMMAND = re.compile(r"^(\s*)(::|##\[)", re.MULTILINE)


@dataclass
class Output:
    """The output settings of one run; a subcommand's options change them before anything is printed."""

    verbosity: int = 0
    as_json: bool = False
    runner: github.Runner | None = field(default_factory=lambda: github.find_runner(os.environ))
    """The GitHub Actions runner that shows the run, too."""
    color: bool | None = field(default_factory=lambda: wanted_color(os.environ))
    """False without colors, None for those that a terminal shows; click's context is unknown to other threads."""
    above: Callable[[str], None] | None = None
    """Print a line above the live display, as long as there is one."""

    @property
    def shows_tracebacks(self) -> bool:
        """Whether a failure shows where in the code it came from (``-vv``)."""
        return self.verbosity >= 2

    @property
    def shows_build_output(self) -> bool:
        """Whether the build backend's output is passed on while it runs: with ``-v``, or where it can be folded."""
        return self.verbosity >= 1 or self.runner is not None

    @property
    def is_quiet(self) -> bool:
        """Whether only errors and results are printed (``-q``)."""
        return self.verbosity < 0

    def say(self, text: str) -> None:
        """Print a message, wrapped at words on a terminal, unless the run is quiet."""
        if not self.is_quiet:
            self.paragraph(text)

    def note(self, label: str, text: str, color: str = "cyan") -> None:
        """Print a message behind a label, unless the run is quiet."""
        if not self.is_quiet:
            self.paragraph(text, label, color)

    def waiting(self, what: str) -> None:
        """Print the name of a slow program or server, unless the run is quiet."""
        self.note("Waiting".rjust(LABEL_WIDTH), f"for {what}", "green")

    def line(self, text: str) -> None:
        """Print a line that has its form already, a table's or a command's, unless the run is quiet."""
        if not self.is_quiet:
            self._print(text)

    def warn(self, text: str) -> None:
        """Print a warning, unless the run is quiet; in GitHub Actions, as an annotation."""
        if self.runner is not None:
            self.command(self.runner.annotation("warning", "Warning", without_control_characters(text), None, None))
        elif not self.is_quiet:
            self.paragraph(text, "warning:", "yellow")

    def failure(self, error: PublishError) -> None:
        """Print a failure and its remedy; in GitHub Actions, as an annotation and in the summary."""
        message = without_control_characters("\n".join(filter(None, (error.message, error.hint))))
        if self.runner is not None:
            from html import escape

            self.command(self.runner.annotation("error", error.title, message, error.path, error.line))
            self.runner.add_summary(f"### ❌ {error.title}\n\n<pre>\n{escape(message)}\n</pre>\n")
            return
        self.paragraph(error.message, "error:", "red")
        if error.hint:
            self.paragraph(error.hint, "hint:", "cyan")

    def result(self, text: str, *, nl: bool = True) -> None:
        """Print a result to stdout as it is; a reader that has gone, as of ``| head``, ends the run quietly."""
        try:
            click.echo(text, nl=nl)
        except BrokenPipeError:
            raise click.exceptions.Exit(0) from None

    def hide(self, secret: Secret) -> None:
        """Have the runner show stars for a secret, from now on."""
        if self.runner is not None:
            for line in github.mask(secret.reveal()):
                self.command(line)

    def command(self, text: str) -> None:
        """Give the runner a command, on a line of its own."""
        self._print(text)

    def block(self, text: str) -> None:
        """Print another program's output, set off from ours."""
        for line in without_control_characters(click.unstyle(text)).splitlines():
            self._print(f"  {click.style('│', dim=True)} {line}")

    def paragraph(self, text: str, label: str = "", color: str | None = None) -> None:
        """Print a message behind a label, in any case; on a terminal, wrapped at words."""
        text = without_control_characters(text)
        if self.runner is not None:
            text = _WORKFLOW_COMMAND.sub(r"\1\\\2", text)
        for number, line in enumerate(text.split("\n")):
            shown = label if number == 0 else ""
            lines = _wrapped(line, shown) if _is_terminal() else [f"{shown} {line}".rstrip() if shown else line]
            self._print(click.style(shown, fg=color, bold=True) + lines[0][len(shown) :] if shown else lines[0])
            for following in lines[1:]:
                self._print(following)

    def _print(self, text: str) -> None:
        with suppress(OSError):  # a message that can't be printed must not fail the command
            if self.above is not None:
                self.above(text)
            else:
                click.echo(text, err=True, color=self.color)


def wanted_color(environment: Mapping[str, str]) -> bool | None:
    """Return False where the person wants no colors (https://no-color.org) or the terminal has none, else None."""
    return False if environment.get("NO_COLOR") or environment.get("TERM") == "dumb" else None


def can_rewrite_lines(environment: Mapping[str, str]) -> bool:
    """Return whether stderr is a terminal that can replace lines."""
    return _is_terminal() and environment.get("TERM") not in {"dumb", "unknown"}


def _wrapped(text: str, label: str) -> list[str]:
    from publisher.cli.display.wrap import wrap

    return wrap(text, label=label)


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def current_output() -> Output:
    """Return the output settings of the command that runs."""
    return click.get_current_context().ensure_object(Output)
