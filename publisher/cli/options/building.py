"""Options for how projects are built."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from publisher.cli.options.gather import gather


@dataclass(frozen=True)
class BuildArgs:
    """Output folder, installer and kinds of files; neither ``sdist`` nor ``wheel`` means both."""

    out_dir: Path | None = None
    installer: Literal["auto", "uv", "pip"] = "auto"
    sdist: bool = False
    wheel: bool = False


build_options = gather(
    BuildArgs,
    "build",
    click.option(
        "--out-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Output folder.  [default: dist in each project]",
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
"""Add how to build; the command receives ``build: BuildArgs``."""
