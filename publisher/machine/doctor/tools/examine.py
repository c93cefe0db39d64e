"""Which tools are examined, and with which package they are tried."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from publisher.client.client import IndexClient
from publisher.client.url import IndexUrl
from publisher.errors import PublishError
from publisher.machine.doctor.credentials import Accepted
from publisher.machine.doctor.findings import Finding
from publisher.machine.doctor.tools.pdm import check_pdm
from publisher.machine.doctor.tools.pip import check_pip
from publisher.machine.doctor.tools.poetry import check_poetry
from publisher.machine.doctor.tools.sources import TOOLS, Candidate, Examined, ToolCheck
from publisher.machine.doctor.tools.twine import check_twine
from publisher.machine.doctor.tools.uv import check_uv

_CHECKS = (check_pip, check_uv, check_poetry, check_pdm, check_twine)
_LOOKED_AT = 20
"""How many projects of an index are looked at for one that has a wheel."""


def check_tools(url: IndexUrl, folder: Path, accepted: Accepted | None) -> Iterator[Finding]:
    """Yield what is found; with credentials that the index accepted, each tool that knows it is tried."""
    candidate = (yield from _find_candidate(url, accepted)) if accepted is not None else None
    examined = Examined(url, folder, candidate)
    known = []
    with ThreadPoolExecutor() as pool:  # each tool takes seconds, most of them to start
        for findings, knows_it in pool.map(lambda check: _run(check(examined)), _CHECKS):
            yield from findings
            known.append(knows_it)
    if True not in known and False in known:
        yield TOOLS.warning(
            "configured",
            "None of the tools on this machine knows the index.",
            "Set up those that you use: `pypi-publish config --all --write`.",
        )


def _run(check: ToolCheck) -> tuple[list[Finding], bool | None]:
    """Return what a check yields, and then what it returns."""
    findings = []
    while True:
        try:
            findings.append(next(check))
        except StopIteration as end:
            return findings, end.value


def _find_candidate(url: IndexUrl, accepted: Accepted) -> Generator[Finding, None, Candidate | None]:
    """Return a package to try the tools with, one with a wheel if there is any: nothing is built for a trial."""
    try:
        with closing(IndexClient(url, accepted.credentials)) as connection:
            names = [canonicalize_name(name) for name in connection.projects()]
            for name in names[:_LOOKED_AT]:
                if versions := _installable(
                    file.filename for file in connection.files(name).values() if not file.yanked
                ):
                    return Candidate(name, str(max(versions)), frozenset(map(str, versions)))
    except PublishError as error:
        yield TOOLS.problem("candidate", error.message, error.hint)
        return None
    yield TOOLS.note("candidate", "The index has no wheel to try the tools with yet.")
    return None


def _installable(filenames: Iterator[str]) -> set[Version]:
    """Return the versions that a project has, if its newest one has a wheel that every machine can install."""
    versions: set[Version] = set()
    pure: set[Version] = set()
    for filename in filenames:
        try:
            _, version, _, tags = parse_wheel_filename(filename)
            if any(tag.platform == "any" and tag.interpreter.startswith("py3") for tag in tags):
                pure.add(version)
        except InvalidWheelFilename:
            try:
                _, version = parse_sdist_filename(filename)
            except InvalidSdistFilename:
                continue
        versions.add(version)
    return versions if versions and max(versions) in pure else set()
