"""The pipeline from project folders to a report: what the index has unchanged needs no build."""

from collections.abc import Sequence
from contextlib import closing

from publisher.project.pyproject import Source
from publisher.publish.events import Observer, SerializedObserver
from publisher.publish.options import BuildRequest, PublishOptions
from publisher.publish.prefetch import IndexPrefetch
from publisher.publish.report import Report
from publisher.publish.unchanged import begin_to_settle, find_unchanged


def publish_projects(
    sources: Sequence[Source], request: BuildRequest, options: PublishOptions, observer: Observer
) -> Report:
    """
    Build projects and upload the files that the index lacks; leave out projects that it has unchanged.

    Raises CredentialsError, IndexUnavailableError, and the errors of `publisher.publish.build_and_upload`.
    """
    observer = SerializedObserver(observer)
    target, names = options.target, [source.name for source in sources if source.name]
    if not sources:
        return Report(target.url, [], options.dry_run)
    settle = begin_to_settle(sources, target.url, request.kinds)
    if settle is None:
        from publisher.publish.build_and_upload import build_and_upload  # noqa: PLC0415 - as below

        return build_and_upload(sources, request, options, observer)
    with closing(IndexPrefetch(target, names, alone=len(sources) == 1)) as prefetch:  # while git works
        unchanged = find_unchanged(settle(), request.kinds, prefetch, target.prompt)
        if len(unchanged) == len(sources):
            return Report(target.url, [file for files in unchanged.values() for file in files], options.dry_run)
        prefetch.expect_upload()
        from publisher.publish.build_and_upload import build_and_upload  # noqa: PLC0415 - imports much

        return build_and_upload(sources, request, options, observer, prefetch, unchanged)
