"""Build options from arguments and this machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from publisher.cli.display.output import current_output
from publisher.cli.options.building import BuildArgs
from publisher.project.kinds import Kind

if TYPE_CHECKING:
    from publisher.building.builder import BuildOptions


def resolve_build(args: BuildArgs, jobs: int | None, projects: Sequence[Path]) -> "BuildOptions":
    """Return how to build projects; ``jobs`` is the number of parallel builds, None for one per processor."""
    from publisher.building.builder import BuildOptions, usable_processors  # which `upload` does without
    from publisher.building.installer import choose_installer

    return BuildOptions(
        choose_installer(projects) if args.installer == "auto" else args.installer,
        resolve_kinds(args),
        show_output=current_output().shows_build_output,
        jobs=jobs or usable_processors(),
    )


def resolve_kinds(args: BuildArgs) -> frozenset[Kind]:
    """Return the kinds of files to build."""
    asked = {kind for kind, flag in ((Kind.SDIST, args.sdist), (Kind.WHEEL, args.wheel)) if flag}
    return frozenset(asked or Kind)
