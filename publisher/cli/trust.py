"""The command `pypi-publish trust`."""

import click

from publisher.cli.options.trust import (
    TrustArgs,
    TrustPlaceArgs,
    create_option,
    job_options,
    place_options,
    project_option,
    voucher_option,
)
from publisher.cli.options.verbosity import json_option, output_options


@click.group("trust")
def command() -> None:
    """
    Let CI jobs publish without a stored secret.

    Needs an account that manages the project, or the admin token in PYPI_PUBLISH_ADMIN_TOKEN.
    """


@command.group("add")
def add() -> None:
    """Register a trusted publisher and print its name."""


@add.command("github")
@click.argument("repository", metavar="OWNER/REPOSITORY")
@click.option(
    "--workflow", metavar="FILE", required=True, help="Workflow in .github/workflows, for example publish.yml."
)
@job_options
@click.option("--repository-id", metavar="N", help="Id of the repository.  [default: taken from the first job]")
@click.option("--owner-id", metavar="N", help="Id of its owner.  [default: taken from the first job]")
@click.option(
    "--called-workflow",
    metavar="PATH[@REF]",
    multiple=True,
    help="Workflow that it may call, as OWNER/REPOSITORY/.github/workflows/FILE.",
)
@click.option("--issuer", metavar="URL", help="Issuer of a GitHub Enterprise Server.")
@place_options
@json_option
@output_options
def github(  # noqa: PLR0913 - one argument for each claim that GitHub has
    repository: str,
    *,
    workflow: str,
    repository_id: str | None,
    owner_id: str | None,
    called_workflow: tuple[str, ...],
    issuer: str | None,
    trust: TrustArgs,
    place: TrustPlaceArgs,
) -> None:
    """Trust a workflow of a GitHub repository."""
    from publisher.cli.run.admin.trust import add_github

    pins = {"repository_id": repository_id, "repository_owner_id": owner_id}
    add_github(place, trust, repository, workflow, pins, called_workflow, issuer)


@add.command("gitlab")
@click.argument("project_path", metavar="GROUP/PROJECT")
@click.option("--config-file", metavar="FILE", default=".gitlab-ci.yml", show_default=True, help="CI configuration.")
@job_options
@click.option("--project-id", metavar="N", help="Id of the GitLab project.  [default: taken from the first job]")
@click.option("--namespace-id", metavar="N", help="Id of its group.  [default: taken from the first job]")
@click.option("--issuer", metavar="URL", help="URL of your own GitLab server.")
@place_options
@json_option
@output_options
def gitlab(  # noqa: PLR0913 - one argument for each claim that GitLab has
    project_path: str,
    *,
    config_file: str,
    project_id: str | None,
    namespace_id: str | None,
    issuer: str | None,
    trust: TrustArgs,
    place: TrustPlaceArgs,
) -> None:
    """Trust the pipelines of a GitLab project."""
    from publisher.cli.run.admin.trust import add_gitlab

    add_gitlab(
        place, trust, project_path, config_file, {"project_id": project_id, "namespace_id": namespace_id}, issuer
    )


@add.command("oidc")
@click.option("--issuer", metavar="URL", required=True, help="Issuer of the ID tokens.")
@click.option(
    "--claim",
    "claims",
    metavar="NAME=PATTERN",
    multiple=True,
    required=True,
    help="Claim that the tokens must have, for example sub=pipeline:acme/*; can be repeated.",
)
@project_option
@create_option
@voucher_option
@place_options
@json_option
@output_options
def oidc(  # noqa: PLR0913 - one argument for each option
    *,
    issuer: str,
    claims: tuple[str, ...],
    projects: tuple[str, ...],
    create: bool,
    voucher: str,
    place: TrustPlaceArgs,
) -> None:
    """Trust the ID tokens of any OpenID Connect issuer."""
    from publisher.cli.run.admin.trust import add_oidc

    add_oidc(place, TrustArgs(projects, create=create, voucher=voucher), issuer, claims)


@command.command("list")
@place_options
@json_option
@output_options
def list_(place: TrustPlaceArgs) -> None:
    """List trusted publishers with the accounts that added them."""
    from publisher.cli.run.admin.trust import list_publishers

    list_publishers(place)


@command.command("remove")
@click.argument("name")
@place_options
@json_option
@output_options
def remove(name: str, *, place: TrustPlaceArgs) -> None:
    """Remove a trusted publisher and end its tokens."""
    from publisher.cli.run.admin.trust import remove_publisher

    remove_publisher(place, name)
