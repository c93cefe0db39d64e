"""The wheel whose metadata an installer most likely asks for after a page: the only one of the newest release."""

import re
from collections.abc import Callable

from publisher.server.upstream.pages.listing import ListedFile, Listing

_RELEASE = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,5}", re.ASCII)


def newest_wheel(listing: Listing, is_passed_on: Callable[[ListedFile], bool]) -> Listing | None:
    """Return a listing of the wheel alone, None where there are several, or none with metadata, or no final release."""
    files = [file for file in listing.files.values() if is_passed_on(file)]
    releases = filter(_RELEASE.fullmatch, {file.version for file in files})
    newest = max(releases, key=lambda version: tuple(map(int, version.split("."))), default=None)
    wheels = [file for file in files if file.version == newest and file.filename.endswith(".whl")]
    if len(wheels) != 1 or wheels[0].metadata is None:
        return None
    return Listing(listing.name, listing.status, {wheels[0].filename: wheels[0]})
