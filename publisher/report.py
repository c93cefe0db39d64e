"""What a publishing run did, or would do, to each file."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from publisher.dists import Distribution
from publisher.pyproject import Source
from publisher.urls import IndexUrl


class State(enum.StrEnum):
    """What became of a file."""

    UPLOADED = "uploaded"
    ALREADY_THERE = "already-there"
    """The index had exactly these bytes."""
    SKIPPED = "skipped"
    """The index has a file of that name with other contents, and it was to be left as it is."""
    WOULD_UPLOAD = "would-upload"


@dataclass(frozen=True)
class FileReport:
    """
    One file: its size in bytes, its SHA-256 digest in hexadecimal, and what became of it.

    ``url`` is where the index serves it, as far as it was asked.
    """

    distribution: Distribution
    size: int
    sha256: str
    state: State
    url: str | None = None


@dataclass(frozen=True)
class Report:
    """One run against one index."""

    index: IndexUrl
    files: Sequence[FileReport]
    dry_run: bool = False
    unchanged: Sequence[Source] = ()
    """Projects that were not built, because the index has their version and they were not changed since."""

    @property
    def releases(self) -> list[Distribution]:
        """One distribution of each project and version, in the order of the files."""
        return list(
            {(file.distribution.name, file.distribution.version): file.distribution for file in self.files}.values()
        )

    def install_command(self, release: Distribution) -> str:
        """Return the line that installs a release from this index."""
        return f"pip install --index-url {self.index.simple} {release.name}=={release.version}"

    def as_json(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it; the keys are what other programs rely on."""
        return {
            "index-url": self.index.root,
            "dry-run": self.dry_run,
            "published": any(file.state is State.UPLOADED for file in self.files),
            "projects": [
                {
                    "name": release.display_name,
                    "normalized-name": release.name,
                    "version": str(release.version),
                    "url": self.index.project_page(release.name),
                    "install": self.install_command(release),
                }
                for release in self.releases
            ],
            "unchanged": [{"name": source.name, "version": str(source.version)} for source in self.unchanged],
            "files": [
                {
                    "filename": file.distribution.filename,
                    "path": str(file.distribution.path),
                    "kind": file.distribution.kind.value,
                    "project": file.distribution.name,
                    "version": str(file.distribution.version),
                    "size": file.size,
                    "sha256": file.sha256,
                    "status": file.state.value,
                    "url": file.url,
                }
                for file in self.files
            ],
        }


def files_as_json(distributions: Iterable[Distribution]) -> list[dict[str, Any]]:
    """Return what ``build --json`` and ``check --json`` say of files that were not compared with any index."""
    return [
        {
            "filename": distribution.filename,
            "path": str(distribution.path),
            "kind": distribution.kind.value,
            "project": distribution.name,
            "version": str(distribution.version),
            "size": distribution.path.stat().st_size,
        }
        for distribution in distributions
    ]
