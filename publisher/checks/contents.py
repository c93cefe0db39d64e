"""Checks of the contents of built files: secrets, missing modules, leftovers."""

import csv
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from publisher.checks.metadata import Report, reporter
from publisher.checks.violations import Violation
from publisher.errors import InvalidDistributionError
from publisher.project.archives import readable
from publisher.project.display import human_size
from publisher.project.distributions import Distribution, dist_info
from publisher.project.git import tracked_files
from publisher.project.kinds import Kind

SIZE_LIMIT = 100 * 10**6
"""Bytes; the limit of the Python Package Index."""

_SECRET = re.compile(
    r"(^|/)(\.pypirc|\.netrc|_netrc|\.env|\.envrc|\.git-credentials"
    r"|id_(rsa|dsa|ecdsa|ed25519)(_sk)?|[^/]+\.(p12|pfx|keystore))$",
    re.IGNORECASE,
)
_FUNCTION = re.compile(rb"^[ \t]*(async[ \t]+)?def[ \t]+\w+[ \t]*\(", re.MULTILINE)
_PARAMETER = re.compile(rb"\w\s*:\s*\w")
_PARAMETERS = 2000
"""Bytes of a function's parameters that are looked at."""
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
        if distribution.size > SIZE_LIMIT:
            yield report("PP714", f"the file is {human_size(distribution.size)}")
        yield from _find_secrets(distribution.files, report)
        if distribution.kind is Kind.WHEEL:
            try:
                yield from _check_wheel(distribution, report)
                if can_look_into_wheels():
                    yield from _check_with_library(distribution, folder, report)
            except InvalidDistributionError as error:
                yield report("PP719", error.message)


def check_secrets(distributions: Iterable[Distribution]) -> Iterator[Violation]:
    """Check that files contain no secrets."""
    for distribution in distributions:
        yield from _find_secrets(distribution.files, reporter(distribution))


def _find_secrets(names: Iterable[str], report: Report) -> Iterator[Violation]:
    """Find files with secrets, except keys in folders of tests."""
    for name in dict.fromkeys(names):
        if _SECRET.search(name) and _TESTS.isdisjoint(PurePosixPath(name).parts[:-1]):
            yield report("PP713", f"it contains {name}")


def _check_wheel(wheel: Distribution, report: Report) -> Iterator[Violation]:
    names, folder = set(wheel.files), dist_info(wheel.files, wheel.file)
    for name in wheel.fields.get("license_files", []):
        if not any(f"{folder}/{below}{name}" in names for below in ("licenses/", "license_files/", "")):
            yield report("PP715", f"it lacks the license file {name}")
    for package in _annotated(wheel.path, _untyped(wheel.files)):
        yield report("PP710", f"the package {package} has annotations but no py.typed")


def _untyped(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the modules of each package without ``py.typed``."""
    packages: set[str] = set()
    typed: set[str] = set()
    modules: dict[str, list[str]] = defaultdict(list)
    for name in names:
        top, _, below = name.partition("/")
        if below == "__init__.py" and not top.endswith("-stubs"):
            packages.add(top)
        if name.endswith("/py.typed"):
            typed.add(top)
        if name.endswith(".py"):
            modules[top].append(name)
    return {package: modules[package] for package in sorted(packages - typed)}


def _annotated(path: Path, packages: dict[str, list[str]]) -> Iterator[str]:
    """Yield packages in which at least half of the modules with functions have annotated ones."""
    with readable("zip file"), zipfile.ZipFile(path) as archive:
        for package, modules in packages.items():
            texts = (text for name in modules if b"def " in (text := archive.read(name)))
            found = [_has_annotations(text) for text in texts]
            if found and sum(found) * 2 >= len(found):
                yield package


def _has_annotations(text: bytes) -> bool:
    """Return whether a function of a module has annotations; only the beginning of long parameters is looked at."""
    for function in _FUNCTION.finditer(text):
        parameters, end, rest = text[function.end() : function.end() + _PARAMETERS].partition(b")")
        if (end and rest.lstrip().startswith(b"->")) or _PARAMETER.search(parameters):
            return True
    return False


def _check_with_library(wheel: Distribution, folder: Path | None, report: Report) -> Iterator[Violation]:
    from check_wheel_contents.checker import WheelChecker  # noqa: PLC0415, TID251 - the only door to it
    from check_wheel_contents.contents import WheelContents  # noqa: PLC0415, TID251 - the only door to it
    from check_wheel_contents.errors import WheelValidationError  # noqa: PLC0415, TID251 - the only door to it

    _require_few_rows(wheel)
    checker = WheelChecker()
    with readable("zip file"):
        try:
            contents = WheelContents.from_wheel(wheel.path)
            contents.validate_tree()
        except (WheelValidationError, ValueError) as error:  # whatever its models do not accept
            raise InvalidDistributionError(str(error).splitlines()[0].rstrip(".")) from error
        except (TypeError, csv.Error) as error:  # for example a file in place of a folder
            raise InvalidDistributionError("RECORD is not valid") from error
        found = checker.check_contents(contents)
    for failed in found:
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


def _require_few_rows(wheel: Distribution) -> None:
    """Raise InvalidDistributionError for a RECORD of far more rows than files, which would fill the memory."""
    with readable("zip file"), zipfile.ZipFile(wheel.path) as archive:
        rows = archive.read(f"{dist_info(wheel.files, wheel.file)}/RECORD").count(b"\n")
    if rows > 2 * len(wheel.files) + 100:
        raise InvalidDistributionError(f"RECORD has {rows} lines for a wheel of {len(wheel.files)} files")


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
