"""Upload options."""

from typing import NamedTuple

import click

from publisher.cli.options.gather import gather


class PublishArgs(NamedTuple):
    """Tag and conditions as they were given; None where the project's configuration decides."""

    tag: str | None = None
    require_tag: bool | None = None
    skip_existing: bool | None = None
    dry_run: bool = False
    tag_prefix: str | None = None
    allow_dirty: bool = False
    trusted_publishing: str | None = None


publish_options = gather(
    PublishArgs,
    "publish",
    click.option(
        "--tag",
        metavar="TAG",
        envvar="PYPI_PUBLISH_TAG",
        show_envvar=True,
        help="Tag that the version must match: v1.2.3, name-v1.2.3, name/v1.2.3 or name@1.2.3.",
    ),
    click.option(
        "--tag-prefix",
        metavar="PREFIX",
        envvar="PYPI_PUBLISH_TAG_PREFIX",
        show_envvar=True,
        help="Text before the version in tags, for example release-.  [key: tag-prefix]",
    ),
    click.option("--require-tag/--no-require-tag", default=None, help="Fail without a tag.  [key: require-tag]"),
    click.option(
        "--skip-existing/--no-skip-existing",
        default=None,
        envvar="PYPI_PUBLISH_SKIP_EXISTING",
        show_envvar=True,
        help="Skip files whose names are already on the index, even if contents differ.  [key: skip-existing]",
    ),
    click.option(
        "--trusted-publishing",
        type=click.Choice(["auto", "always", "never"]),
        envvar="PYPI_PUBLISH_TRUSTED_PUBLISHING",
        show_envvar=True,
        help="Publish with the identity of a CI job.  [default: auto; key: trusted-publishing]",
    ),
    click.option("--allow-dirty", is_flag=True, help="Release a tag despite uncommitted changes."),
    click.option("--dry-run", is_flag=True, help="Do everything except upload."),
)
"""Add the conditions of an upload; the command receives ``publish: PublishArgs``."""

jobs_option = click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    envvar="PYPI_PUBLISH_JOBS",
    show_envvar=True,
    help="Number of parallel builds and uploads.  [default: one build per processor, 6 uploads]",
)
