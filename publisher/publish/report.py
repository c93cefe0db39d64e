"""The outcome of a publishing run for each file."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from packaging.utils import NormalizedName
from packaging.version import Version

from publisher.client.url import IndexUrl
from publisher.project.distributions import DistName, Distribution
from publisher.project.install_lines import OWN_NAME, install_lines
from publisher.project.kinds import Kind


class State(enum.StrEnum):
    """The outcome for a file."""

    UPLOADED = "uploaded"
    ALREADY_THERE = "already-there"
    """The index had exactly these bytes."""
    SKIPPED = "skipped"
    """The index has a file of that name with other contents, and it was to be left as it is."""
    WOULD_UPLOAD = "would-upload"
    UNCHANGED = "unchanged"
    """The index has it, and the project was not changed since, so it was not built again."""


@dataclass(frozen=True)
class Release:
    """
    A version of a project; ``name`` is normalized, ``display_name`` is how its author writes it.

    ``dependencies`` are the names that it always requires; None if unknown.
    """

    name: NormalizedName
    version: Version
    display_name: str = field(compare=False)
    dependencies: Sequence[str] | None = field(default=None, compare=False)


class FileReport(NamedTuple):
    """
    One file: its release, its outcome, its size in bytes and its SHA-256 digest in hexadecimal.

    ``path`` is None for a file that was not built; ``size`` and ``sha256`` are None if the index does not report them
    either. ``url`` is its URL on the index, None if the index was not asked.
    """

    file: DistName
    release: Release
    state: State
    size: int | None
    sha256: str | None
    path: Path | None = None
    url: str | None = None


class Report(NamedTuple):
    """One run against one index."""

    url: IndexUrl
    files: Sequence[FileReport]
    dry_run: bool = False
    passes_on: bool = False
    """Whether the index is known to serve public packages too."""

    @property
    def is_complete(self) -> bool:
        """Whether the index now has all files as they are here."""
        return all(file.state in {State.UPLOADED, State.ALREADY_THERE, State.UNCHANGED} for file in self.files)

    @property
    def handled(self) -> list[FileReport]:
        """The files that were built, or given."""
        return [file for file in self.files if file.state is not State.UNCHANGED]

    @property
    def releases(self) -> list[Release]:
        """The releases of the built or given files, without duplicates, in the order of the files."""
        return list(dict.fromkeys(file.release for file in self.handled))

    @property
    def unchanged(self) -> list[Release]:
        """The releases that were not built, because the index has them and nothing was changed since."""
        return list(dict.fromkeys(file.release for file in self.files if file.state is State.UNCHANGED))

    def install_lines(self, release: Release) -> list[str]:
        """Return the lines that install a release from this index, the best first."""
        if release.name == OWN_NAME:  # never by its bare name, which anyone may register on the public index
            wheels = [each.url for each in self.files if each.release == release and each.file.kind is Kind.WHEEL]
            source = next(filter(None, wheels), None)
            if source is None:
                return [f"# {self.url.root} shows the lines that install it"]
            return [f"uv tool install --with-executables-from keyring '{OWN_NAME} @ {source}'"]
        requirement = f"{release.name}=={release.version}"
        return install_lines(
            self.url.simple, requirement, dependencies=release.dependencies, proxies_public=self.passes_on
        )

    def as_json(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it; other programs rely on the keys."""
        return {
            "index-url": self.url.root,
            "dry-run": self.dry_run,
            "published": any(file.state is State.UPLOADED for file in self.files),
            "projects": [
                {
                    "name": release.display_name,
                    "normalized-name": release.name,
                    "version": str(release.version),
                    "url": self.url.project_page(release.name),
                    "install": self.install_lines(release)[0],
                    "unchanged": release not in self.releases,
                }
                for release in [*self.releases, *self.unchanged]
            ],
            "files": [
                {
                    "filename": file.file.text,
                    "path": None if file.path is None else str(file.path),
                    "kind": file.file.kind.value,
                    "project": file.file.name,
                    "version": str(file.file.version),
                    "size": file.size,
                    "sha256": file.sha256,
                    "status": file.state.value,
                    "url": file.url,
                }
                for file in self.files
            ],
        }


def files_as_json(distributions: Iterable[Distribution]) -> list[dict[str, Any]]:
    """
    Return the output of ``build --json`` and ``check --json``, for files that were not compared with an index.

    ``path`` is None for a file that was only built to be checked, and is gone.
    """
    return [
        {
            "filename": distribution.filename,
            "path": str(distribution.path) if distribution.path.exists() else None,
            "kind": distribution.kind.value,
            "project": distribution.name,
            "version": str(distribution.version),
            "size": distribution.size,
        }
        for distribution in distributions
    ]
