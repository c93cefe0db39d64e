"""The command `pypi-publish check`."""

from pathlib import Path

import click

from publisher.cli.options.building import BuildArgs, trial_build_options
from publisher.cli.options.checks import CheckArgs, check_options
from publisher.cli.options.publishing import jobs_option
from publisher.cli.options.target import TargetArgs, target_options
from publisher.cli.options.verbosity import json_option, output_options


@click.command("check")
@click.argument("sources", metavar="[SRC|FILE]...", nargs=-1, type=click.Path(path_type=Path))
@check_options
@target_options
@trial_build_options
@jobs_option
@json_option
@output_options
def command(
    sources: tuple[Path, ...], *, jobs: int | None, check: CheckArgs, target: TargetArgs, build: BuildArgs
) -> None:
    """
    Check projects and files without publishing them.

    FILE is a wheel or an sdist; SRC is a project folder, which is built in a temporary folder unless --out-dir names
    one. For any other file, the project that contains it is checked (for pre-commit).

    Every finding has a code, which --explain explains.
    """
    from publisher.cli.run.checking import run_checks

    run_checks(sources, check, target, build, jobs=jobs)
