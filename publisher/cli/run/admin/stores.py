"""Creating, copying and checking storages, with the extra ``[server]``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from publisher.cli.display.output import current_output
from publisher.cli.run.admin.bucket_settings import SCHEMES, require_bucket_url
from publisher.cli.run.admin.extras import require_obstore, require_server
from publisher.errors import CheckFailedError, ConfigurationError, IndexUnavailableError

if TYPE_CHECKING:
    from publisher.server.moving.buckets import BucketSource, BucketTarget
    from publisher.server.moving.folders import FolderPackages

Place = tuple[str, Path | None]
"""A folder or the URL of a bucket, and the accounts file beside a folder."""

_SHOWN = 20


def create_index(url: str) -> None:
    """Make an empty index in a bucket."""
    url = require_bucket_url(url)
    from publisher.server.storage.bucket.identity import create_identity  # needs the extra [bucket]
    from publisher.server.storage.bucket.objects import open_bucket

    create_identity(open_bucket(url), url)
    output = current_output()
    output.say(f"An empty index is at {url}.")
    output.say(f"Serve it: pypi-publish serve --storage {url}")


def copy_store(source: Place, target: Place) -> None:
    """Copy an index and report the counts; raise IndexUnavailableError when a store fails."""
    require_server()
    require_obstore()
    from publisher.server.moving.copying import copy_index
    from publisher.server.storage.errors import StorageError

    output = current_output()
    try:
        result = copy_index(_source(source), _target(target), output.line)
    except (StorageError, OSError) as error:
        raise IndexUnavailableError(
            f"The copy stopped: {error}", hint="Run the command again; it continues."
        ) from error
    output.say(f"Copied {result.copied} files to {target[0]}; {result.present} were already there.")
    if result.accounts is None:
        output.say("Accounts were not copied: name their file with --from-htpasswd or --to-htpasswd.")
    if output.as_json:
        click.echo(json.dumps(asdict(result), indent=2))


def check_store(text: str, *, read_files: bool, remove_unlisted: bool) -> None:
    """Check a store; raise CheckFailedError where files are missing or wrong."""
    require_server()
    require_obstore()
    from publisher.server.moving.checking import check_bucket, check_folder
    from publisher.server.moving.folders import FolderPackages
    from publisher.server.storage.errors import StorageError

    found = _source((text, None))
    try:
        if isinstance(found, FolderPackages):
            result = check_folder(found, read_files=read_files)
        else:
            result = check_bucket(found, read_files=read_files, remove_unlisted=remove_unlisted)
    except (StorageError, OSError) as error:
        raise IndexUnavailableError(f"The storage can't be read: {error}") from error
    output = current_output()
    for words, keys in (
        ("not part of the index; left alone", result.foreign),
        ("not listed in any record", result.unlisted),
        ("not listed in any record for a day; removed", result.removed),
    ):
        for key in keys[:_SHOWN]:
            output.say(f"{key}: {words}")
        if len(keys) > _SHOWN:
            output.say(f"... and {len(keys) - _SHOWN} more: {words}")
    if output.as_json:
        click.echo(json.dumps(asdict(result), indent=2))
    if result.problems:
        shown = "; ".join(result.problems[:_SHOWN])
        raise CheckFailedError(f"{len(result.problems)} problems in {text}: {shown}")
    output.say(f"{text}: all {result.files} files of {result.projects} projects are present.")


def _source(place: Place) -> "BucketSource | FolderPackages":
    if place[0].startswith(SCHEMES):
        from publisher.server.moving.buckets import BucketSource

        return BucketSource(require_bucket_url(place[0]))
    if not Path(place[0]).is_dir():
        raise ConfigurationError(
            f"{place[0]} is neither a folder nor the URL of a bucket.",
            hint="Give the folder of an index, or its URL, such as s3://BUCKET/PREFIX.",
        )
    return _folder(place)


def _target(place: Place) -> "BucketTarget | FolderPackages":
    if place[0].startswith(SCHEMES):
        from publisher.server.moving.buckets import BucketTarget

        return BucketTarget(require_bucket_url(place[0]))
    try:
        Path(place[0]).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"The folder {place[0]} can't be created: {error.strerror or error}.") from error
    return _folder(place)


def _folder(place: Place) -> "FolderPackages":
    from publisher.server.moving.folders import FolderPackages

    return FolderPackages(Path(place[0]), place[1])
