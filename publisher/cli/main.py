"""The entry point of the command `pypi-publish`."""

import gc
import os
import sys

import click

from publisher import __version__
from publisher.cli.display.output import wanted_color
from publisher.cli.failures import exit_on_outer_failure
from publisher.cli.group import PublishGroup
from publisher.cli.streams import abandon_unwritable_streams, prepare_streams

_COLLECTION_THRESHOLD = 50_000
"""New objects after which garbage is collected: nearly all objects of a short command are modules, which stay."""


@click.group(
    cls=PublishGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="`pypi-publish [OPTIONS] [SRC]...` is short for `pypi-publish publish`.",
)
@click.version_option(__version__, prog_name="pypi-publish", message="%(prog)s %(version)s")
def group() -> None:
    """Publish Python packages to a private index."""


def main() -> None:
    """Run the command line and exit."""
    gc.set_threshold(_COLLECTION_THRESHOLD)
    prepare_streams()
    try:
        with exit_on_outer_failure():
            code = group.main(prog_name="pypi-publish", standalone_mode=False, color=wanted_color(os.environ))
        sys.exit(code if isinstance(code, int) else 0)
    finally:
        abandon_unwritable_streams()
        gc.freeze()  # Python looks for garbage again at its end, among objects that go with the process anyway


if __name__ == "__main__":
    main()
