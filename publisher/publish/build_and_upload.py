"""The part of the pipeline that builds: builds, checked files, a plan, uploads."""

from collections.abc import Mapping, Sequence
from contextlib import closing

from publisher.building.builder import Builder
from publisher.errors import StoppedError
from publisher.project.pyproject import Source
from publisher.project.tags import check_tag
from publisher.publish.events import Observer
from publisher.publish.last_published import describe, record
from publisher.publish.options import BuildRequest, PublishOptions
from publisher.publish.prefetch import IndexPrefetch
from publisher.publish.prepare import build_and_check, import_for_build
from publisher.publish.report import FileReport, Report
from publisher.publish.unchanged import find_unchanged_builds
from publisher.publish.worktree import (
    advice_on_versions,
    read_worktree,
    require_committed,
    untracked_warnings,
    version_advice,
)

_NOTHING: Mapping[Source, Sequence[FileReport]] = {}


def build_and_upload(  # noqa: PLR0913, PLR0917 - the last two are what is known already
    sources: Sequence[Source],
    request: BuildRequest,
    options: PublishOptions,
    observer: Observer,
    prefetch: IndexPrefetch | None = None,
    unchanged: Mapping[Source, Sequence[FileReport]] = _NOTHING,
) -> Report:
    """
    Build projects and upload the files that the index lacks; leave out those that are known to be ``unchanged``.

    ``prefetch`` reads the index already.

    Raises the errors of `publisher.publish.prepare.build_and_check` and `publisher.publish.upload.publish_files`.
    """
    with closing(request.begun or Builder(request.resolve())) as builder:
        builder.report_to(observer.warned)
        if len(sources) == 1:
            builder.prepare([sources[0].folder])  # uv installs while the rest is imported
        import_for_build()  # before the prefetch imports in another thread, which would hold up the build
        names = (source.name for source in sources if source.name)
        with closing(prefetch or IndexPrefetch(options.target, names)) as ready:
            return _run(builder, ready, sources, request, options, observer, unchanged)


def _run(  # noqa: PLR0913, PLR0917 - all that was decided before
    builder: Builder,
    prefetch: IndexPrefetch,
    sources: Sequence[Source],
    request: BuildRequest,
    options: PublishOptions,
    observer: Observer,
    unchanged: Mapping[Source, Sequence[FileReport]],
) -> Report:
    prompt = options.target.prompt
    kept = [file for files in unchanged.values() for file in files]
    changed = [source for source in sources if source not in unchanged]
    worktrees = [read_worktree(source) for source in changed]
    if options.tag is not None and not options.allow_dirty:
        require_committed(worktrees, options.tag)
    may_record = len(sources) == 1 and worktrees[0].is_committed
    current = describe(sources[0], options.target.url, request.kinds) if may_record else None
    try:
        with advice_on_versions(worktrees, options.tag):
            distributions = build_and_check(builder, [source.folder for source in changed], request.out_dir, observer)
    except KeyboardInterrupt:
        raise StoppedError("Interrupted while building: nothing was published.") from None
    builder.close()
    if options.tag is not None:
        check_tag(options.tag, distributions, version_advice(worktrees, options.tag))
    for warning in untracked_warnings(worktrees, distributions):
        observer.warned(warning)
    if len(sources) > 1:
        kept += find_unchanged_builds(sources, distributions, prefetch, prompt)
        names = {file.file.text for file in kept}
        distributions = [each for each in distributions if each.filename not in names]
    from publisher.publish.upload import publish_files  # noqa: PLC0415 - imported during the build by prefetch

    report = publish_files(distributions, options, observer, prefetch)
    if current and report.is_complete:
        record(sources[0], current)
    return report._replace(files=[*report.files, *kept])
