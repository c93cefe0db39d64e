"""The command `pypi-publish check`."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import click

from publisher.cli.options import (
    build_options,
    jobs_option,
    json_option,
    output_options,
    project_config,
    resolve_build,
    resolve_target,
    target_options,
)
from publisher.cli.output import current_output
from publisher.cli.progress import make_observer

if TYPE_CHECKING:
    from publisher.checks.targets import CheckTargets
    from publisher.checks.violations import Violation
    from publisher.project.distributions import Distribution

SOURCE, VERSION, BUILD = "source", "version", "build"
_LEVELS: Mapping[str, Literal["error", "warning", "notice"]] = {
    "error": "error",
    "warning": "warning",
    "note": "notice",
}
_COLORS = {"error": "red", "warning": "yellow", "note": "cyan"}


@click.command("check")
@click.argument("sources", metavar="[SRC|FILE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--only",
    type=click.Choice([SOURCE, VERSION, BUILD]),
    multiple=True,
    help="source: what stands in pyproject.toml and the README, without building; version: the version against the "
    "index and the tag; build: what is in the built files.  [default: all; version where an index is named]",
)
@click.option("--fix", is_flag=True, help="Mend in pyproject.toml what can be mended without thinking.")
@click.option("--strict", is_flag=True, help="Fail for warnings too, and when the index can't be asked.")
@click.option(
    "--tag",
    metavar="TAG",
    envvar="PYPI_PUBLISH_TAG",
    show_envvar=True,
    help="The tag that the version must be that of.  [default: in a pre-push hook, those that are pushed]",
)
@target_options
@build_options
@jobs_option
@json_option
@output_options
def command(sources: tuple[Path, ...], *, only: tuple[str, ...], fix: bool, strict: bool, **options: Any) -> None:
    """
    Check what would be published, without publishing it.

    FILE is a wheel or an sdist; SRC is a project folder, which is built for it (in a temporary folder unless --out-dir
    names one). Other files stand for the project that they belong to, as pre-commit hands them on.

    Every finding has a code, which docs/reference/checks.md explains.
    """
    from publisher.checks.targets import find_targets
    from publisher.checks.violations import in_order

    targets = find_targets(sources)
    kinds = set(only) or {SOURCE, BUILD, *([VERSION] if _names_index(options, targets.projects) else [])}
    found: list[Violation] = []
    built: list[Distribution] = []
    if fix:
        _fix(targets.projects)
    if SOURCE in kinds:
        from publisher.checks.run import check_source

        folders = [*targets.roots, *targets.projects]
        found += [finding for folder in folders for finding in check_source(folder)]
    if VERSION in kinds and targets.projects:
        found += _check_version(targets.projects, options)
    if BUILD in kinds and not any(finding.rule.code == "PP101" for finding in found):
        built, in_files = _check_build(targets, options)
        found += in_files
    _conclude(in_order(found), built, strict=strict)


def _names_index(options: dict[str, Any], projects: Sequence[Path]) -> bool:
    from publisher.errors import ConfigurationError

    try:
        return bool(options["index_url"] or (projects and project_config(projects).index_url))
    except ConfigurationError:
        return False  # a rule about the sources says why


def _fix(projects: Sequence[Path]) -> None:
    from publisher.checks.fixes import fix
    from publisher.checks.run import ignored_rules
    from publisher.files.changes import FileChange, read_text, write_changes
    from publisher.files.toml import read_toml
    from publisher.project.pyproject import FILENAME

    drafts = []
    for project in projects:
        text = read_text(project / FILENAME)
        if text is not None:
            drafts.append(FileChange(project / FILENAME, text, fix(text, ignored_rules(read_toml(text)))))
    write_changes(drafts)
    for draft in drafts:
        if draft.changes:
            current_output().say(f"Mended {draft.path}")


def _check_version(projects: Sequence[Path], options: dict[str, Any]) -> "list[Violation]":
    from publisher.checks.pre_push import pushed_tags
    from publisher.checks.run import project_ignores
    from publisher.checks.version import Published, ask_index, check_published, check_tags
    from publisher.errors import ConfigurationError
    from publisher.project.pyproject import read_source
    from publisher.project.tags import parse_tag

    listed = [read_source(project) for project in projects]
    try:
        target = resolve_target(options, project_config(projects))
    except ConfigurationError as error:
        published = dict.fromkeys(listed, Published({}, error.message.rstrip(".")))
    else:
        published = ask_index(target, listed)
    found: list[Violation] = []
    for source in listed:
        tags = [parse_tag(options["tag"])] if options["tag"] else pushed_tags(source.folder)
        ignored = project_ignores(source.folder)
        both = [*check_tags(source, tags), *check_published(source, published[source])]
        found += [finding for finding in both if finding.rule.code not in ignored]
    return found


def _check_build(targets: "CheckTargets", options: dict[str, Any]) -> "tuple[list[Distribution], list[Violation]]":
    from publisher.building.builder import Builder
    from publisher.checks.contents import can_look_into_wheels, check_files
    from publisher.checks.run import project_ignores
    from publisher.publish.prepare import build, read_files

    built = read_files(targets.files)
    found = list(check_files(built))
    if targets.projects:
        with (
            closing(make_observer(current_output())) as observer,
            closing(Builder(resolve_build(options))) as builder,
            TemporaryDirectory(prefix="pypi-publish-") as temporary,
        ):
            builder.get_ready(targets.projects)
            files = build(builder, targets.projects, options["out_dir"] or Path(temporary), observer)
            for project, each in zip(targets.projects, files, strict=True):
                ignored = project_ignores(project)
                distributions = read_files(each)
                built += distributions
                found += [one for one in check_files(distributions, project) if one.rule.code not in ignored]
    if not can_look_into_wheels() and not current_output().as_json:
        current_output().warn(
            "check-wheel-contents is not installed, so some rules about wheels are left out: "
            "pip install 'pypi-publish[check]'"
        )
    return built, found


def _conclude(found: "Sequence[Violation]", built: "Sequence[Distribution]", *, strict: bool) -> None:
    """Show the findings, and end with an exit code that says whether there is one that fails."""
    from publisher.checks.violations import Severity
    from publisher.errors import CheckFailedError
    from publisher.publish.report import files_as_json

    output = current_output()
    for finding in found:
        _show(finding)
    if output.as_json:
        told = {"findings": [finding.as_json() for finding in found], "files": files_as_json(built)}
        click.echo(json.dumps(told, indent=2))
    else:
        for distribution in built:
            click.echo(distribution.path)
    counts = Counter(finding.rule.severity for finding in found)
    failed = counts[Severity.ERROR] or (strict and counts[Severity.WARNING])
    words = [f"{count} {kind.value}{'s' if count > 1 else ''}" for kind in Severity if (count := counts[kind])]
    fixable = sum(finding.rule.fixable for finding in found)
    hint = f" --fix mends {fixable} of them." if fixable else ""
    if failed and output.as_json:
        click.get_current_context().exit(CheckFailedError.exit_code)
    if failed:
        raise CheckFailedError(f"{', '.join(words)}.{hint}", hint="docs/reference/checks.md explains each code.")
    output.say(f"{', '.join(words)}.{hint}" if words else "All is well.")


def _show(finding: "Violation") -> None:
    output = current_output()
    severity = finding.rule.severity.value
    if output.runner is not None:
        level = _LEVELS[finding.rule.severity.value]
        title = f"{finding.rule.code} {finding.rule.title}"
        output.command(output.runner.annotation(level, title, finding.message, finding.path, finding.line))
    elif not output.is_quiet or severity != "note":
        code = click.style(finding.rule.code, fg=_COLORS[severity], bold=True)
        click.echo(f"{click.style(finding.place, bold=True)}: {code} {finding.message}", err=True)
