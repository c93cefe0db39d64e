"""The version that a release tag names, and the guard that the released files have it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from publisher.dists import Distribution
from publisher.errors import CheckFailedError

FORMS = "v1.2.3, 1.2.3, name-v1.2.3, name-1.2.3, name/v1.2.3 or name/1.2.3"

_SEPARATOR = re.compile(r"[-/]v?(?=\d)")


@dataclass(frozen=True)
class Tag:
    """A release tag: the version it names, and the project where it names one."""

    text: str
    version: Version
    name: NormalizedName | None = None


def parse_tag(text: str) -> Tag:
    """
    Return what a tag, with or without ``refs/tags/``, says.

    Raises CheckFailedError when it has none of the forms in `FORMS`.
    """
    tag = text.removeprefix("refs/tags/")
    splits: list[tuple[str | None, str]] = [(None, tag.removeprefix("v"))]
    splits += [(tag[: found.start()], tag[found.end() :]) for found in _SEPARATOR.finditer(tag)]
    for name, version in splits:
        try:
            return Tag(tag, Version(version), canonicalize_name(name) if name else None)
        except InvalidVersion:
            continue
    raise CheckFailedError(f"The tag {tag!r} names no version.", hint=f"Tags have the form {FORMS}.")


def check_tag(tag: Tag, distributions: Iterable[Distribution]) -> None:
    """
    Return when every file is of the version that the tag names, and of the project where it names one.

    Raises CheckFailedError, with every file that is not.
    """
    wrong = [
        f"{distribution.filename}: the version is {distribution.version}, the tag {tag.text!r} says {tag.version}"
        for distribution in distributions
        if distribution.version != tag.version
    ] + [
        f"{distribution.filename}: the project is {distribution.name}, the tag {tag.text!r} says {tag.name}"
        for distribution in distributions
        if tag.name not in {None, distribution.name}
    ]
    if wrong:
        raise CheckFailedError(
            "\n".join(wrong),
            hint="Set the project's version to the tag's, commit, and move the tag to that commit; or tag the version "
            "that the project has. Nothing was sent.",
        )
