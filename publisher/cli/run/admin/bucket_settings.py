"""The settings of an index whose packages are in a bucket."""

from pathlib import Path

import click

from publisher.cli.options.server import ServeArgs
from publisher.cli.run.admin.extras import require_obstore
from publisher.limits import MEGABYTE

SCHEMES = ("s3://", "gs://", "az://")
ACCOUNTS = Path(".htpasswd")
"""The accounts in the bucket, where no file of this machine has them."""


def require_bucket_url(url: str) -> str:
    """Return the URL of a bucket; raise BadParameter for another text, ConfigurationError without obstore."""
    if not url.startswith(SCHEMES):
        raise click.BadParameter(f"{url!r}: expected s3://BUCKET/PREFIX, gs://... or az://....", param_hint="--storage")
    require_obstore()
    return url.rstrip("/")


def require_nothing_else(args: ServeArgs) -> bool:
    """
    Raise UsageError for options that name a folder besides the bucket.

    Returns whether ``--htpasswd`` names a file of this machine, which is only read.
    """
    given = click.get_current_context().get_parameter_source
    default = click.core.ParameterSource.DEFAULT
    if given("root") is not default:
        raise click.UsageError("--root and --storage can't be combined: both name the place of the packages.")
    if given("htpasswd") is default:
        return False
    if not args.htpasswd.is_file():
        raise click.UsageError(
            f"With --storage, --htpasswd must name an existing file, which is only read: "
            f"{args.htpasswd} does not exist."
        )
    return True


def signed_from(args: ServeArgs) -> int | None:
    """Return the size from which files are fetched from the bucket itself, None for never."""
    return None if args.no_signed_urls else args.signed_from * MEGABYTE
