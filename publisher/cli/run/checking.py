"""Running the rules over projects and files, and reporting their findings."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from publisher.checks.contents import can_look_into_wheels
from publisher.checks.engine import check_files, check_source, ignored_rules, project_ignores, without_ignored
from publisher.checks.fixes import fix
from publisher.checks.pre_push import pushed_tags
from publisher.checks.targets import CheckTargets, find_targets
from publisher.checks.violations import Violation, in_order
from publisher.cli.display.findings import conclude, print_rule
from publisher.cli.display.output import current_output
from publisher.cli.display.progress import make_observer
from publisher.cli.options.building import BuildArgs
from publisher.cli.options.checks import CheckArgs
from publisher.cli.options.target import TargetArgs
from publisher.cli.run.builds.options import resolve_build
from publisher.cli.run.resolve import project_config, resolve_target
from publisher.errors import ConfigurationError
from publisher.files.changes import FileChange, read_text, write_changes
from publisher.files.toml import read_toml
from publisher.project.config import ProjectConfig, read_project_config
from publisher.project.distributions import Distribution
from publisher.project.install_lines import own_requirement
from publisher.project.pyproject import FILENAME, read_source
from publisher.project.tags import parse_tag
from publisher.publish.built_files import read_files


def run_checks(
    sources: Sequence[Path], check: CheckArgs, target: TargetArgs, build: BuildArgs, *, jobs: int | None
) -> None:
    """Run the rules that were asked for and report their findings; raise CheckFailedError when one of them fails."""
    if check.explain is not None:
        print_rule(check.explain)
        return
    targets = find_targets(sources)
    kinds = set(check.only) or _default_kinds(target, targets.projects)
    found: list[Violation] = []
    built: list[Distribution] = []
    if check.fix:
        _fix(targets.projects)
    if "source" in kinds:
        folders = [*targets.roots, *targets.projects]
        found += [finding for folder in folders for finding in check_source(folder)]
    if "version" in kinds and targets.projects:
        found += _check_version(targets.projects, check.tag, target)
    if "build" in kinds and not any(finding.rule.code == "PP101" for finding in found):
        built, in_files = _check_build(targets, build, jobs)
        found += in_files
    conclude(in_order(found), built, strict=check.strict)


def _default_kinds(target: TargetArgs, projects: Sequence[Path]) -> set[str]:
    """Return the kinds of rules that run unasked: those about the version need an index."""
    try:
        named = target.index_url or target.repository or (projects and project_config(projects).index_url)
    except ConfigurationError:
        named = None  # a rule about the sources reports it
    return {"source", "build", *(["version"] if named else [])}


def _fix(projects: Sequence[Path]) -> None:
    changes = []
    for project in projects:
        text = read_text(project / FILENAME)
        if text is not None:
            changes.append(FileChange(project / FILENAME, text, fix(text, ignored_rules(read_toml(text)))))
    write_changes(changes)
    for change in changes:
        if change.changes:
            current_output().say(f"Fixed {change.path}")


def _check_version(projects: Sequence[Path], tag: str | None, args: TargetArgs) -> list[Violation]:
    from publisher.checks import version

    listed = [read_source(project) for project in projects]
    config = ProjectConfig()
    try:
        config = project_config(projects)
        target = resolve_target(args, config)
    except ConfigurationError as error:
        published = dict.fromkeys(listed, version.Published({}, error.message.rstrip(".")))
    else:
        published = version.ask_index(target, listed)
    found: list[Violation] = []
    for source in listed:
        prefix = read_project_config(source.folder).tag_prefix or config.tag_prefix
        tags = [parse_tag(tag, prefix)] if tag else pushed_tags(source.folder, prefix)
        both = [*version.check_tags(source, tags), *version.check_published(source, published[source])]
        found += without_ignored(both, project_ignores(source.folder))
    return found


def _check_build(
    targets: CheckTargets, build: BuildArgs, jobs: int | None
) -> tuple[list[Distribution], list[Violation]]:
    built = read_files(targets.files)
    found = check_files(built)
    if targets.projects:
        built_here, in_built = _check_built(targets.projects, build, jobs)
        built += built_here
        found += in_built
    if not can_look_into_wheels() and not current_output().as_json:
        current_output().warn(
            "check-wheel-contents is not installed, so some rules about wheels are left out: "
            f"uv tool install {own_requirement('check')}"
        )
    return built, found


def _check_built(
    projects: Sequence[Path], build: BuildArgs, jobs: int | None
) -> tuple[list[Distribution], list[Violation]]:
    """Build projects and check their files."""
    from publisher.building.builder import Builder
    from publisher.publish.prepare import build_projects

    built: list[Distribution] = []
    found: list[Violation] = []
    with (
        closing(make_observer(current_output())) as observer,
        closing(Builder(resolve_build(build, jobs, projects), observer.warned)) as builder,
        TemporaryDirectory(prefix="pypi-publish-") as temporary,
    ):
        builder.prepare(projects)
        files = build_projects(builder, projects, build.out_dir or Path(temporary), observer)
        for project, each in zip(projects, files, strict=True):
            distributions = read_files(each)
            built += distributions
            found += check_files(distributions, project)
    return built, found
