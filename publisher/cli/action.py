"""The command `pypi-publish action`, which github-actions/publish runs: inputs in the environment, no arguments."""

import os
from typing import TYPE_CHECKING, Any

import click

from publisher import github
from publisher.cli.output import Output, current_output

if TYPE_CHECKING:
    from publisher.action import Inputs
    from publisher.report import Report
    from publisher.trigger import Trigger


@click.command("action", hidden=True)
def command() -> None:
    """Publish as the inputs of the action say (environment variables ``INPUT_...``)."""
    from publisher.action import PASSWORD_VARIABLE, read_inputs
    from publisher.errors import ConfigurationError
    from publisher.trigger import read_trigger

    output = current_output()
    if output.runner is None:
        raise ConfigurationError("This is a step of GitHub Actions.", hint="Elsewhere, use `pypi-publish publish`.")
    inputs = read_inputs(os.environ)
    os.environ.pop(PASSWORD_VARIABLE, None)  # a build backend does not get to see it
    if inputs.password is not None:
        for line in github.mask(inputs.password.reveal()):
            output.command(line)
    output.verbosity += 2 * inputs.verbose
    report = _publish(inputs, read_trigger(os.environ))
    if inputs.print_hash:
        _print_hashes(report, output)


def _publish(inputs: "Inputs", trigger: "Trigger") -> "Report":
    from publisher.action import find_files, find_projects, missing_credentials_hint, release_tag
    from publisher.cli.publish import publish_projects
    from publisher.cli.upload import upload_files
    from publisher.errors import ConflictError, NoCredentialsError

    options = _options(inputs, release_tag(inputs, trigger, os.environ.get("PYPI_PUBLISH_TAG")))
    try:
        if inputs.builds:
            return publish_projects(find_projects(inputs.package_dirs), options)
        assert inputs.packages_dir is not None  # noqa: S101 - for the type checker: `read_inputs` sees to it
        return upload_files(find_files(inputs.packages_dir), options)
    except NoCredentialsError as error:
        error.hint = missing_credentials_hint(trigger)
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
        output.say(f"sha256:{file.sha256}  {file.distribution.filename}")
