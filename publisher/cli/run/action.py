"""The steps of the actions: inputs in the environment, outcome for the runner."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from publisher.cli.display.output import current_output
from publisher.cli.options.building import BuildArgs
from publisher.cli.options.publishing import PublishArgs
from publisher.cli.options.target import TargetArgs
from publisher.cli.run.publishing import publish_projects, upload_files
from publisher.cli.run.resolve import resolve_target
from publisher.credentials.chain import find_credentials
from publisher.credentials.login import prove
from publisher.errors import ConfigurationError, ConflictError, NoCredentialsError
from publisher.github import runner as github
from publisher.github.event import read_event
from publisher.github.inputs import (
    Inputs,
    find_files,
    find_projects,
    missing_credentials_hint,
    read_inputs,
    release_tag,
)
from publisher.github.job import set_up_job
from publisher.project.config import ProjectConfig
from publisher.project.install_lines import install_lines
from publisher.publish.report import Report


def publish_step() -> None:
    """Publish as the inputs say, and set the step's outputs."""
    inputs, runner = _begin()
    output = current_output()
    output.verbosity += 2 * inputs.verbose
    try:
        report = _publish(inputs)
    except BaseException:
        runner.set_outputs({"published": "false"})
        raise
    if inputs.print_hash:
        for file in report.files:
            output.say(f"sha256:{file.sha256}  {file.file.text}")


def configure_step() -> None:
    """Let the job's following steps install from the index."""
    inputs, runner = _begin()
    target = resolve_target(_target(inputs), ProjectConfig())
    with _hints_for_workflows():
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
    output = current_output()
    output.say(f"The following steps install from {target.url} as {account.username}.")
    if inputs.only_index and account.version is not None and not account.passes_on:
        output.warn(
            f"{target.url} does not pass public packages on, so the following steps find none with pip, uv and pdm. "
            "With `only-index: false`, public packages come from the public index, and uv, poetry and pdm take yours "
            "from the index that the project names (`pypi-publish config uv --scope project --write`); for pip, start "
            "the index with --fallback-url."
        )
    elif not inputs.only_index:
        lines = install_lines(target.url.simple, "PACKAGE", dependencies=None, proxies_public=account.passes_on)
        output.say("\n".join(lines))


def _begin() -> tuple[Inputs, github.Runner]:
    """
    Return the inputs and the runner, after masking the password in its log.

    Raises ConfigurationError outside GitHub Actions.
    """
    output = current_output()
    if output.runner is None:
        raise ConfigurationError("This is a step of GitHub Actions.", hint="Elsewhere, use `pypi-publish publish`.")
    inputs = read_inputs(os.environ)
    if inputs.password is not None:
        for line in github.mask(inputs.password.reveal()):
            output.command(line)
    return inputs, output.runner


def _publish(inputs: Inputs) -> Report:
    tag = release_tag(inputs, read_event(os.environ), os.environ.get("PYPI_PUBLISH_TAG"))
    # whether a tag is required was decided from the event
    publish = PublishArgs(
        tag,
        require_tag=False,
        skip_existing=inputs.skip_existing,
        dry_run=inputs.dry_run,
        tag_prefix=inputs.tag_prefix,
        allow_dirty=inputs.allow_dirty,
    )
    with _hints_for_workflows():
        if inputs.builds:
            build = BuildArgs(inputs.packages_dir)
            return publish_projects(find_projects(inputs.package_dirs), _target(inputs), publish, build)
        return upload_files(find_files(inputs.packages_dir or Path("dist")), _target(inputs), publish)


def _target(inputs: Inputs) -> TargetArgs:
    return TargetArgs(
        inputs.index_url or os.environ.get("PYPI_PUBLISH_INDEX_URL"),
        inputs.username or os.environ.get("PYPI_PUBLISH_USERNAME"),
        password=inputs.password,
    )


@contextmanager
def _hints_for_workflows() -> Iterator[None]:
    """Replace the hint of a failure whose remedy is in a workflow or its settings."""
    try:
        yield
    except NoCredentialsError as error:
        error.hint = missing_credentials_hint(read_event(os.environ))
        raise
    except ConflictError as error:
        error.hint = f"{error.hint}\nIn a workflow that is `skip-existing: true`."
        raise
