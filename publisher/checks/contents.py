"""Checks of the contents of built files: secrets, missing modules, leftovers."""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from publisher.checks.metadata import Report, reporter
from publisher.checks.violations import Violation
from publisher.project.display import human_size
from publisher.project.distributions import Distribution
from publisher.project.git import tracked_files
from publisher.project.kinds import Kind

SIZE_LIMIT = 100 * 10**6
"""Bytes; the limit of the Python Package Index."""

_SECRET = re.compile(
    r"(^|/)(\.pypirc|\.netrc|_netrc|\.env|\.envrc|id_(rsa|dsa|ecdsa|ed25519)|[^/]+\.(p12|pfx|keystore))$"
)
_ANNOTATION = re.compile(rb"^\s*(async\s+)?def\s+\w+\([^)]*\)\s*->|^\s*def\s+\w+\([^)]*\w\s*:\s*\w", re.MULTILINE)
_TESTS = frozenset({"test", "tests", "testing", "testdata", "test_data", "fixtures"})
_FROM_LIBRARY = {
    "W001": "PP708",
    "W002": "PP711",
    "W003": "PP712",
    "W004": "PP712",
    "W005": "PP707",
    "W006": "PP712",
    "W007": "PP709",
    "W010": "PP712",
}
"""Our codes for the checks of check-wheel-contents, which finds these."""

_SOURCES = ("src", "", "lib", "python")
"""Folders of a project that may contain packages."""


def can_look_into_wheels() -> bool:
    """Return whether check-wheel-contents is installed, which some rules are built on."""
    return find_spec("check_wheel_contents") is not None


def check_contents(distributions: Iterable[Distribution], folder: Path | None = None) -> Iterator[Violation]:
    """Check the contents of files; ``folder`` is the project that they were built from, where that is known."""
    for distribution in distributions:
        report = reporter(distribution)
        size = distribution.path.stat().st_size
        if size > SIZE_LIMIT:
            yield report("PP714", f"the file is {human_size(size)}")
        yield from _find_secrets(distribution.files, report)
        if distribution.kind is Kind.WHEEL:
            yield from _check_wheel(distribution, report)
            if can_look_into_wheels():
                yield from _check_with_library(distribution, folder, report)


def check_secrets(distributions: Iterable[Distribution]) -> Iterator[Violation]:
    """Check that files contain no secrets."""
    for distribution in distributions:
        yield from _find_secrets(distribution.files, reporter(distribution))


def _find_secrets(names: Iterable[str], report: Report) -> Iterator[Violation]:
    """Find files with secrets, except keys in folders of tests."""
    for name in names:
        if _SECRET.search(name) and _TESTS.isdisjoint(PurePosixPath(name).parts[:-1]):
            yield report("PP713", f"it contains {name}")


def _check_wheel(wheel: Distribution, report: Report) -> Iterator[Violation]:
    names = wheel.files
    info = next(name.partition("/")[0] for name in names if ".dist-info/" in name)
    for name in wheel.fields.get("license_files", []):
        if not any(f"{info}/{folder}{name}" in names for folder in ("licenses/", "license_files/", "")):
            yield report("PP715", f"it lacks the license file {name}")
    packages = {name.partition("/")[0] for name in names if name.endswith("/__init__.py") and name.count("/") == 1}
    for package in sorted(packages - {each.partition("/")[0] for each in names if each.endswith("/py.typed")}):
        if not package.endswith("-stubs") and _is_annotated(wheel.path, package, names):
            yield report("PP710", f"the package {package} has annotations but no py.typed")


def _is_annotated(path: Path, package: str, names: Iterable[str]) -> bool:
    """Return whether at least half of a package's modules with functions have annotated ones."""
    modules = [name for name in names if name.startswith(f"{package}/") and name.endswith(".py")]
    with zipfile.ZipFile(path) as archive:
        texts = [text for name in modules if b"def " in (text := archive.read(name))]
    return bool(texts) and sum(bool(_ANNOTATION.search(text)) for text in texts) * 2 >= len(texts)


def _check_with_library(wheel: Distribution, folder: Path | None, report: Report) -> Iterator[Violation]:
    from check_wheel_contents.checker import WheelChecker  # noqa: PLC0415, TID251 - the only door to it
    from check_wheel_contents.contents import WheelContents  # noqa: PLC0415, TID251 - the only door to it
    from check_wheel_contents.errors import WheelValidationError  # noqa: PLC0415, TID251 - the only door to it

    try:
        contents = WheelContents.from_wheel(wheel.path)
        contents.validate_tree()
    except (WheelValidationError, ValueError) as error:  # whatever its models do not accept
        yield report("PP719", str(error).splitlines()[0].rstrip("."))
        return
    checker = WheelChecker()
    for failed in checker.check_contents(contents):
        code = _FROM_LIBRARY.get(failed.check.name)
        if code is not None:
            yield report(code, f"{_words(failed.check.value)}{': ' if failed.args else ''}{', '.join(failed.args[:5])}")
    tops = {name for tree in (contents.purelib_tree, contents.platlib_tree) for name in tree.subdirectories}
    packages = [place for top in sorted(tops) if folder is not None and (place := _place_of(folder, top))]
    if folder is None or not packages:
        return
    checker = WheelChecker()
    checker.configure_options(package=tuple(map(str, packages)))
    known = tracked_files(folder)
    for failed in checker.check_contents(contents):
        if failed.check.name == "W101":
            yield from _missing(failed.args, packages, folder, known, report)


def _words(text: str) -> str:
    return text[:1].lower() + text[1:].replace("Wheel", "the wheel")


def _place_of(folder: Path, package: str) -> Path | None:
    """Return the source folder of a package."""
    found = [folder / source / package for source in _SOURCES if (folder / source / package).is_dir()]
    return found[0] if found else None


def _missing(
    names: Iterable[str], packages: Sequence[Path], folder: Path, known: frozenset[str] | None, report: Report
) -> Iterator[Violation]:
    """Yield modules and data files that the wheel lacks; files that git does not track are leftovers of some tool."""
    parents = {package.name: package.parent.relative_to(folder).as_posix() for package in packages}
    for name in names:
        place = (PurePosixPath(parents[name.partition("/")[0]]) / name).as_posix()
        if known is None or place in known:
            is_module = name.endswith((".py", ".pyi"))
            tests = _TESTS & set(PurePosixPath(name).parts[1:-1]) or PurePosixPath(name).name.startswith("test_")
            if is_module and tests:
                continue  # leaving tests out of a package is a choice
            yield report("PP705" if is_module else "PP706", f"the wheel lacks {place}")
