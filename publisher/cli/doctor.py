"""The command `pypi-publish doctor`."""

import click

from publisher.cli.options.target import TargetArgs, target_options
from publisher.cli.options.verbosity import json_option, output_options


@click.command("doctor")
@target_options
@json_option
@output_options
def command(target: TargetArgs) -> None:
    """
    Find problems between this machine, an index and your tools.

    Nothing is changed. Every line has a verdict and, where something is wrong, a remedy. The exit code is 0
    without problems and warnings; otherwise it belongs to the first problem or, without problems, to the first warning.
    """
    from publisher.cli.run.diagnosis import diagnose

    diagnose(target)
