"""The public packages of an index on this machine, without its server."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from publisher.cli.options.public_packages import PublicPackagesArgs
from publisher.cli.options.server import ServeArgs
from publisher.cli.run.admin.local_audit import local_sender, write_here
from publisher.cli.run.admin.upstream_settings import chosen_upstream
from publisher.errors import ConfigurationError, IndexUnavailableError
from publisher.server.app import create_app
from publisher.server.routes.public.admin import event_of
from publisher.server.settings import CLIENT_NAME, ServerSettings, UpstreamSettings
from publisher.server.storage.base import Storage
from publisher.server.storage.errors import StorageError
from publisher.server.storages import open_storages
from publisher.server.upstream import lock_files
from publisher.server.upstream.admin import InvalidRequestError, UpstreamAdmin
from publisher.server.upstream.admin_requests import AdminRequests
from publisher.server.upstream.errors import UpstreamError
from publisher.server.upstream.ownership import ReservedOnly
from publisher.server.upstream.policy.records import NoRecords
from publisher.server.upstream.service import Upstream


class PublicPackagesHere:
    """Answers requests in this process; one event loop for all of them."""

    def __init__(self, runner: asyncio.Runner, requests: AdminRequests, credentials: Storage | None) -> None:
        self._credentials = credentials
        self._runner = runner
        self._requests = requests

    def show(self, path: str) -> dict[str, Any]:
        """Answer ``projects`` or ``why/NAME/VERSION``."""
        return self._run(lambda: self._requests.show(path))

    def change(self, path: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Run the command that the path names; write it to the audit trail, unless this is a cache alone."""
        sender = local_sender()

        async def work() -> Any:
            done = await self._requests.change(path, values, sender.name)
            event = event_of(path, {**values, **done}, sender)
            if event is not None and self._credentials is not None:
                await write_here(self._credentials, event)
            return done

        return self._run(work)

    def _run(self, ask: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
        async def answer() -> dict[str, Any]:
            return dict(await ask())

        try:
            return self._runner.run(answer())
        except InvalidRequestError as error:
            raise ConfigurationError(str(error)) from error
        except (UpstreamError, StorageError) as error:
            raise IndexUnavailableError(error.message) from error


@contextmanager
def opened(place: PublicPackagesArgs) -> Iterator[PublicPackagesHere]:
    """Open the folders of an index, or a cache alone."""
    settings = chosen_upstream(
        ServeArgs(
            root=(place.root,) if place.root is not None else (),
            upstream=place.upstream,
            upstream_cache=place.upstream_cache,
            upstream_policy=place.upstream_policy,
            cooldown=place.cooldown,
        )
    )
    if settings is None:
        raise ConfigurationError("No upstream is set.", hint="Pass --upstream public, as for serve.")
    with asyncio.Runner() as runner:
        start, stop, requests, credentials = runner.run(_parts(place, settings))
        runner.run(start())
        try:
            yield PublicPackagesHere(runner, requests, credentials)
        finally:
            runner.run(stop())


def read_pinned(path: Path) -> list[lock_files.PinnedPackage]:
    """Return the packages of a lock file; raises ConfigurationError."""
    return lock_files.read_pinned(path)


_Step = Callable[[], Any]


_Parts = tuple[_Step, _Step, AdminRequests, Storage | None]


async def _parts(place: PublicPackagesArgs, settings: UpstreamSettings) -> _Parts:
    """Return how to start and stop, the requests, and the storage of the accounts, of an index or of a cache alone."""
    reserved = tuple(os.environ.get("PYPI_INDEX_RESERVE", "").split())
    if place.root is None:
        upstream = Upstream(settings, NoRecords(), ReservedOnly((CLIENT_NAME, *reserved)))
        return upstream.start, upstream.stop, AdminRequests(UpstreamAdmin(upstream), _no_names, ()), None
    index = ServerSettings(
        roots=(place.root,), htpasswd=place.htpasswd, state=place.state, reserved=reserved, upstream=settings
    )
    app = create_app(index, "none")
    requests = app.admin_requests()
    assert requests is not None, "there is an upstream"  # noqa: S101 - for the type checker
    return app.start, app.stop, requests, open_storages(index).credentials


async def _no_names() -> list[str]:
    return []
