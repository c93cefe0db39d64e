"""The projects and URL paths of the files in the package folders, kept up with scans and uploads."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from publisher.server.names.filenames import SIGNATURE, Guess, guess
from publisher.server.store.projects import Project
from publisher.server.store.scan import DirectoryListing, Listings, differences
from publisher.server.store.snapshot.encoding import Snapshot

_KEPT_PATHS = 4096

_SHARE = 50_000
"""About how many files that a scan has found are grouped by project at a time."""


class FolderContents:
    """All projects by normalized name; changed in the event loop only."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.projects: dict[str, Project] = {}
        self.revision = 0
        """Grows whenever a project comes or goes."""
        self.listings: dict[str, DirectoryListing] = {}
        self.unnoted: set[str] = set()
        """Names that have files and were not claimed yet."""
        self.unrecorded: set[str] = set()
        """Names that a scan found files of, which may have no record yet."""
        self._roots = tuple(map(str, roots))
        self._prefixes: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        """Paths by URL path that were asked for since the last change."""
        self._withheld: set[tuple[str, str]] = set()
        """The directory and name of each file that is here and not durable."""
        self._newest_scan = 0
        self._removed: dict[tuple[str, str], int] = {}
        """The directory and name of files that are known to be gone, with how many scans had begun by then."""
        self._unlisted_uploads: dict[tuple[str, str], int] = {}
        """The directory and name of each upload that no scan has listed yet, with how many scans had begun by then."""

    def path_of(self, url_path: str) -> str | None:
        """Return the path of the file of a URL path, or None for a file that is not listed."""
        path = self._paths.get(url_path)
        if path is None:
            path = self._look_up(url_path)
            if path is not None and len(self._paths) < _KEPT_PATHS:
                self._paths[url_path] = path
        return path

    def _look_up(self, url_path: str) -> str | None:
        prefix, _, filename = url_path.rpartition("/")
        for root in self._roots:
            directory = f"{root}{os.sep}{prefix.replace('/', os.sep)}" if prefix else root
            if self._has(directory, filename):
                return f"{directory}{os.sep}{filename}" if _guess(filename) is not None else None
        return None

    def _has(self, directory: str, filename: str) -> bool:
        """Return whether a directory has a file, as far as is known, that may be shown."""
        place = directory, filename
        if place in self._withheld or place in self._removed:
            return False
        listing = self.listings.get(directory)
        return (listing is not None and filename in listing.files) or place in self._unlisted_uploads

    def url_path(self, directory: str, filename: str) -> str:
        """Return the path of a file below ``/packages/``, relative to its root as in pypiserver."""
        prefix = self._prefixes.get(directory)
        if prefix is None:
            prefix = self._prefixes[directory] = self._url_prefix(directory)
        return prefix + filename

    def directories_of(self, filename: str) -> list[str]:
        """Return every directory that has a file of a name."""
        return [directory for directory, listing in self.listings.items() if filename in listing.files]

    def apply(self, number: int, listings: dict[str, DirectoryListing]) -> bool:
        """Take over the result of a scan; return False, and change nothing, after one that began later."""
        if not self.supersede(number):
            return False
        self._paths.clear()
        known = set(self._unlisted_uploads)
        gone = list(self._vanished_uploads(number, listings))
        for directory, came, went in differences(self.listings, listings):
            gone += [(directory, filename) for filename in went]
            # a file that the scan found may be gone now
            removed = (
                {each for each in came if number <= self._removed.get((directory, each), 0)} if self._removed else ()
            )
            uploaded = {each for each in came if (directory, each) in known} if known else ()
            self._insert_all(directory, came.difference(removed, uploaded))
        for directory, filename in gone:
            self._remove(directory, filename)
        self.listings = listings
        self._removed = {place: begun for place, begun in self._removed.items() if begun >= number}
        for _, filename in gone:  # a file of the same name in another folder takes its place
            for directory in self.directories_of(filename):
                self._insert(directory, filename)
        return True

    def restore(self, snapshot: Snapshot) -> None:
        """Begin with the state of an earlier process; the first scan updates it."""
        for directory, places in snapshot.places.items():
            for name, filenames in places.items():
                project = self.projects.get(name)
                if project is None:
                    project = self.projects[name] = Project(name)
                for filename in filenames:
                    project.places.setdefault(filename, directory)
        self.listings = dict(snapshot.listings)
        self.revision += 1
        self.unnoted |= self.projects.keys()

    def to_save(self) -> list[Project] | None:
        """Return the projects for a snapshot; None while memory has changes that no scan has seen."""
        if self._removed or self._withheld or self._unlisted_uploads:
            return None
        return list(self.projects.values())

    def supersede(self, number: int) -> bool:
        """Have scans that began earlier change nothing; return False after one that began later."""
        if number < self._newest_scan:
            return False
        self._newest_scan = number
        return True

    def add_upload(self, directory: str, filename: str, begun_scans: int) -> None:
        """Insert an uploaded file before any scan has seen it."""
        self._paths.clear()
        self._withheld.discard((directory, filename))
        self._removed.pop((directory, filename), None)
        self._insert(directory, filename)
        self._unlisted_uploads[directory, filename] = begun_scans

    def remove(self, directory: str, filename: str, begun_scans: int) -> None:
        """Remove a file before any scan has missed it."""
        self._paths.clear()
        self._unlisted_uploads.pop((directory, filename), None)
        self._removed[directory, filename] = begun_scans
        self._remove(directory, filename)

    def withhold(self, directory: str, filename: str) -> None:
        """Leave a file out until it is released."""
        self._paths.clear()
        self._withheld.add((directory, filename))
        self._remove(directory, filename)

    def release(self, directory: str, filename: str) -> None:
        """List a file that was left out, if it is there."""
        self._paths.clear()
        self._withheld.discard((directory, filename))
        if directory in self.listings and filename in self.listings[directory].files:
            self._insert(directory, filename)

    def _vanished_uploads(self, number: int, listings: Listings) -> Iterator[tuple[str, str]]:
        """Yield the directory and name of uploads that were removed before any scan has listed them."""
        for (directory, filename), begun in list(self._unlisted_uploads.items()):
            if number > begun:  # else the scan may have read the directory before the file was there
                del self._unlisted_uploads[directory, filename]
                if directory not in listings or filename not in listings[directory].files:
                    yield directory, filename

    def _insert(self, directory: str, filename: str) -> Project | None:
        """List a file, and return its project; None for a signature, a file of no project, and one that is withheld."""
        guessed = guess(filename)
        if guessed is None or (self._withheld and (directory, filename) in self._withheld):
            return None
        project = self.projects.get(guessed.project)
        if project is None:
            project = self.projects[guessed.project] = Project(guessed.project)
            self.revision += 1
            self.unnoted.add(project.name)
        if self._place(project, filename, directory):
            project.forget()
        return project

    def _place(self, project: Project, filename: str, directory: str) -> bool:
        """Note where a file is; of two with one URL path that of the earlier root counts, as for a download."""
        if project.place(filename, directory):
            return True
        other = project.places[filename]
        if self.url_path(other, filename) != self.url_path(directory, filename):
            return False
        if self._root(other) < self._root(directory):
            return False
        project.displace(filename)
        return project.place(filename, directory)

    def _insert_all(self, directory: str, filenames: Collection[str]) -> None:
        """List files that a scan has found; wheels whose names begin alike are of one project, which is found once."""
        shares: list[list[str]] = [[] for _ in range(1 + len(filenames) // _SHARE)]
        for filename in filenames:
            shares[hash(filename.partition("-")[0]) % len(shares)].append(filename)
        while shares:  # so that the groups of one share take the memory that those of the one before have left
            self._insert_share(directory, shares.pop())

    def _insert_share(self, directory: str, filenames: Iterable[str]) -> None:
        alike: dict[str, list[str]] = {}
        for filename in filenames:
            beginning, _, rest = filename.partition("-")
            if filename.endswith(".whl") and "-" in rest and not self._withheld:
                alike.setdefault(beginning, []).append(filename)
            else:
                self._insert_scanned(directory, filename)
        while alike:  # a project at a time: those that grow in turn leave holes in the memory
            _, wheels = alike.popitem()
            project = self._insert_scanned(directory, wheels[0])
            if project is not None:
                for filename in wheels[1:]:
                    self._place(project, filename, directory)

    def _insert_scanned(self, directory: str, filename: str) -> Project | None:
        """List a file that a scan has found, which may have no record, and return its project."""
        project = self._insert(directory, filename)
        if project is not None:
            project.forget()
            self.unrecorded.add(project.name)
        return project

    def _remove(self, directory: str, filename: str) -> None:
        guessed = guess(filename)
        if guessed is None:
            return
        project = self.projects.get(guessed.project)
        if project is None or project.places.get(filename) != directory:
            return
        project.displace(filename)
        project.forget()
        if not project.places:
            del self.projects[project.name]
            self.revision += 1

    def _url_prefix(self, directory: str) -> str:
        root = self._roots[self._root(directory)]
        below = directory[len(root) + 1 :].replace(os.sep, "/")
        return below and f"{below}/"

    def _root(self, directory: str) -> int:
        """Return the number of the first root that a directory is, or is below."""
        for number, root in enumerate(self._roots):
            if directory == root or directory.startswith(root + os.sep):
                return number
        raise AssertionError("a scan reads below the roots only")


def _guess(filename: str) -> Guess | None:
    """Return the parsed name of a file, or of the file that it signs."""
    return guess(filename.removesuffix(SIGNATURE))


def file_count(projects: Mapping[str, Project]) -> int:
    """Return the number of listed files."""
    return sum(len(project.places) for project in list(projects.values()))
