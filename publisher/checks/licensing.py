"""Checks of classifiers and the license, whose names come from lists of PyPI and SPDX."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from trove_classifiers import classifiers as known_classifiers  # noqa: TID251 - the only door to trove-classifiers
from trove_classifiers import deprecated_classifiers  # noqa: TID251

from publisher.checks.backend_quirks import find_backend
from publisher.checks.document import Document
from publisher.checks.violations import Violation

_DEPRECATED: Mapping[str, str] = {
    **{
        f"{family}{plus}": f"{family}-or-later" if plus else f"{family}-only or {family}-or-later"
        for family in (
            *("AGPL-1.0", "AGPL-3.0", "GFDL-1.1", "GFDL-1.2", "GFDL-1.3", "GPL-1.0", "GPL-2.0", "GPL-3.0"),
            *("LGPL-2.0", "LGPL-2.1", "LGPL-3.0"),
        )
        for plus in ("", "+")
    },
    **{
        f"GPL-{version}-with-{name}-exception": f"GPL-{version}-only WITH the exception"
        for version in ("2.0", "3.0")
        for name in ("autoconf", "bison", "classpath", "font", "GCC")
    },
    "BSD-2-Clause-FreeBSD": "BSD-2-Clause",
    "BSD-2-Clause-NetBSD": "BSD-2-Clause",
    "bzip2-1.0.5": "bzip2-1.0.6",
    "eCos-2.0": "GPL-2.0-or-later WITH eCos-exception-2.0",
    "Net-SNMP": "the licenses that it consists of",
    "Nunit": "zlib-acknowledgement",
    "StandardML-NJ": "SMLNJ",
    "wxWindows": "LGPL-2.0-or-later WITH WxWindows-exception-3.1",
}
"""Identifiers that SPDX has deprecated, and their replacements (https://spdx.org/licenses/)."""

_PYTHON = re.compile(r"Programming Language :: Python :: (\d+\.\d+)")


def check_classifiers(document: Document) -> Iterator[Violation]:
    """Check the classifiers."""
    items = document.items("project", "classifiers")
    backend = find_backend(document.data)
    unknown = "PP301" if backend is not None and backend.refuses_unknown_classifiers else "PP314"
    seen: set[str] = set()
    for place, text in items:
        if text in seen:
            yield document.violation("PP303", place, f"{text!r} is listed twice")
        seen.add(text)
        if text in deprecated_classifiers:
            others = deprecated_classifiers[text]
            instead = f"; use {' or '.join(map(repr, others))}" if others else "; remove it"
            yield document.violation("PP302", place, f"deprecated classifier {text!r}{instead}")
        elif text not in known_classifiers and not text.lower().startswith("private ::"):
            close = get_close_matches(text, known_classifiers, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            yield document.violation(unknown, place, f"unknown classifier {text!r}{hint}")
    texts = [text for _, text in items]
    if texts != in_order(texts):
        yield document.violation("PP304", ("project", "classifiers"), "classifiers are not sorted")
    yield from _check_pythons(document)


def replacements(classifier: str) -> list[str]:
    """Return the replacements of a deprecated classifier; an empty list for others, or if it has none."""
    return list(deprecated_classifiers.get(classifier, []))


def in_order(texts: list[str]) -> list[str]:
    """Return classifiers by the alphabet, with numbers in them by their value: 3.9 comes before 3.10."""
    return sorted(
        texts,
        key=lambda text: [
            (part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", text)
        ],
    )


def _check_pythons(document: Document) -> Iterator[Violation]:
    try:
        supported = SpecifierSet(document.project.get("requires-python", ""))
    except (InvalidSpecifier, TypeError, AttributeError):
        return
    for place, text in document.items("project", "classifiers"):
        found = _PYTHON.fullmatch(text)
        # some release of that Python is enough
        if found and not any(supported.contains(f"{found[1]}.{patch}") for patch in (0, 1, 5, 10, 99)):
            yield document.violation("PP311", place, f"{text!r} is listed, but requires-python is {str(supported)!r}")


def check_license(document: Document) -> Iterator[Violation]:
    """Check the license (PEP 639)."""
    license_ = document.project.get("license")
    place = ("project", "license")
    if isinstance(license_, str):
        yield from _check_expression(document, license_)
    elif isinstance(license_, Mapping):
        known = spdx_name(license_.get("text"))
        instead = repr(known) if known else "an SPDX expression"
        yield document.violation("PP308", place, f"license is a table, which is deprecated; use {instead}")
        file = license_.get("file")
        if isinstance(file, str) and not (document.folder / file).is_file():
            yield document.violation("PP309", (*place, "file"), f"file {file!r} does not exist")
    for at, pattern in document.items("project", "license-files"):
        if problem := _pattern_problem(document, pattern):
            yield document.violation("PP310", at, f"{pattern!r} {problem}")


def _check_expression(document: Document, text: str) -> Iterator[Violation]:
    place = ("project", "license")
    try:
        normal = canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        close = get_close_matches(
            text, ("MIT", "Apache-2.0", "BSD-3-Clause", "GPL-3.0-or-later", "MPL-2.0", "ISC"), n=1
        )
        hint = f"; did you mean {close[0]!r}?" if close else ""
        yield document.violation("PP305", place, f"{text!r} is not a license expression of SPDX{hint}")
        return
    if normal != text:
        yield document.violation("PP306", place, f"SPDX writes {text!r} as {str(normal)!r}")
    for name in re.findall(r"[^\s()]+", normal):
        if name in _DEPRECATED:
            yield document.violation("PP313", place, f"SPDX has deprecated {name!r}; use {_DEPRECATED[name]}")
    backend = find_backend(document.data)
    code = "PP307" if backend is not None and backend.refuses_license_classifiers else "PP312"
    for at, classifier in document.items("project", "classifiers"):
        if classifier.startswith("License ::"):
            yield document.violation(code, at, f"{classifier!r} is given beside the license expression")


def spdx_name(text: object) -> str | None:
    """Return a license's text in the spelling of SPDX, where it is one of its names."""
    if not isinstance(text, str):
        return None
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return None


def _pattern_problem(document: Document, pattern: str) -> str | None:
    if pattern.startswith("/") or "\\" in pattern or ".." in pattern.split("/"):
        return "is not a pattern below the project"
    try:
        found = any(path.is_file() for path in document.folder.glob(pattern))
    except (ValueError, NotImplementedError):
        return "is not a pattern"
    return None if found else "matches no file"
