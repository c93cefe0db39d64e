"""Release tags: the version and project that a tag names, and the check that files have both."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from publisher.errors import CheckFailedError
from publisher.project.distributions import Distribution
from publisher.project.pyproject import Source
from publisher.project.versions import parse_version

FORMS = "v1.2.3, 1.2.3, or a name before it: name-v1.2.3, name/v1.2.3, name@v1.2.3, each also without the v"

_WRONG_VERSION_HINT = (
    "Set the project's version to the tag's, commit, and move the tag to that commit; or tag the version that the "
    "project has. Nothing was published."
)
_SEPARATOR = re.compile(r"[-/@]v?(?=\d)")


class Tag(NamedTuple):
    """A release tag: the version it names, and the project where it names one."""

    text: str
    version: Version
    name: NormalizedName | None = None


def parse_tag(text: str, prefix: str | None = None) -> Tag:
    """
    Return the version and the project that a tag names, with or without ``refs/tags/``.

    With a ``prefix``, such as ``release-``, the rest of the tag is the version, with or without a ``v``.

    Raises CheckFailedError when it has none of the forms in `FORMS`, or another prefix.
    """
    tag = text.strip().removeprefix("refs/tags/")
    if prefix:
        behind = parse_version(tag.removeprefix(prefix).removeprefix("v")) if tag.startswith(prefix) else None
        if behind is None:
            raise CheckFailedError(
                f"The tag {tag!r} has no version after the prefix {prefix!r}.",
                hint=f"Tag {prefix}1.2.3, or change `tag-prefix` in [tool.pypi-publish] or --tag-prefix.",
            )
        return Tag(tag, behind)
    splits: list[tuple[str | None, str]] = [(None, tag.removeprefix("v"))]
    splits += [(tag[: found.start()], tag[found.end() :]) for found in _SEPARATOR.finditer(tag)]
    for name, version in splits:
        if (parsed := parse_version(version)) is not None:
            return Tag(tag, parsed, canonicalize_name(name) if name else None)
    raise CheckFailedError(f"The tag {tag!r} does not name a version.", hint=f"Tags have the form {FORMS}.")


def version_mismatch(version: Version | None, tag: Tag) -> str:
    """Return the reason why a tag is not for a version."""
    return f"the version is {version}, but the tag {tag.text!r} names {tag.version}"


def select_sources(tag: Tag, sources: Sequence[Source]) -> list[Source]:
    """
    Return the projects that a tag is for: the one that it names, else all of them.

    A project whose name is not known before it is built is taken when no other has the tag's name: `check_tag` looks
    at the built files.

    Raises CheckFailedError when no project has the name, or when one says another version than the tag's.
    """
    chosen = [source for source in sources if tag.name in {None, source.name}]
    chosen = chosen or [source for source in sources if source.name is None]
    if not chosen:
        raise _nothing_of_that_name(tag, (source.name for source in sources))
    for source in chosen:
        if source.version not in {None, tag.version}:
            raise CheckFailedError(
                f"{source.file}: PP603 {version_mismatch(source.version, tag)}.",
                hint=_WRONG_VERSION_HINT,
                path=source.file,
            )
    return chosen


def select_distributions(tag: Tag, distributions: Sequence[Distribution]) -> list[Distribution]:
    """
    Return the files that a tag is for: those of the project that it names, else all of them.

    Raises CheckFailedError when no file is of that project.
    """
    chosen = [distribution for distribution in distributions if tag.name in {None, distribution.name}]
    if not chosen:
        raise _nothing_of_that_name(tag, (distribution.name for distribution in distributions))
    return chosen


def check_tag(tag: Tag, distributions: Iterable[Distribution], hint: str | None = None) -> None:
    """
    Return when every file is of the version that the tag names, and of the project where it names one.

    Raises CheckFailedError, with every file that is not, and with a ``hint`` that fits better than the usual one.
    """
    wrong = [
        f"{distribution.filename}: PP603 {version_mismatch(distribution.version, tag)}"
        for distribution in distributions
        if distribution.version != tag.version
    ] + [
        f"{distribution.filename}: PP603 the project is {distribution.name}, but the tag {tag.text!r} names {tag.name}"
        for distribution in distributions
        if tag.name not in {None, distribution.name}
    ]
    if wrong:
        raise CheckFailedError("\n".join(wrong), hint=hint or _WRONG_VERSION_HINT)


def _nothing_of_that_name(tag: Tag, names: Iterable[str | None]) -> CheckFailedError:
    known = ", ".join(sorted({name for name in names if name})) or "of no known name"
    return CheckFailedError(
        f"The tag {tag.text!r} is for the project {tag.name}, but the projects here are {known}.",
        hint=f"Tags have the form {FORMS}, with the name in pyproject.toml. Nothing was published.",
    )
