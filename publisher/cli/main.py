"""The entry point of the command `pypi-publish`."""

import sys
from contextlib import suppress

import click

from publisher import __version__
from publisher.cli.group import PublishGroup
from publisher.cli.streams import abandon_unwritable_streams, prepare_streams
from publisher.cli.system_failures import explain_system_failure


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
    prepare_streams()
    try:
        group(prog_name="pypi-publish")
    except OSError as error:  # an output can't be written
        failure = explain_system_failure(error)
        with suppress(OSError):
            click.echo(f"error: {failure.message}\nhint: {failure.hint}", err=True)
        sys.exit(failure.exit_code)
    finally:
        abandon_unwritable_streams()


if __name__ == "__main__":
    main()
