"""The wheel whose metadata an installer most likely asks for after a page: the only one of the newest release."""

import re
from collections.abc import Iterable

from publisher.server.upstream.pages.listing import ListedFile

_RELEASE = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,5}", re.ASCII)


def newest_wheel(files: Iterable[ListedFile]) -> ListedFile | None:
    """Return the wheel, None where there are several, or none with metadata, or no final release."""
    files = list(files)
    releases = filter(_RELEASE.fullmatch, {file.version for file in files})
    newest = max(releases, key=lambda version: tuple(map(int, version.split("."))), default=None)
    wheels = [file for file in files if file.version == newest and file.filename.endswith(".whl")]
    return wheels[0] if len(wheels) == 1 and wheels[0].metadata is not None else None
