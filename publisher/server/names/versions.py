"""Versions as file names have them: texts that are compared and ordered as PEP 440 says, where they are versions."""

from collections.abc import Iterable

from publisher.project.versions import parse_version


def newest_first(texts: Iterable[str]) -> list[str]:
    """Return the distinct versions, newest first; texts that are not valid versions come last."""
    parsed = {text: parse_version(text) for text in filter(None, texts)}
    versions = {text: version for text, version in parsed.items() if version is not None}
    return sorted(versions, key=versions.__getitem__, reverse=True) + sorted(parsed.keys() - versions, reverse=True)
