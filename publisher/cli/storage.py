"""The command `pypi-publish storage`."""

import click

from publisher.cli.options.storage import StorageArgs, storage_options
from publisher.cli.options.verbosity import json_option, output_options


@click.group("storage")
def command() -> None:
    """Administer the storage of an index."""


@command.command("create")
@click.argument("url")
@output_options
def create(*, url: str) -> None:
    """
    Make a new, empty index in a bucket.

    URL is s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX. Nothing may be there yet.
    """
    from publisher.cli.run.admin.stores import create_index

    create_index(url)


@command.command("confirm-loss")
@storage_options
@json_option
@output_options
def confirm_loss(*, place: StorageArgs) -> None:
    """
    Confirm that packages are lost, so that the index serves the others.

    Every name that the index ever owned stays its own.
    """
    from publisher.cli.run.admin.storage import confirm_loss as confirm

    confirm(place)
