"""Versions as file names have them: texts that are compared and ordered as PEP 440 says, where they are versions."""

from collections.abc import Iterable

from packaging.version import InvalidVersion, Version


def same_version(one: str, other: str) -> bool:
    """Tell whether two texts are the same version (PEP 440), or the same text where one is no version."""
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def newest_first(texts: Iterable[str]) -> list[str]:
    """Return different versions, the newest first; texts that are no version come last."""
    different = set(filter(None, texts))
    valid = sorted((text for text in different if is_version(text)), key=Version, reverse=True)
    return valid + sorted(different - set(valid), reverse=True)


def is_version(text: str) -> bool:
    """Tell whether a text is a version (PEP 440)."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
