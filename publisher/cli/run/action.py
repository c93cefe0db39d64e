"""The steps of the actions: inputs in the environment, outcome for the runner."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from publisher.cli.display.output import current_output
from publisher.cli.options.building import BuildArgs
from publisher.cli.options.publishing import PublishArgs
from publisher.cli.options.target import TargetArgs
from publisher.cli.run.publishing import build_projects, burning, check_only, publish_projects, upload_files
from publisher.cli.run.resolve import project_config, resolve_target, resolve_trusted
from publisher.credentials.chain import find_credentials
from publisher.credentials.login import prove
from publisher.credentials.trusted import TrustedMode
from publisher.errors import ConfigurationError, PublishError
from publisher.github import runner as github
from publisher.github.event import Event, read_event
from publisher.github.hints import workflow_hint
from publisher.github.inputs import (
    Inputs,
    find_files,
    find_projects,
    read_inputs,
    release_tag,
)
from publisher.github.job import build_index_variables, set_up_job
from publisher.project.config import ProjectConfig
from publisher.project.install_lines import install_lines
from publisher.publish.report import Report


def publish_step() -> None:
    """Publish with the inputs, and set the step's outputs."""
    inputs, runner = _begin()
    output = current_output()
    output.verbosity += 2 * inputs.verbose
    report = None
    try:
        if inputs.export_token:
            _export_token(inputs, runner)
        else:
            report = _publish(inputs)
    except BaseException:
        runner.set_outputs({"published": "false"})
        raise
    if inputs.print_hash and report is not None:
        for file in report.files:
            output.say(f"sha256:{file.sha256}  {file.file.text}")


def configure_step() -> None:
    """Let the job's following steps install from the index."""
    inputs, runner = _begin()
    with _hints_for_workflows():
        target = resolve_target(_target(inputs), ProjectConfig())
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
    if account.version is not None:
        output.say(account.public_packages)
        runner.add_summary(f"### Installing from {target.url}\n\n{account.public_packages}\n")
    if inputs.only_index and account.version is not None and not account.passes_on:
        output.warn(
            f"{target.url} does not pass public packages on, so pip, uv and pdm can't find them in later steps. "
            "With `only-index: false`, public packages come from the public index, and uv, poetry and pdm take yours "
            "from the index that the project names (`pypi-publish config uv --scope project --write`); for pip, start "
            "the index with --upstream public."
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


def _publish(inputs: Inputs) -> Report | None:
    """Publish, and return the outcome; None for a dry run that could only build and check."""
    event = read_event(os.environ)
    with _hints_for_workflows():
        tag = release_tag(inputs, event, os.environ.get("PYPI_PUBLISH_TAG"))
        if _cannot_ask_the_index(inputs, event):
            _rehearse(inputs)
            return None
        # whether a tag is required was decided from the event
        publish = PublishArgs(
            tag,
            require_tag=False,
            skip_existing=inputs.skip_existing,
            dry_run=inputs.dry_run,
            tag_prefix=inputs.tag_prefix,
            allow_dirty=inputs.allow_dirty,
            trusted_publishing=inputs.trusted_publishing,
        )
        target = _target(inputs)
        if inputs.builds:
            folders = find_projects(inputs.package_dirs)
            if inputs.build_index:
                return _publish_with_build_index(target, folders, publish, inputs)
            return publish_projects(folders, target, publish, BuildArgs(inputs.packages_dir))
        return upload_files(_built_files(inputs), target, publish)


def _export_token(inputs: Inputs, runner: github.Runner) -> None:
    """Give the job's next steps an upload token, for tools that know no trusted publishing; publish nothing."""
    event = read_event(os.environ)
    with _hints_for_workflows():
        release_tag(inputs, event, os.environ.get("PYPI_PUBLISH_TAG"))
        url = resolve_target(_target(inputs)._replace(password=None), project_config([])).url
        login = resolve_trusted(TrustedMode.ALWAYS, ProjectConfig())
        credentials = login.find(url) if login is not None else None
    assert credentials is not None  # noqa: S101 - for the type checker: it is required, or an error was raised
    runner.set_outputs({"published": "false", "token": credentials.password.reveal(), "index-url": url.root})
    current_output().say("The output `token` is an upload token for 15 minutes; nothing was published.")


def _cannot_ask_the_index(inputs: Inputs, event: Event) -> bool:
    """Return whether a dry run has nothing to ask with: pull requests have no tag, and those of forks no secrets."""
    has_password = inputs.password is not None or bool(os.environ.get("PYPI_PUBLISH_PASSWORD"))
    return inputs.dry_run and not has_password and (event.lacks_secrets or event.is_pull_request)


def _rehearse(inputs: Inputs) -> None:
    """Build and check without the index, and say so."""
    if inputs.builds:
        build_projects(find_projects(inputs.package_dirs), BuildArgs(inputs.packages_dir), jobs=None)
    else:
        check_only(_built_files(inputs))
    output = current_output()
    assert output.runner is not None  # noqa: S101 - for the type checker: `_begin` sees to it
    output.runner.set_outputs({"published": "false", "uploaded": "0", "skipped-count": "0", "files": "[]"})
    output.runner.add_summary("### 🔍 Dry run: built and checked, not compared with the index\n")
    output.say("This run has no credentials, so the files were built and checked but not compared with the index.")


def _publish_with_build_index(
    args: TargetArgs, folders: Sequence[Path], publish: PublishArgs, inputs: Inputs
) -> Report:
    """Publish, and let uv find build requirements on the index with the same account."""
    config = project_config(folders)
    target = replace(resolve_target(args, config), trusted=resolve_trusted(inputs.trusted_publishing, config))
    with burning(target):
        credentials = find_credentials(target)
        os.environ.update(build_index_variables(target.url, credentials, os.environ.get("UV_INDEX", "")))
        found = args._replace(username=credentials.username, password=credentials.password)
        never = publish._replace(trusted_publishing=TrustedMode.NEVER)
        return publish_projects(folders, found, never, BuildArgs(inputs.packages_dir))


def _built_files(inputs: Inputs) -> list[Path]:
    return find_files(inputs.packages_dir or Path("dist"))


def _target(inputs: Inputs) -> TargetArgs:
    return TargetArgs(
        inputs.index_url or os.environ.get("PYPI_PUBLISH_INDEX_URL"),
        inputs.username or os.environ.get("PYPI_PUBLISH_USERNAME"),
        password=inputs.password,
    )


@contextmanager
def _hints_for_workflows() -> Iterator[None]:
    """Replace the hint of a failure by the remedy that is in a workflow or its settings."""
    try:
        yield
    except PublishError as error:
        error.hint = workflow_hint(error, read_event(os.environ))
        raise
