"""The whole way from projects to an index: build, check and publish, each begun as early as it can be."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from publisher.ahead import Ahead
from publisher.building import Builder, BuildOptions
from publisher.errors import StoppedError
from publisher.making import make
from publisher.options import PublishOptions
from publisher.progress import Observer
from publisher.pyproject import Source
from publisher.report import Report


def release(
    sources: Sequence[Source], out_dir: Path | None, build: BuildOptions, options: PublishOptions, observer: Observer
) -> Report:
    """
    Build projects and upload what the index does not have; of several, leave out those that were not changed.

    Raises what `publisher.making.make` and `publisher.publish.publish` raise.
    """
    with closing(Builder(build)) as builder:
        if len(sources) == 1:
            builder.get_ready([sources[0].folder])  # uv begins to work before anything else is imported
        with closing(Ahead(options.target, (source.name for source in sources if source.name))) as ahead:
            unchanged = _find_unchanged(sources, build, options, ahead) if len(sources) > 1 else []
            folders = [source.folder for source in sources if source not in unchanged]
            if not folders:
                return Report(options.target.index, [], options.dry_run, unchanged)
            try:
                distributions = make(builder, folders, out_dir, observer)
            except KeyboardInterrupt:
                raise StoppedError("Interrupted while building: nothing was sent.") from None
            builder.close()
            from publisher.publish import publish  # noqa: PLC0415 - what it needs was imported while the build ran

            return replace(publish(distributions, options, observer, ahead), unchanged=unchanged)


def _find_unchanged(
    sources: Sequence[Source], build: BuildOptions, options: PublishOptions, ahead: Ahead
) -> list[Source]:
    from publisher.unchanged import find_unchanged  # noqa: PLC0415 - for several projects only

    return find_unchanged(sources, build.kinds, ahead, options.target.prompt)
