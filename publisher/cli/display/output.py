"""How much is told, in which form, and where it goes: people read stderr, programs stdout."""

import os
from dataclasses import dataclass, field
from html import escape

import click

from publisher.errors import PublishError
from publisher.github import runner as github


@dataclass
class Output:
    """The output settings of one run; a subcommand's options change them before anything is printed."""

    verbosity: int = 0
    as_json: bool = False
    runner: github.Runner | None = field(default_factory=lambda: github.find_runner(os.environ))
    """What the run is shown on besides the terminal, in GitHub Actions."""

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
        """Whether only failures and results are told (``-q``)."""
        return self.verbosity < 0

    def say(self, text: str) -> None:
        """Tell people one line."""
        if not self.is_quiet:
            click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """Tell people about something that is probably not meant."""
        if self.runner is not None:
            self.command(self.runner.annotation("warning", "Probably not meant", text, None, None))
        elif not self.is_quiet:
            click.echo(f"{click.style('warning:', fg='yellow', bold=True)} {text}", err=True)

    def failure(self, error: PublishError) -> None:
        """Tell people what failed and what to do next."""
        if self.runner is not None:
            message = "\n".join(filter(None, (error.message, error.hint)))
            self.command(self.runner.annotation("error", error.title, message, error.path, error.line))
            self.runner.add_summary(f"### ❌ {error.title}\n\n<pre>\n{escape(message)}\n</pre>\n")
            return
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error.message}", err=True)
        if error.hint:
            click.echo(f"{click.style('hint:', fg='cyan', bold=True)} {error.hint}", err=True)

    def command(self, text: str) -> None:
        """Tell the runner something, on a line of its own."""
        click.echo(text, err=True)

    def block(self, text: str) -> None:
        """Show another program's output, set off from ours."""
        for line in text.splitlines():
            click.echo(f"  {click.style('│', dim=True)} {line}", err=True)


def current_output() -> Output:
    """Return the output settings of the command that runs."""
    return click.get_current_context().ensure_object(Output)
