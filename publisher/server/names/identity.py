"""The identity of a distribution file: two spellings that installers take for the same file have the same."""

from functools import lru_cache
from math import prod

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion

from publisher.limits import LIMITS

Identity = tuple[object, ...]


@lru_cache(maxsize=50_000)
def identity(filename: str) -> Identity:
    """
    Return project, version, build and tags of a wheel, project and version of an sdist, all normalized.

    A file of another kind, or with a name that today's rules refuse, has only its name.
    """
    try:
        if filename.endswith(".whl"):
            return _of_wheel(filename)
        if filename.endswith((".tar.gz", ".zip")):
            return (*parse_sdist_filename(filename), "sdist")
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion, ValueError):
        pass
    return (filename,)


def _of_wheel(filename: str) -> Identity:
    """Return the identity of a wheel, with the three parts of its tags rather than their thousand combinations."""
    tags = [frozenset(part.lower().split(".")) for part in filename.removesuffix(".whl").rsplit("-", 3)[1:]]
    if prod(map(len, tags)) > LIMITS.distributions.tags:
        return (filename,)
    name, version, build, _ = parse_wheel_filename(filename)
    return (name, version, build, *tags)
