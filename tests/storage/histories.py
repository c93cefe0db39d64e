"""Random histories of an index with several writers and faults, checked against the answers that its clients got."""

import asyncio
import hashlib
import random
from collections import defaultdict
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from publisher.server.auth import hashes
from publisher.server.auth.htpasswd import Users
from publisher.server.settings import ServerSettings
from publisher.server.storage.base import Storage
from publisher.server.storage.errors import StorageError
from publisher.server.storage.folder import FolderStorage
from publisher.server.storage.volume import VolumeStorage, VolumeTimes
from publisher.server.store.catalog import Catalog
from publisher.server.store.changes import ReleaseChanges
from publisher.server.store.errors import StoreError
from publisher.server.store.metadata import FileMetadata
from publisher.server.store.owned_names import StateLog
from publisher.server.store.projects import StoredFile
from tests.modal.volumes import Trouble
from tests.storage.worlds import Containers

QUICK = VolumeTimes(patience=1.0, lease=0.3, longest_commit=0.2, recent=0.05, retry_commit=0.05)
NAMES = ("acme", "other")
OPERATIONS = 14


@dataclass
class Answers:
    """Answers to clients: acknowledged digests by file, attempted and done deletions, yanks, accounts."""

    stored: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    touched: set[tuple[str, str]] = field(default_factory=set)
    deleted: set[tuple[str, str]] = field(default_factory=set)
    yanked: dict[tuple[str, str], bool | None] = field(default_factory=dict)
    running: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    begun: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    accounts: set[str] = field(default_factory=set)
    published: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


class Server:
    """One process or container: store, accounts and owned names over its view of the storages."""

    def __init__(self, packages: Storage, credentials: Storage) -> None:
        self.packages, self.credentials = packages, credentials
        assert isinstance(packages, FolderStorage | VolumeStorage)
        assert isinstance(credentials, FolderStorage | VolumeStorage)
        htpasswd = credentials.root / "htpasswd"
        settings = ServerSettings((packages.root,), htpasswd, fallback_url="http://elsewhere.invalid/")
        self.catalog = Catalog(settings, packages, StateLog(credentials, "htpasswd.state"))
        self.changes = ReleaseChanges(settings, self.catalog, packages)
        self.users = Users(htpasswd, starts_without=True)

    def key_of(self, file: StoredFile) -> str:
        """Return the key of a file's bytes in the package storage."""
        return file.filename

    async def stop(self) -> None:
        await self.packages.stop()
        await self.credentials.stop()
        self.catalog.close()


class Folders:
    """Processes on two folders."""

    def __init__(self, place: Path) -> None:
        self._roots = place / "packages", place / "credentials"
        for root in self._roots:
            root.mkdir(parents=True)

    def server(self) -> Server:
        return Server(FolderStorage(self._roots[0], needs_dot_folder=True), FolderStorage(self._roots[1]))

    def fault(self, server: Server, chance: random.Random) -> None:
        """Do nothing: what can fail on one machine fails the process, which the history kills."""

    def kill(self, server: Server) -> None:
        """Do nothing: its tasks are cancelled."""

    def heal(self) -> None:
        """Do nothing."""


class Volumes:
    """Containers on two volumes."""

    def __init__(self, place: Path) -> None:
        self._worlds = Containers(place / "packages", QUICK), Containers(place / "credentials", QUICK)

    def server(self) -> Server:
        return Server(*(world.writer() for world in self._worlds))

    def fault(self, server: Server, chance: random.Random) -> None:
        """Let the next commits, reloads, or all calls of the dictionary fail."""
        world, storage = chance.choice([*zip(self._worlds, (server.packages, server.credentials), strict=True)])
        trouble = world.mounts[storage].trouble
        kind = chance.randrange(4)
        if kind == 0:
            trouble.failing_commits += chance.randrange(1, 3)
        elif kind == 1:
            trouble.failing_reloads += chance.randrange(1, 3)
        elif kind == 2:
            trouble.slow_reload = 0.01
        else:
            world.lines[storage].cut = not world.lines[storage].cut

    def trouble(self, packages: Storage) -> Trouble:
        """Return what is to go wrong with the packages of a server."""
        return self._worlds[0].mounts[packages].trouble

    def kill(self, server: Server) -> None:
        for world, storage in zip(self._worlds, (server.packages, server.credentials), strict=True):
            world.kill(storage)

    def heal(self) -> None:
        for world in self._worlds:
            for mount in world.mounts.values():
                mount.trouble.failing_reloads = 0
                if mount.trouble.failing_commits < 10**5:
                    mount.trouble.failing_commits = 0
                    world.lines[next(key for key, each in world.mounts.items() if each is mount)].cut = False


async def run_history(
    place: Path, seed: int, *, volume: bool = False, world: Any = None, writers: int = 2
) -> list[str]:
    """Run one history in an empty folder, or another world, and return what was wrong."""
    chance = random.Random(seed)
    world = world or (Volumes(place) if volume else Folders(place))
    place.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - once
    answers = Answers()
    servers = [world.server() for _ in range(writers)]
    all_servers = list(servers)
    for server in servers:
        await server.catalog.start()
    running: list[tuple[Server, asyncio.Task[None]]] = []
    for number in range(OPERATIONS):
        at = chance.randrange(writers)
        if chance.random() < 0.2:
            world.fault(servers[at], chance)
        if chance.random() < 0.1:
            killed = servers[at]
            world.kill(killed)
            for server, task in running:
                if server is killed:
                    task.cancel()
            servers[at] = world.server()
            all_servers.append(servers[at])
            await servers[at].catalog.start()
        work = _operation(servers[at], chance, answers, place / f"upload-{number}")
        running.append((servers[at], asyncio.create_task(work)))
        if chance.random() < 0.6:
            await asyncio.wait([task for _, task in running])
    await asyncio.wait([task for _, task in running])
    world.heal()
    for server in servers:
        await _settled(server)
    last = world.server()
    all_servers.append(last)
    await last.catalog.start()
    await _check(last, answers)
    for server in all_servers:
        await server.stop()
    return answers.faults


async def _settled(server: Server) -> None:
    for storage in (server.packages, server.credentials):
        task: asyncio.Task[None] | None = getattr(storage, "_unsettled", None)
        if task is not None:
            await asyncio.wait([task], timeout=5)


def _operation(server: Server, chance: random.Random, answers: Answers, temporary: Path) -> Any:
    name, version = chance.choice(NAMES), f"1.{chance.randrange(3)}"
    kind = chance.randrange(10)
    if kind < 5:
        data = chance.randbytes(1) if chance.random() < 0.5 else b"same"
        return _upload(server, answers, (name, version), data, temporary)
    if kind == 5:
        return _delete(server, answers, name, version)
    if kind in {6, 7}:
        return _yank(server, answers, name, version, yank=kind == 6)
    if kind == 8:
        return _register(server, answers, f"user{chance.randrange(100)}")
    return _look(server, answers, name)


async def _upload(server: Server, answers: Answers, release: tuple[str, str], data: bytes, temporary: Path) -> None:
    name = release[0]
    filename = f"{name}-{release[1]}-py3-none-any.whl"
    digest = hashlib.sha256(data).hexdigest()
    temporary.write_bytes(data)  # noqa: ASYNC240 - one byte
    with suppress(StorageError, StoreError):
        await server.changes.require_available()
        await server.changes.upload(temporary, filename, FileMetadata(len(data), 0, digest, "", uploader="ada"))
        answers.stored[filename].add(digest)
        answers.published.add(name)


async def _delete(server: Server, answers: Answers, name: str, version: str) -> None:
    answers.touched.add((name, version))
    with suppress(StorageError, StoreError):
        await server.changes.delete(name, version, None, "ada")
        answers.deleted.add((name, version))


async def _yank(server: Server, answers: Answers, name: str, version: str, *, yank: bool) -> None:
    release = name, version
    answers.running[release] += 1
    answers.begun[release] += 1
    alone, begun = answers.running[release] == 1, answers.begun[release]
    answers.yanked[release] = None  # not known until the answer, nor after two at a time or a failure
    with suppress(StorageError, StoreError):
        if yank:
            await server.changes.yank(name, version, "broken", "ada")
        else:
            await server.changes.unyank(name, version)
        if alone and answers.begun[release] == begun:
            answers.yanked[release] = yank
    answers.running[release] -= 1


async def _register(server: Server, answers: Answers, username: str) -> None:
    with suppress(StorageError):
        async with server.credentials.lease("accounts") as lease, server.credentials.writing(lease) as files:
            server.users.set_password(files, username, "correct horse")
        answers.accounts.add(username)


async def _look(server: Server, answers: Answers, name: str) -> None:
    """Ask as a client would: a published name never belongs to another index, and page and bytes agree."""
    published = name in answers.published
    with suppress(StorageError):
        project = await server.catalog.find(name)
        if project is None and published and not await server.catalog.is_owned(name):
            answers.faults.append(f"{name} was passed on")
        if project is not None:
            await _compare(server, answers, name)


async def _compare(server: Server, answers: Answers, name: str) -> None:
    project = server.catalog.project(name)
    files = await server.catalog.files(project) if project is not None else {}
    for filename, file in files.items():
        async with server.packages.reading() as storage:
            with suppress(LookupError):
                found = hashlib.sha256(storage.read(server.key_of(file))).hexdigest()
                if found != file.metadata.sha256:
                    answers.faults.append(f"{filename}: the page has another digest than the bytes")


async def _check(server: Server, answers: Answers) -> None:
    """Compare what a server that starts now has with the answers to clients; it can answer, for all is quiet."""
    try:
        await _compare_all(server, answers)
    except StorageError as error:
        answers.faults.append(f"no answer when all is quiet: {server.catalog.unavailable_reason or error.message}")


async def _compare_all(server: Server, answers: Answers) -> None:
    for filename, digests in answers.stored.items():
        name, version = filename.split("-")[:2]
        if len(digests) > 1:
            answers.faults.append(f"{filename} was acknowledged with {len(digests)} contents")
        project = await server.catalog.find(name)
        files = await server.catalog.files(project) if project is not None else {}
        release = name, version
        if release in answers.deleted and filename in files:
            answers.faults.append(f"{filename} is back after it was deleted")
        if release not in answers.touched:
            if filename not in files:
                answers.faults.append(f"{filename} was acknowledged and is lost")
            elif files[filename].metadata.sha256 not in digests:
                answers.faults.append(f"{filename} has other bytes than were acknowledged")
            elif answers.yanked.get(release) not in {None, files[filename].yanked is not None}:
                answers.faults.append(f"{filename}: a yank or its undoing is lost")
    for name in answers.published:
        await _compare(server, answers, name)
        if not await server.catalog.is_owned(name):
            answers.faults.append(f"{name} is not owned")
    await server.credentials.refresh()
    async with server.credentials.reading() as kept:
        lost = answers.accounts - set(server.users.names(kept))
    answers.faults += [f"the account {username} is lost" for username in lost]


async def with_cheap_passwords(work: Awaitable[list[str]]) -> list[str]:
    """Run a history whose passwords cost no bcrypt."""
    make, verify = hashes.make, hashes.verify
    hashes.make = lambda _: "{SHA}x"  # type: ignore[assignment]
    hashes.verify = lambda *_: True
    try:
        return await work
    finally:
        hashes.make, hashes.verify = make, verify
