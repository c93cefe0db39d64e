"""Versions as file names have them: texts that are compared and ordered as PEP 440 says, where they are versions."""

from collections.abc import Iterable

from packaging.version import Version

from publisher.project.versions import parse_version


def newest_first(texts: Iterable[str]) -> list[str]:
    """Return the distinct versions, newest first; texts that are not valid versions come last."""
    different = set(filter(None, texts))
    valid = sorted(filter(parse_version, different), key=Version, reverse=True)
    return valid + sorted(different - set(valid), reverse=True)
