"""The command `pypi-publish action`, which the actions in github-actions/ run: inputs in the environment."""

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from publisher.cli.output import Output, current_output
from publisher.github import runner as github

if TYPE_CHECKING:
    from collections.abc import Iterator

    from publisher.github.inputs import Inputs
    from publisher.publish.report import Report


@click.group("action", hidden=True)
def command() -> None:
    """Do what a step of GitHub Actions asks for with the inputs of an action (variables ``INPUT_...``)."""


@command.command("publish")
def publish() -> None:
    """Publish as the inputs of github-actions/publish say."""
    inputs, _ = _begin()
    output = current_output()
    output.verbosity += 2 * inputs.verbose
    report = _publish(inputs)
    if inputs.print_hash:
        _print_hashes(report, output)


@command.command("configure")
def configure() -> None:
    """Let the following steps install from an index, as the inputs of github-actions/configure say."""
    from publisher.cli.options import resolve_target
    from publisher.credentials.chain import find_credentials
    from publisher.credentials.login import prove
    from publisher.github.job import set_up_job
    from publisher.project.config import ProjectConfig

    inputs, runner = _begin()
    target = resolve_target(_options(inputs, None), ProjectConfig())
    with _told_for_workflows():
        credentials = find_credentials(target)
    account = prove(target.url, credentials)
    existing = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    setup = set_up_job(
        target.url,
        credentials,
        runner.temporary or Path(),
        existing,
        only_index=inputs.only_index,
    )
    runner.set_variables(setup.variables)
    runner.set_outputs({"index-url": target.url.simple, "netrc": str(setup.netrc)})
    current_output().say(f"The following steps install from {target.url} as {account.username}.")


def _begin() -> "tuple[Inputs, github.Runner]":
    """
    Return the inputs, and the runner, which shows stars for the password from now on.

    Raises ConfigurationError outside GitHub Actions.
    """
    from publisher.errors import ConfigurationError
    from publisher.github.inputs import read_inputs

    output = current_output()
    if output.runner is None:
        raise ConfigurationError("This is a step of GitHub Actions.", hint="Elsewhere, use `pypi-publish publish`.")
    inputs = read_inputs(os.environ)
    if inputs.password is not None:
        for line in github.mask(inputs.password.reveal()):
            output.command(line)
    return inputs, output.runner


def _publish(inputs: "Inputs") -> "Report":
    from publisher.cli.publish import publish_projects
    from publisher.cli.upload import upload_files
    from publisher.github.event import read_trigger
    from publisher.github.inputs import find_files, find_projects, release_tag

    options = _options(inputs, release_tag(inputs, read_trigger(os.environ), os.environ.get("PYPI_PUBLISH_TAG")))
    with _told_for_workflows():
        if inputs.builds:
            return publish_projects(find_projects(inputs.package_dirs), options)
        return upload_files(find_files(inputs.packages_dir or Path("dist")), options)


@contextmanager
def _told_for_workflows() -> "Iterator[None]":
    """Say what to do about a failure where that is to be done in a workflow and its settings."""
    from publisher.errors import ConflictError, NoCredentialsError
    from publisher.github.event import read_trigger
    from publisher.github.inputs import missing_credentials_hint

    try:
        yield
    except NoCredentialsError as error:
        error.hint = missing_credentials_hint(read_trigger(os.environ))
        raise
    except ConflictError as error:
        error.hint = f"{error.hint}\nIn a workflow that is `skip-existing: true`."
        raise


def _options(inputs: "Inputs", tag: str | None) -> dict[str, Any]:
    """Return what the inputs say as the values of the options of `publish`."""
    return {
        "index_url": inputs.index_url or os.environ.get("PYPI_PUBLISH_INDEX_URL"),
        "username": inputs.username or os.environ.get("PYPI_PUBLISH_USERNAME"),
        "password": inputs.password,
        "password_stdin": False,
        "tag": tag,
        "require_tag": False,  # decided by the trigger
        "skip_existing": inputs.skip_existing,
        "dry_run": inputs.dry_run,
        "out_dir": inputs.packages_dir,
        "jobs": None,
        "installer": "auto",
        "sdist": False,
        "wheel": False,
    }


def _print_hashes(report: "Report", output: Output) -> None:
    for file in report.files:
        output.say(f"sha256:{file.sha256}  {file.file.text}")
