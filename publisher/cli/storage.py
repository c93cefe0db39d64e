"""The command `pypi-publish storage`."""

from pathlib import Path

import click

from publisher.cli.options.storage import StorageArgs, storage_options
from publisher.cli.options.verbosity import json_option, output_options

_ACCOUNTS = click.Path(dir_okay=False, path_type=Path)


@click.group("storage")
def command() -> None:
    """Check, copy and create storage; confirm a loss."""


@command.command("create")
@click.argument("url")
@output_options
def create(*, url: str) -> None:
    """
    Create an empty index in a bucket.

    URL is s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX. The prefix must be empty.
    """
    from publisher.cli.run.admin.stores import create_index

    create_index(url)


@command.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--from-htpasswd", metavar="FILE", type=_ACCOUNTS, help="Accounts file of the source folder.")
@click.option("--to-htpasswd", metavar="FILE", type=_ACCOUNTS, help="Accounts file of the target folder.")
@json_option
@output_options
def copy(*, source: str, target: str, from_htpasswd: Path | None, to_htpasswd: Path | None) -> None:
    """
    Copy an index between folders and buckets.

    FROM and TO are package folders, or URLs of buckets. Run the command again to continue an
    interrupted copy. A bucket is served only when its copy is complete.
    """
    from publisher.cli.run.admin.stores import copy_store

    copy_store((source, from_htpasswd), (target, to_htpasswd))


@command.command("check")
@click.argument("place", metavar="PLACE")
@click.option("--read-files", is_flag=True, help="Read every file and compare its digest.")
@click.option("--remove-unlisted", is_flag=True, help="Remove uploads that no record has listed for a day.")
@json_option
@output_options
def check(*, place: str, read_files: bool, remove_unlisted: bool) -> None:
    """
    Check that all listed files are there and complete.

    PLACE is a package folder, or the URL of a bucket.
    """
    from publisher.cli.run.admin.stores import check_store

    check_store(place, read_files=read_files, remove_unlisted=remove_unlisted)


@command.command("confirm-loss")
@storage_options
@json_option
@output_options
def confirm_loss(*, place: StorageArgs) -> None:
    """
    Confirm a loss of packages, and serve the rest.

    The index keeps every name that it ever owned.
    """
    from publisher.cli.run.admin.storage import confirm_loss as confirm

    confirm(place)
