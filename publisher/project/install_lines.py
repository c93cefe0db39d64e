"""
The lines that install a package from a private index, and why pip alone may not be able to.

Those for this program itself name where it comes from, and never its bare name.
"""

from collections.abc import Collection

from packaging.utils import canonicalize_name

OWN_NAME = "pypi-publish"

_SOURCE = "git+https://github.com/OWNER/REPOSITORY@TAG"
"""On a public index the bare name is anybody's to register, so no line asks one for it."""


def required_names(requirements: Collection[str]) -> list[str]:
    """Return the normalized names that a package always requires, sorted; without extras and invalid requirements."""
    from packaging.requirements import InvalidRequirement  # noqa: PLC0415 - not needed where nothing was built

    from publisher.project.dependencies import parse_requirement  # noqa: PLC0415 - the same

    names = set()
    for text in requirements:
        try:
            requirement = parse_requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or "extra" not in str(requirement.marker):
            names.add(str(canonicalize_name(requirement.name)))
    return sorted(names)


def install_lines(
    simple_url: str, requirement: str, *, dependencies: Collection[str] | None, proxies_public: bool | None = None
) -> list[str]:
    """
    Return shell lines, the best first, that install a package whose ``dependencies`` may be public; None is unknown.

    pip can be given one index safely, so it needs one that has all of them. uv takes only this package's names from the
    index, and everything else from the public one.
    """
    pip = f"pip install --index-url {simple_url} {requirement}"
    uv = f"pypi-publish config uv --scope project --write && uv add {requirement}"
    if proxies_public or (dependencies is not None and not dependencies):
        return [pip]
    if dependencies is None:
        return [pip, "# if it needs public packages that this index lacks, in a project of uv:", uv]
    few = ", ".join(sorted(dependencies)[:3]) + (", ..." if len(dependencies) > 3 else "")
    return [uv, f"# with pip, only if the index has or passes on all dependencies ({few}):", pip]


def own_requirement(extra: str = "") -> str:
    """Return a quoted requirement for this program with an extra; the reader replaces the words in capitals."""
    return f"'{OWN_NAME}{f'[{extra}]' if extra else ''} @ {_SOURCE}'"


INSTALL_WITH_KEYRING = (
    f"`make install` in a clone, or uv tool install --with-executables-from keyring {own_requirement()}"
)
