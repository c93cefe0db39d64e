"""A table of attacks, each with bounds on processor time and memory, while a bystander is answered."""

import base64
import gzip
import os
import socket
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.helpers.dists import make_wheel, metadata
from tests.helpers.http import Client, raw_request
from tests.helpers.index import RunningIndex
from tests.server.test_hostile import Post, form

ADA, BOB = ("ada", "correct horse"), ("bob", "battery staple")
AUTHORIZATION = b"Basic " + base64.b64encode(b"ada:correct horse")


@dataclass
class Attacked:
    """An index that is attacked, and what the attack has open."""

    index: RunningIndex
    folder: Path
    open: ExitStack

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.index.url)
        return str(parts.hostname), int(parts.port or 0)

    def connect(self, data: bytes = b"") -> socket.socket:
        """Return a connection on which some bytes were sent, which stays open until the end."""
        connection = self.open.enter_context(socket.create_connection(self.address, timeout=30))
        connection.sendall(data)
        return connection

    def client(self, auth: tuple[str, str] | None = ADA) -> Client:
        return Client(self.index.url, auth)

    def upload(self, filename: str, content: bytes) -> int:
        answer = raw_request(self.index.url, Post(form(content, filename)).wire())
        return int(answer.split()[1])

    def memory(self) -> int:
        """Return the resident memory of the index in MB."""
        pages = int(Path(f"/proc/{self.index.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 2**20

    def processor_time(self) -> float:
        fields = Path(f"/proc/{self.index.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def trailers(it: Attacked) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTp3cm9uZw==\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    connections = [it.connect(head) for _ in range(4)]
    for connection in connections:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012 - any of them may find out
            for _ in range(200):
                connection.sendall(b"a: b\r\n" * 10_000)


def credentials_in_a_trailer(it: Attacked) -> None:
    answer = raw_request(
        it.index.url,
        b"GET /whoami HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n"
        b"Authorization: " + AUTHORIZATION + b"\r\n\r\n",
    )
    assert answer.split()[1] == b"401"


def many_fields(it: Attacked) -> None:
    data = metadata("evil", "1.0", "".join(f"X{number}: a\n" for number in range(20_000)))
    assert (
        it.upload("evil-1.0-py3-none-any.whl", make_wheel(it.folder, "evil", metadata_bytes=data).read_bytes()) == 400
    )


def digits_in_a_header(it: Attacked) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 60_000
    data = info.tobuf(tarfile.USTAR_FORMAT) + b"1" * 60_000 + bytes(-60_000 % 512 + 1024)
    assert it.upload("evil-1.0.tar.gz", gzip.compress(data)) == 400


def idle_uploads(it: Attacked) -> None:
    body = b"--x\r\n"
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    for _ in range(80):
        it.connect(head + b"Authorization: " + AUTHORIZATION + b"\r\n\r\n" + body)


def unfinished_calls(it: Attacked) -> None:
    head = b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nAuthorization: "
    for _ in range(12):
        it.connect(head + AUTHORIZATION + b"\r\n\r\n<a>")


def large_calls(it: Attacked) -> None:
    assert it.client().request("POST", "RPC2", data=b"<a/>" * 100_000).status_code == 413


def long_names(it: Attacked) -> None:
    for number in range(300):
        assert it.client().get(f"simple/{'N' * 50_000}{number}/").status_code == 404


def wrong_passwords(it: Attacked) -> None:
    for number in range(60):
        wrong = base64.b64encode(f"ada:wrong {number}".encode())
        it.connect(b"GET /simple/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + wrong + b"\r\n\r\n")


def numbers_of_many_digits(it: Attacked) -> None:
    digits = "1" * 5000
    for method, path in (("PUT", f"projects/x/{digits}/yanked"), ("DELETE", f"projects/x/{digits}")):
        assert it.client().request(method, path, json={}).status_code == 404
    fields = {":action": "remove_pkg", "name": "x", "version": digits}
    assert it.client().request("POST", "", data=fields).status_code == 404
    data = metadata("evil", digits)
    wheel = make_wheel(it.folder, "evil", metadata_bytes=data).read_bytes()
    assert it.upload("evil-1.0-py3-none-any.whl", wheel) == 400


def hosts(it: Attacked) -> None:
    for lines in (b"", b"Host: a\r\nHost: b\r\n"):
        answer = raw_request(it.index.url, b"GET /health HTTP/1.1\r\n" + lines + b"Connection: close\r\n\r\n")
        assert answer.split()[1] == b"400"


def upgrades(it: Attacked) -> None:
    upgrade = (
        b"Connection: Upgrade, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n"
    )
    for path in (b"/health", b"/simple/"):
        request = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nAuthorization: " + AUTHORIZATION + b"\r\n"
        answer = raw_request(it.index.url, request + upgrade + b"\r\n")
        assert answer.count(b"HTTP/1.1 ") == 1


def accounts_with_odd_names(it: Attacked) -> None:
    admin = {"Authorization": "Bearer a-token-for-tests"}
    for name in ("a:b", "a%0Ab", "%00", "x" * 300, "%ff"):
        assert it.client(None).request("DELETE", f"users/{name}", headers=admin).status_code == 404


ATTACKS: dict[str, tuple[Callable[[Attacked], None], float, int]] = {
    "trailers without end": (trailers, 5, 40),
    "credentials in a trailer": (credentials_in_a_trailer, 1, 10),
    "metadata of many fields": (many_fields, 3, 30),
    "an extended header of digits": (digits_in_a_header, 3, 30),
    "unfinished calls": (unfinished_calls, 3, 60),
    "large calls": (large_calls, 3, 60),
    "names of 50 kB": (long_names, 10, 20),
    "wrong passwords": (wrong_passwords, 5, 20),
    "numbers of many digits": (numbers_of_many_digits, 3, 30),
    "no host, and two": (hosts, 1, 10),
    "upgrades": (upgrades, 1, 10),
    "accounts with odd names": (accounts_with_odd_names, 2, 20),
    "idle uploads": (idle_uploads, 3, 250),
}
"""Each with the seconds of processor time and the MB of memory that it may cost."""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    index = RunningIndex.start(tmp_path_factory.mktemp("attacked"), "--log-format", "none")
    index.add_user(*ADA)
    index.add_user(*BOB)
    make_wheel(index.root, "quiet")
    assert Client(index.url, ADA).get("packages/").status_code == 200  # pypiserver is imported
    yield index
    index.kill()


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_bounded_and_a_bystander_is_answered(index: RunningIndex, attack: str, tmp_path: Path) -> None:
    work, seconds, megabytes = ATTACKS[attack]
    with ExitStack() as stack:
        it = Attacked(index, tmp_path, stack)
        time_before, memory_before = it.processor_time(), it.memory()
        work(it)
        bystander = it.client(BOB)
        assert bystander.get("simple/quiet/").status_code == 200
        assert bystander.get("packages/quiet-1.0-py3-none-any.whl").status_code == 200
        assert bystander.get("packages/").status_code == 200
        name = f"by{list(ATTACKS).index(attack)}"
        assert bystander.upload(make_wheel(tmp_path, name)).status_code == 200
        assert it.client(None).get("health").status_code == 200
        assert it.processor_time() - time_before < seconds
        assert it.memory() - memory_before < megabytes
    assert index.process.poll() is None
