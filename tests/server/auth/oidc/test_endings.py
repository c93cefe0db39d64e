"""The end of publishers: removed, and their tokens revoked for as long as one may live."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from publisher.server.auth.oidc.endings import publisher_endings
from publisher.server.auth.oidc.errors import UnknownPublisherError
from publisher.server.auth.oidc.minted_tokens import REVOKED_FOR
from publisher.server.auth.oidc.publishers import Publisher, create_publisher
from publisher.server.auth.oidc.registry import PublisherRegistry
from publisher.server.auth.revocations import Revocations
from publisher.server.storage.folder import FolderStorage


def publisher(repository: str, voucher: str | None) -> Publisher:
    settings: dict[str, Any] = {"repository": repository, "workflow": "publish.yml"}
    return create_publisher({"kind": "github", "settings": settings, "projects": ["acme-widgets"]}, voucher)


async def add(storage: FolderStorage) -> list[Publisher]:
    registry = PublisherRegistry(storage)
    given = (("acme/one", "ada"), ("acme/two", "bob"), ("acme/three", "ada"), ("acme/four", None))
    return [await registry.add(publisher(*each)) for each in given]


def revoked(folder: Path) -> dict[str, float]:
    path = folder / "tokens" / "revoked"
    found: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    return found


def test_a_removed_publisher_and_its_tokens_are_at_their_end(tmp_path: Path) -> None:
    async def work() -> None:
        storage = FolderStorage(tmp_path)
        one, *others = await add(storage)
        before = time.time()
        assert await publisher_endings(storage).remove(one.name) == one
        assert [each.name for each in await PublisherRegistry(storage).all()] == [each.name for each in others]
        (end,) = revoked(tmp_path).values()
        assert before <= end - REVOKED_FOR <= time.time()
        assert await Revocations(storage).is_revoked(one.serial)
        assert not await Revocations(storage).is_revoked(others[0].serial)

    asyncio.run(work())


def test_the_end_of_an_account_is_that_of_all_it_vouches_for(tmp_path: Path) -> None:
    async def work() -> None:
        storage = FolderStorage(tmp_path)
        one, two, three, four = await add(storage)
        endings = publisher_endings(storage)
        assert await endings.remove_of("ada") == ["acme/one (publish.yml)", "acme/three (publish.yml)"]
        assert set(revoked(tmp_path)) == {one.serial, three.serial}
        assert [each.name for each in await PublisherRegistry(storage).all()] == [two.name, four.name]
        assert await endings.remove_of("ada") == []

    asyncio.run(work())


def test_an_unknown_publisher_ends_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        storage = FolderStorage(tmp_path)
        await add(storage)
        with pytest.raises(UnknownPublisherError):
            await publisher_endings(storage).remove("another")
        assert len(await PublisherRegistry(storage).all()) == 4

    asyncio.run(work())
    assert revoked(tmp_path) == {}
