"""Rights that change while an upload is under way: what counts is what holds when its last byte has arrived."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.folder import FolderStorage
from publisher.server.store.changes import file_lease
from publisher.server.store.records import state_lease
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client, sha256
from tests.helpers.index import RunningIndex
from tests.helpers.trust import Admin, create_token, with_token, write_access
from tests.helpers.waiting import PATIENCE, eventually
from tests.server.conftest import PASSWORD, OwnIndex

BOUNDARY = "x" * 20


class SlowUpload:
    """An upload whose second half waits."""

    def __init__(self, url: str, auth: tuple[str, str], wheel: Path) -> None:
        self._begun, self._go = threading.Event(), threading.Event()
        self._body = _form(wheel)
        self._threads = ThreadPoolExecutor(1)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        self._answer: Future[requests.Response] = self._threads.submit(
            requests.post, url, data=self._pieces(), auth=auth, headers=headers, timeout=60
        )
        assert self._begun.wait(30)

    def _pieces(self) -> Iterator[bytes]:
        yield self._body[: len(self._body) // 2]
        self._begun.set()
        assert self._go.wait(30)
        yield self._body[len(self._body) // 2 :]

    def finish(self) -> requests.Response:
        self._go.set()
        answer = self._answer.result()
        self._threads.shutdown()
        return answer


def _form(wheel: Path) -> bytes:
    fields = {":action": "file_upload", "sha256_digest": sha256(wheel)}
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    head = f'Content-Disposition: form-data; name="content"; filename="{wheel.name}"\r\n\r\n'
    text = "".join(f"--{BOUNDARY}\r\n{part}\r\n" for part in parts) + f"--{BOUNDARY}\r\n{head}"
    return text.encode() + wheel.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


def rights_of(client: Client) -> list[str]:
    return [right for grant in client.get("whoami").json()["grants"] for right in grant["rights"]]


@pytest.fixture
def index(own: OwnIndex, tmp_path: Path) -> tuple[RunningIndex, Client]:
    index, ada = own.start()
    index.add_user("bob", PASSWORD)
    assert ada.upload(make_wheel(tmp_path, "acme")).status_code == 200
    return index, ada


def _remove_bob(index: RunningIndex, bob: Client) -> None:
    assert Admin(index.url).request("DELETE", "users/bob").status_code == 200
    assert bob.get("simple/").status_code == 401


def _make_bob_a_reader(index: RunningIndex, bob: Client) -> None:
    write_access(index, '[users.ada]\n"*" = "admin"\n[everyone]\n"*" = "reader"\n')
    assert eventually(lambda: rights_of(bob) == ["read"])


def _change_bobs_password(index: RunningIndex, bob: Client) -> None:
    body = {"username": "bob", "password": "fresh correct horse"}
    assert Admin(index.url).request("POST", "register", json=body).status_code == 200
    assert bob.get("simple/").status_code == 401


@pytest.mark.parametrize(
    ("change", "status"), [(_remove_bob, 401), (_make_bob_a_reader, 403), (_change_bobs_password, 401)]
)
def test_an_account_loses_its_right_meanwhile(
    index: tuple[RunningIndex, Client],
    tmp_path: Path,
    change: Callable[[RunningIndex, Client], None],
    status: int,
) -> None:
    running, ada = index
    upload = SlowUpload(running.url, ("bob", PASSWORD), make_wheel(tmp_path, "acme", "2.0"))
    change(running, Client(running.url, ("bob", PASSWORD)))
    assert upload.finish().status_code == status
    assert ada.filenames("acme") == ["acme-1.0-py3-none-any.whl"]


def test_a_token_is_revoked_meanwhile(index: tuple[RunningIndex, Client], tmp_path: Path) -> None:
    running, ada = index
    token = create_token(ada, "ci", ["publish"], ["acme"])
    upload = SlowUpload(running.url, ("__token__", token), make_wheel(tmp_path, "acme", "2.0"))
    assert ada.request("DELETE", "-/tokens/ci").status_code == 200
    assert with_token(running.url, token).get("simple/").status_code == 401
    assert upload.finish().status_code == 401
    assert ada.filenames("acme") == ["acme-1.0-py3-none-any.whl"]


def test_a_project_created_meanwhile_is_closed_to_other_creators(
    index: tuple[RunningIndex, Client], tmp_path: Path
) -> None:
    """Else an upload that is held open would be a right on every project that is made later."""
    running, ada = index
    write_access(running, '[users.ada]\n"*" = "admin"\n[users.bob]\n"*" = ["create"]\n')
    bob = Client(running.url, ("bob", PASSWORD))
    assert eventually(lambda: rights_of(bob) == ["create"])
    upload = SlowUpload(running.url, ("bob", PASSWORD), make_wheel(tmp_path, "wanted", "6.6"))
    assert ada.upload(make_wheel(tmp_path, "wanted")).status_code == 200
    refused = upload.finish()
    assert (refused.status_code, "'publish' on wanted" in refused.text) == (403, True)
    assert ada.filenames("wanted") == ["wanted-1.0-py3-none-any.whl"]
    assert ada.get("-/owners/wanted").json()["maintainers"] == ["ada"]


def test_nothing_changes_meanwhile(index: tuple[RunningIndex, Client], tmp_path: Path) -> None:
    running, ada = index
    upload = SlowUpload(running.url, ("bob", PASSWORD), make_wheel(tmp_path, "acme", "2.0"))
    assert upload.finish().status_code == 200
    assert len(ada.filenames("acme")) == 2


def test_of_projects_that_begin_at_the_same_moment_too(index: tuple[RunningIndex, Client], tmp_path: Path) -> None:
    """The last look is under the lease that first files take: nothing comes between it and the file."""
    running, ada = index
    write_access(running, '[users.ada]\n"*" = "admin"\n[users.bob]\n"*" = ["create"]\n')
    bob = Client(running.url, ("bob", PASSWORD))
    assert eventually(lambda: rights_of(bob) == ["create"])
    wheel = make_wheel(tmp_path, "wanted", "6.6")

    async def race() -> requests.Response:
        storage = FolderStorage(running.root, needs_dot_folder=True)
        async with storage.lease(state_lease("wanted")), asyncio.timeout(PATIENCE):
            upload = asyncio.create_task(asyncio.to_thread(bob.upload, wheel))
            while not await _is_held(storage, file_lease(wheel.name)):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.005)
            make_wheel(running.root, "wanted")  # after bob's right was confirmed
        return await upload

    refused = asyncio.run(race())
    assert (refused.status_code, "'publish' on wanted" in refused.text) == (403, True)
    assert ada.filenames("wanted") == ["wanted-1.0-py3-none-any.whl"]
    assert not (running.root / wheel.name).exists()
    assert ada.upload(wheel).status_code == 200


async def _is_held(storage: FolderStorage, lease: str) -> bool:
    try:
        async with storage.lease(lease, patience=0):
            return False
    except StorageUnavailableError:
        return True
