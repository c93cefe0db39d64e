"""Build options."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click

from publisher.cli.options.gather import gather


class BuildArgs(NamedTuple):
    """Output folder, installer and kinds of files; neither ``sdist`` nor ``wheel`` means both."""

    out_dir: Path | None = None
    installer: Literal["auto", "uv", "pip"] = "auto"
    sdist: bool = False
    wheel: bool = False


def _options(default_folder: str) -> Callable[[Any], Any]:
    return gather(
        BuildArgs,
        "build",
        click.option(
            "--out-dir",
            type=click.Path(file_okay=False, path_type=Path),
            help=f"Output folder.  [default: {default_folder}]",
        ),
        click.option(
            "--installer",
            type=click.Choice(["auto", "uv", "pip"]),
            default="auto",
            show_default=True,
            help="Installer of build requirements; auto prefers uv.",
        ),
        click.option("--sdist", is_flag=True, help="Build only the sdist."),
        click.option("--wheel", is_flag=True, help="Build only the wheel, directly from the source folder."),
    )


build_options = _options("dist in each project")
"""Add the build options; the command receives ``build: BuildArgs``."""

trial_build_options = _options("a temporary folder")
"""Add the build options of files that are only checked; the command receives ``build: BuildArgs``."""
