"""The pipeline from project folders to a report: sources, builds, checked files, plan, uploads."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from publisher.building.builder import Builder, BuildOptions
from publisher.errors import StoppedError
from publisher.project.pyproject import Source
from publisher.project.tags import check_tag
from publisher.publish.events import Observer, SerializedObserver
from publisher.publish.last_published import describe, record
from publisher.publish.options import PublishOptions
from publisher.publish.prefetch import IndexPrefetch
from publisher.publish.prepare import build_and_check
from publisher.publish.report import Report
from publisher.publish.unchanged import find_settled, find_unchanged, find_unchanged_builds
from publisher.publish.worktree import (
    advice_on_versions,
    read_worktree,
    require_committed,
    untracked_warnings,
    version_advice,
)


def publish_projects(
    sources: Sequence[Source], out_dir: Path | None, build: BuildOptions, options: PublishOptions, observer: Observer
) -> Report:
    """
    Build projects and upload the files that the index lacks; leave out projects that it has unchanged.

    Raises the errors of `publisher.publish.prepare.build_and_check` and `publisher.publish.upload.publish_files`.
    """
    observer = SerializedObserver(observer)
    url = options.target.url
    settled = find_settled(sources, url, build.kinds)
    with closing(Builder(build, observer.warned)) as builder:
        if len(sources) == 1 and not settled:
            builder.prepare([sources[0].folder])  # uv installs while the rest is imported
        with closing(IndexPrefetch(options.target, (source.name for source in sources if source.name))) as prefetch:
            unchanged = find_unchanged(settled, build.kinds, prefetch, options.target.prompt)
            kept = [file for files in unchanged.values() for file in files]
            folders = [source.folder for source in sources if source not in unchanged]
            if not folders:
                return Report(url, kept, options.dry_run)
            worktrees = [read_worktree(source) for source in sources if source not in unchanged]
            if options.tag is not None and not options.allow_dirty:
                require_committed(worktrees, options.tag)
            current = describe(sources[0], url, build.kinds) if len(sources) == 1 else None
            try:
                with advice_on_versions(worktrees, options.tag):
                    distributions = build_and_check(builder, folders, out_dir, observer)
            except KeyboardInterrupt:
                raise StoppedError("Interrupted while building: nothing was published.") from None
            builder.close()
            if options.tag is not None:
                check_tag(options.tag, distributions, version_advice(worktrees, options.tag))
            for warning in untracked_warnings(worktrees, distributions):
                observer.warned(warning)
            if len(sources) > 1:
                kept += find_unchanged_builds(sources, distributions, prefetch, options.target.prompt)
                names = {file.file.text for file in kept}
                distributions = [each for each in distributions if each.filename not in names]
            from publisher.publish.upload import publish_files  # noqa: PLC0415 - imported during the build by prefetch

            report = publish_files(distributions, options, observer, prefetch)
            if current and report.is_complete:
                record(sources[0], current)
            return replace(report, files=[*report.files, *kept])
