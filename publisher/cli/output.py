"""How much is told, in which form, and where it goes: people read stderr, programs stdout."""

from dataclasses import dataclass

import click


@dataclass
class Output:
    """The output settings of one run; a subcommand's options change them before anything is printed."""

    verbosity: int = 0
    as_json: bool = False

    @property
    def shows_tracebacks(self) -> bool:
        """Whether a failure shows where in the code it came from (``-vv``)."""
        return self.verbosity >= 2

    @property
    def shows_build_output(self) -> bool:
        """Whether the build backend's output is passed on while it runs (``-v``)."""
        return self.verbosity >= 1

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
        if not self.is_quiet:
            click.echo(f"{click.style('warning:', fg='yellow', bold=True)} {text}", err=True)

    def error(self, message: str, hint: str | None) -> None:
        """Tell people what failed and what to do next."""
        click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
        if hint:
            click.echo(f"{click.style('hint:', fg='cyan', bold=True)} {hint}", err=True)

    def block(self, text: str) -> None:
        """Show another program's output, set off from ours."""
        for line in text.splitlines():
            click.echo(f"  {click.style('│', dim=True)} {line}", err=True)


def current_output() -> Output:
    """Return the output settings of the command that runs."""
    return click.get_current_context().ensure_object(Output)
