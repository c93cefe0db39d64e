"""The command `pypi-publish upstream`."""

from pathlib import Path

import click

from publisher.cli.options.public_packages import PublicPackagesArgs, public_packages_options
from publisher.cli.options.verbosity import json_option, output_options


@click.group("upstream")
def command() -> None:
    """
    Administer the public packages that this index serves.

    Needs the admin token in PYPI_PUBLISH_ADMIN_TOKEN or keyring, or --root DIR on the index's own machine.
    """


@command.command("list")
@public_packages_options
@json_option
@output_options
def list_(place: PublicPackagesArgs) -> None:
    """List the upstreams, the cached projects, and the exceptions."""
    from publisher.cli.run.admin.public_packages import list_cached

    list_cached(place)


@command.command("why")
@click.argument("requirement", metavar="NAME[==VERSION]")
@public_packages_options
@json_option
@output_options
def why(requirement: str, *, place: PublicPackagesArgs) -> None:
    """Explain why a project's files are served or hidden."""
    from publisher.cli.run.admin.public_packages import explain

    explain(place, requirement)


@command.command("allow")
@click.argument("requirement", metavar="NAME[==VERSION]")
@click.option("--until", metavar="DATE", help="Last day of the exception, for example 2026-12-31.")
@click.option("--reason", metavar="TEXT", help="Reason, for the audit trail.")
@click.option("--remove", is_flag=True, help="Remove the exception instead.")
@public_packages_options
@json_option
@output_options
def allow(requirement: str, *, until: str | None, reason: str | None, remove: bool, place: PublicPackagesArgs) -> None:
    """Serve a project or version before its cooldown ends."""
    from publisher.cli.run.admin.public_packages import allow_early

    allow_early(place, requirement, until=until, reason=reason, remove=remove)


@command.command("claims")
@public_packages_options
@json_option
@output_options
def claims(place: PublicPackagesArgs) -> None:
    """
    List private names that exist publicly.

    This sends the names upstream, except reserved ones.
    """
    from publisher.cli.run.admin.public_packages import list_claims

    list_claims(place)


@command.command("warm")
@click.argument("lock_file", metavar="FILE", type=click.Path(path_type=Path))
@public_packages_options
@json_option
@output_options
def warm(lock_file: Path, *, place: PublicPackagesArgs) -> None:
    """
    Fill the cache with the files of a lock file.

    FILE is a requirements.txt, uv.lock or pylock.toml.
    """
    from publisher.cli.run.admin.public_packages import warm_cache

    warm_cache(place, lock_file)


@command.command("refresh")
@click.argument("name")
@public_packages_options
@json_option
@output_options
def refresh(name: str, *, place: PublicPackagesArgs) -> None:
    """Ask upstream for a project's page now."""
    from publisher.cli.run.admin.public_packages import refresh_page

    refresh_page(place, name)


@command.command("remove")
@click.argument("name")
@public_packages_options
@json_option
@output_options
def remove(name: str, *, place: PublicPackagesArgs) -> None:
    """Remove a project from the cache."""
    from publisher.cli.run.admin.public_packages import remove_cached

    remove_cached(place, name)
