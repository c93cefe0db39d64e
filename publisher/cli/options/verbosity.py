"""Options for how much is printed and in which form: ``-q``, ``-v`` and ``--json``."""

import click

from publisher.cli.display.output import Output
from publisher.cli.options.gather import Command


def _set_verbosity(ctx: click.Context, param: click.Parameter, value: int) -> None:
    if value:
        ctx.ensure_object(Output).verbosity += -value if param.name == "quiet" else value


def _set_json(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: ARG001, FBT001 - click's signature
    ctx.ensure_object(Output).as_json = value


def output_options(command: Command) -> Command:
    """Add ``-q`` and ``-v``, which change the run's Output."""
    for option in (
        click.option(
            "-v",
            "--verbose",
            count=True,
            expose_value=False,
            callback=_set_verbosity,
            help="Show more; -vv shows tracebacks.",
        ),
        click.option(
            "-q", "--quiet", count=True, expose_value=False, callback=_set_verbosity, help="Print errors only."
        ),
    ):
        command = option(command)
    return command


json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    callback=_set_json,
    expose_value=False,
    help="Print the result to stdout as JSON.",
)
