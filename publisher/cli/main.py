"""The entry point of the command `pypi-publish`."""

import sys

import click

from publisher import __version__
from publisher.cli.group import PublishGroup


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
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")  # a name that the terminal can't show is no reason to fail
    group(prog_name="pypi-publish")


if __name__ == "__main__":
    main()
