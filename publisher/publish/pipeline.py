"""The whole way from projects to an index: build, check and publish, each begun as early as it can be."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from publisher.building.builder import Builder, BuildOptions
from publisher.errors import StoppedError
from publisher.project.pyproject import Source
from publisher.publish.events import Observer, OneAtATime
from publisher.publish.last_published import leave_trace, make_trace
from publisher.publish.options import PublishOptions
from publisher.publish.prefetch import Ahead
from publisher.publish.prepare import make
from publisher.publish.report import Report
from publisher.publish.unchanged import find_settled, find_unchanged


def release(
    sources: Sequence[Source], out_dir: Path | None, build: BuildOptions, options: PublishOptions, observer: Observer
) -> Report:
    """
    Build projects and upload what the index does not have; leave out those that are there as they are.

    Raises what `publisher.publish.prepare.make` and `publisher.publish.upload.publish` raise.
    """
    observer = OneAtATime(observer)
    index = options.target.url
    settled = find_settled(sources, index, build.kinds)
    with closing(Builder(build)) as builder:
        if len(sources) == 1 and not settled:
            builder.get_ready([sources[0].folder])  # uv begins to work before anything else is imported
        with closing(Ahead(options.target, (source.name for source in sources if source.name))) as ahead:
            unchanged = find_unchanged(settled, build.kinds, ahead, options.target.prompt)
            as_they_are = [file for files in unchanged.values() for file in files]
            folders = [source.folder for source in sources if source not in unchanged]
            if not folders:
                return Report(index, as_they_are, options.dry_run)
            trace = make_trace(sources[0], index, build.kinds) if len(sources) == 1 else None
            try:
                distributions = make(builder, folders, out_dir, observer)
            except KeyboardInterrupt:
                raise StoppedError("Interrupted while building: nothing was published.") from None
            builder.close()
            from publisher.publish.upload import publish  # noqa: PLC0415 - what it needs was imported while the build ran

            report = publish(distributions, options, observer, ahead)
            if trace and report.is_whole:
                leave_trace(sources[0], trace)
            return replace(report, files=[*report.files, *as_they_are])
