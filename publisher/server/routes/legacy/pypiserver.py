"""pypiserver, mounted behind our routes with our store as its backend; requests are authorized before they reach it."""

import argparse
import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import pypiserver  # noqa: TID251 - a door to pypiserver
from a2wsgi import WSGIMiddleware  # noqa: TID251 - the only door to a2wsgi
from pypiserver.backend import Backend  # noqa: TID251
from pypiserver.config import Config, RunConfig  # noqa: TID251
from pypiserver.core import PkgFile  # noqa: TID251

from publisher.server.names.filenames import guess
from publisher.server.routes.legacy.scope import READ_SCOPE
from publisher.server.settings import ServerSettings
from publisher.server.store.interface import PackageCatalog, PackageChanges
from publisher.server.store.metadata import read_metadata
from publisher.server.upstream.bottle_finder import remove_bottle_finder

remove_bottle_finder()


class StoreBackend(Backend):  # type: ignore[misc]  # pypiserver has no types
    """pypiserver's backend over the store; it runs in threads of the WSGI bridge."""

    def __init__(
        self,
        config: argparse.Namespace,
        catalog: PackageCatalog,
        changes: PackageChanges,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config)
        self._catalog = catalog
        self._changes = changes
        self._loop = loop

    def get_all_packages(self) -> Iterable[PkgFile]:
        """Return every listed file that the request's sender may see, without opening any."""
        scope = READ_SCOPE.get()
        return [
            package
            for directory, filename, url_path in self._catalog.locations()
            if (package := _package(directory, filename, url_path)) is not None and scope.shows(package.pkgname_norm)
        ]

    def find_project_packages(self, project: str) -> Iterable[PkgFile]:
        """Return the files of one project."""
        return [package for package in self.get_all_packages() if package.pkgname_norm == project]

    def get_projects(self) -> Iterable[str]:
        """Return the normalized names of all projects."""
        return READ_SCOPE.get().only(self._catalog.names())

    def exists(self, filename: str) -> bool:
        """Return whether a file of that name is listed."""
        guessed = guess(filename)
        return guessed is not None and READ_SCOPE.get().shows(guessed.project) and self._catalog.has_file(filename)

    def package_count(self) -> int:
        """Return how many files are listed."""
        scope = READ_SCOPE.get()
        return self._catalog.file_count if scope.is_everything else len(list(self.get_all_packages()))

    def digest(self, pkg: PkgFile) -> str | None:
        """Return the digest that is recorded, as pypiserver writes it into links."""
        guessed = guess(Path(pkg.fn).name) if pkg.fn else None
        project = self._catalog.project(guessed.project) if guessed else None
        if project is None:
            return None
        files = self._wait(self._catalog.files(project))
        file = files.get(Path(pkg.fn).name)
        return f"sha256={file.metadata.sha256}" if file else None

    def add_package(self, filename: str, stream: BinaryIO) -> None:
        """Take a file in as an upload is."""
        temporary = self._catalog.spool_folder / f"legacy-{filename}"
        temporary.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                while block := stream.read(2**20):
                    file.write(block)
            metadata = read_metadata(temporary, filename)
            self._wait(self._changes.upload(temporary, filename, metadata))
        finally:
            temporary.unlink(missing_ok=True)

    def remove_package(self, pkg: PkgFile) -> None:
        """Delete a file; its name stays reserved."""
        self._wait(self._changes.delete(pkg.pkgname_norm, pkg.version, Path(pkg.fn).name, None))

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _package(directory: str, filename: str, url_path: str) -> PkgFile | None:
    guessed = guess(filename)
    if guessed is None:
        return None
    path = f"{directory}/{filename}"
    return PkgFile(guessed.project, guessed.version, path, path.removesuffix(f"/{url_path}"), url_path)


class _Config(RunConfig):  # type: ignore[misc]  # pypiserver has no types
    """pypiserver's configuration with a backend that it did not make."""

    def __init__(self, backend: StoreBackend, **settings: Any) -> None:
        self._given_backend = backend
        super().__init__(**settings)

    def get_backend(self, arg: str) -> StoreBackend:  # noqa: ARG002 - pypiserver's signature
        return self._given_backend


def mount(settings: ServerSettings, catalog: PackageCatalog, changes: PackageChanges, workers: int) -> Any:
    """Return pypiserver's application as an ASGI application."""
    backend = StoreBackend(argparse.Namespace(hash_algo="sha256"), catalog, changes, asyncio.get_running_loop())
    defaults = dict(
        Config.default_with_overrides(
            roots=[root.absolute() for root in settings.roots] or [Path(catalog.spool_folder)]
        )
    )
    overrides = {
        "authenticate": [],  # the route table decides, before a request comes here
        "password_file": ".",
        "disable_fallback": True,  # names that are unknown are answered in front of it
        "overwrite": settings.overwrite,
    }
    config = _Config(backend, **{**defaults, **overrides})
    return WSGIMiddleware(pypiserver.app_from_config(config), workers=workers)
