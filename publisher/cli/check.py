"""The command `pypi-publish check`."""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from publisher.cli.build import print_files
from publisher.cli.options import build_options, jobs_option, json_option, output_options, resolve_build
from publisher.cli.output import current_output
from publisher.cli.progress import make_observer


@click.command("check")
@click.argument("sources", metavar="[SRC|FILE]...", nargs=-1, type=click.Path(path_type=Path))
@build_options
@jobs_option
@json_option
@output_options
def command(sources: tuple[Path, ...], **options: Any) -> None:
    """
    Check what would be published, without publishing it.

    FILE is a wheel or an sdist; SRC is a project folder, which is built for it (in a temporary folder unless --out-dir
    names one).
    """
    from publisher.making import build_and_check, check_files

    files = [source for source in sources if source.is_file()]
    projects = [source for source in sources if source not in files] if sources else [Path()]
    with closing(make_observer(current_output())) as observer, TemporaryDirectory(prefix="pypi-publish-") as temporary:
        out_dir = options["out_dir"] or Path(temporary)
        built = build_and_check(projects, out_dir, resolve_build(options), observer) if projects else []
        print_files([*built, *(check_files(files, observer) if files else [])])
