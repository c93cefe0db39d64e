"""Versions compared as PEP 440 says, where texts are versions."""

from packaging.version import Version

from publisher.limits import LIMITS


def parse_version(text: object) -> Version | None:
    """Return the version that a text says, or None, also for absurdly large numbers."""
    try:
        return Version(text) if isinstance(text, str) and len(text) <= LIMITS.distributions.version else None
    except ValueError:  # InvalidVersion, or a number of more digits than int() takes
        return None


def same_version(one: str | Version, other: str | Version) -> bool:
    """Return whether two versions are equal (PEP 440), or the same text where one of them is not a version."""
    first, second = (text if isinstance(text, Version) else parse_version(text) for text in (one, other))
    return str(one) == str(other) if first is None or second is None else first == second
