"""The rule engine: `check` reports the violations that it finds, `publish` and `upload` enforce the same rules."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from publisher.checks.contents import check_contents, check_secrets
from publisher.checks.document import Document
from publisher.checks.metadata import check_metadata
from publisher.checks.rules import RULES
from publisher.checks.violations import Enforcement, Violation, in_order
from publisher.errors import CheckFailedError, ConfigurationError
from publisher.files.tables import table_at
from publisher.project.distributions import Distribution
from publisher.project.pyproject import FILENAME, read_pyproject

_SWITCHES = ("tool", "pypi-publish", "check", "ignore")


def check_source(folder: Path) -> list[Violation]:
    """
    Return the findings in a project's sources, by file and line, without a build or an index.

    Raises ConfigurationError when the folder has no pyproject.toml, or it can't be read from the disk.
    """
    return in_order(_find(folder))


def _find(folder: Path, *, schemas: bool = True) -> Iterator[Violation]:
    document = read_document(folder)
    if isinstance(document, Violation):
        yield document
        return
    from publisher.checks.sources import CHECKS  # noqa: PLC0415 - built files are checked without them

    found = [violation for check in CHECKS for violation in check(document)]
    if schemas:
        from publisher.checks.build_system import check_schemas  # noqa: PLC0415 - the same

        found += check_schemas(document, {violation.line for violation in found if violation.line is not None})
    found += _check_switches(document)
    yield from without_ignored(found, ignored_rules(document.data))


def check_files(distributions: Sequence[Distribution], folder: Path | None = None) -> list[Violation]:
    """
    Return the violations in built files; ``folder`` is the project that they were built from, where that is known.

    Raises ConfigurationError as `read_pyproject` does.
    """
    found = [*check_metadata(distributions), *check_contents(distributions, folder)]
    return [*without_ignored(found, project_ignores(folder) if folder else {})]


def enforce_source(folders: Iterable[Path]) -> list[Violation]:
    """
    Return warnings about the sources of projects that are about to be built.

    Raises CheckFailedError for anything that the backend, our index or installers would refuse, ConfigurationError when
    a project's file can't be read.
    """
    with_file = [folder for folder in folders if (folder / FILENAME).is_file()]  # others have a setup.py only
    return _enforce(violation for folder in with_file for violation in _find(folder, schemas=False))


def enforce_files(distributions: Sequence[Distribution], folder: Path | None = None) -> list[Violation]:
    """
    Return warnings about files that are about to be uploaded; ``folder`` is the project whose ignored rules count.

    Raises CheckFailedError for anything that our index or installers would refuse.
    """
    found = [*check_metadata(distributions), *check_secrets(distributions)]
    return _enforce(without_ignored(found, project_ignores(folder) if folder else {}))


def _enforce(violations: Iterable[Violation]) -> list[Violation]:
    found = in_order(violations)
    errors = [violation for violation in found if violation.rule.enforcement is Enforcement.ERROR]
    if errors:
        first = errors[0]
        raise CheckFailedError(
            "\n".join(map(str, errors)),
            hint=f"`pypi-publish check --explain {first.rule.code}` shows reason and remedy.",
            path=first.path if first.line else None,
            line=first.line,
        )
    return [violation for violation in found if violation.rule.enforcement is Enforcement.WARNING]


def read_document(folder: Path) -> Document | Violation:
    """
    Return a project's file, or the finding where it is not valid TOML.

    Raises ConfigurationError if it does not exist or can't be read.
    """
    path = folder / FILENAME
    if not path.is_file():
        raise ConfigurationError(f"{folder} has no {FILENAME}.", hint="Name the project's folder.", path=path)
    try:
        data = read_pyproject(folder)
    except ConfigurationError as error:
        if error.path is None:
            raise
        message = error.message.removeprefix(f"{path} is ").rstrip(".")
        return Violation(RULES["PP101"], path, message, error.line or 1)
    return Document(folder, path.read_text("utf-8"), data)


def without_ignored(violations: Iterable[Violation], ignored: Mapping[str, str]) -> Iterator[Violation]:
    """Return violations of the rules that a project does not turn off."""
    return (violation for violation in violations if violation.rule.code not in ignored)


def ignored_rules(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the codes of the rules that a project turns off, each with its reason; without a reason it stays on."""
    table = table_at(data, ".".join(_SWITCHES))
    return {code: reason for code, reason in table.items() if isinstance(reason, str) and reason.strip()}


def project_ignores(folder: Path) -> dict[str, str]:
    """Return the `ignored_rules` of a project's folder; raises ConfigurationError as `read_pyproject` does."""
    return ignored_rules(read_pyproject(folder))


def _check_switches(document: Document) -> Iterator[Violation]:
    for code, reason in table_at(document.data, ".".join(_SWITCHES)).items():
        if code not in RULES:
            yield document.violation("PP508", (*_SWITCHES, code), f"unknown rule {code}")
        elif not (isinstance(reason, str) and reason.strip()):
            yield document.violation("PP508", (*_SWITCHES, code), f"{code} is turned off without a reason")
