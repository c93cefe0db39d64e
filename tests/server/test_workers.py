"""Several workers of one index: start, log, signals, deaths, and the address and throttling that they share."""

import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from publisher.errors import ConfigurationError
from publisher.limits import LIMITS
from publisher.server.auth.attempts import Attempts
from publisher.server.cores import usable_cores
from publisher.server.run import listen, listen_beside, share_address
from publisher.server.siblings.files import sibling_files
from publisher.server.siblings.locks import try_hold
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.trust import ADMIN
from tests.helpers.upstream import fake_upstream
from tests.helpers.waiting import eventually, is_running
from tests.helpers.workers import WorkerClient, connection_to, serving_workers, workers_of
from tests.server.conftest import PASSWORD, USER, OwnIndex

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes by /proc")

LINE = re.compile(r'127\.0\.0\.1 (ada|-) "(GET|POST) [^"]*" \d{3} \d+ [\d.]+ms')


def _start(own: OwnIndex, *options: str) -> tuple[RunningIndex, list[int], list[WorkerClient]]:
    index, _ = own.start("--workers", "2", *options)
    pids = serving_workers(index)
    return index, pids, [WorkerClient(index.url, (USER, PASSWORD), pid) for pid in pids]


def test_workers_share_one_address_one_banner_and_a_log_of_whole_lines(own: OwnIndex) -> None:
    (own.folder / "index").mkdir()
    (own.folder / "index" / "htpasswd").write_text("dan:!\n")
    index, pids, clients = _start(own)
    index.add_user(USER, PASSWORD)
    assert len(set(pids)) == 2
    assert index.log.read_text().count("Serving ") == 1
    assert index.log.read_text().count("accounts are locked") == 1
    for client in clients:
        assert client.get("simple/").status_code == 200
    long = "x" * 6000  # more than a pipe takes in one piece
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(WorkerClient(index.url, None, pids[n % 2]).get, long) for n in range(16)]
        assert all(each.result().status_code == 401 for each in asked)
    assert index.stop() == 0
    lines = index.log.read_text().splitlines()
    torn = [line[:200] for line in lines if "127.0.0.1 " in line and not LINE.fullmatch(line)]
    assert not torn
    assert sum(long in line for line in lines) == 16


def test_a_killed_worker_is_replaced_and_the_others_answer_meanwhile(own: OwnIndex) -> None:
    index, pids, clients = _start(own)
    os.kill(pids[0], signal.SIGKILL)
    assert clients[1].get("simple/").status_code == 200
    assert eventually(lambda: len(workers_of(index)) == 2 and pids[0] not in workers_of(index))
    new = next(pid for pid in serving_workers(index) if pid not in pids)
    assert WorkerClient(index.url, (USER, PASSWORD), new).get("simple/").status_code == 200
    assert f"worker {pids[0]} was ended by SIGKILL; another one starts" in index.log.read_text()
    assert index.stop() == 0


def test_sighup_reaches_every_worker_and_sigterm_lets_requests_finish(own: OwnIndex, tmp_path: Path) -> None:
    index, pids, clients = _start(own)
    index.htpasswd.write_text(index.htpasswd.read_text() + "dan:!\n")
    index.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: index.log.read_text().count("1 accounts are locked") == 2)
    assert workers_of(index) == pids
    wheel = make_wheel(tmp_path, "late")
    half = _HalfSent(connection_to(index.url, pids[0]), wheel)
    index.process.send_signal(signal.SIGTERM)
    assert eventually(lambda: _refuses(index.url))
    half.finish()
    assert half.status() == 200
    assert index.process.wait(30) == 0
    again, client = own.start()
    assert client.filenames("late") == [wheel.name]
    assert again.stop() == 0
    assert clients


def test_workers_end_with_a_supervisor_that_was_killed(own: OwnIndex) -> None:
    index, pids, _ = _start(own)
    index.kill()
    assert eventually(lambda: not any(map(is_running, pids)))
    assert _refuses(index.url)


def test_an_upload_ends_with_its_worker_and_can_be_sent_again_to_another(own: OwnIndex, tmp_path: Path) -> None:
    index, pids, clients = _start(own)
    first = make_wheel(tmp_path, "whole")
    second = make_wheel(tmp_path, "broken", members={"broken/data": os.urandom(2**22)})
    assert clients[0].upload(first).status_code == 200
    half = _HalfSent(connection_to(index.url, pids[0]), second)
    assert eventually(lambda: len(list((index.root / ".pypi-publish").rglob("*.part"))) > 0)
    os.kill(pids[0], signal.SIGKILL)
    assert clients[1].filenames("whole") == [first.name]
    assert clients[1].get("simple/broken/").status_code == 404
    assert clients[1].upload(second).status_code == 200
    assert clients[1].filenames("broken") == [second.name]
    half.close()
    assert index.stop() == 0


def test_a_log_that_is_not_read_stops_no_worker(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "publisher.cli.main", "serve", "--port", "0", "--workers", "2", "-a", "."]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    assert process.stderr is not None
    line = next(line for line in iter(process.stderr.readline, b"") if line.startswith(b"Serving ")).decode()
    index = RunningIndex(process, line.rpartition(" on ")[2].strip(), tmp_path)
    clients = [WorkerClient(index.url, None, pid) for pid in serving_workers(index)]
    for _ in range(30):
        for client in clients:
            assert client.get("x" * 5000).status_code < 500
    os.kill(workers_of(index)[0], signal.SIGKILL)  # the supervisor writes to the same log
    assert eventually(lambda: len(serving_workers(index)) == 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    process.stderr.close()


def test_a_workers_failure_at_the_start_ends_the_command_with_its_code(tmp_path: Path) -> None:
    assert _supervised(tmp_path, "raise ConfigurationError('No room.', hint='Make some.')") == (
        "ConfigurationError: 2, No room., Make some.\n"
    )
    assert "Unexpected failure: ValueError: odd" in _supervised(tmp_path, "raise ValueError('odd')")
    assert "it was ended by SIGKILL" in _supervised(tmp_path, "os.kill(os.getpid(), 9)")


def test_workers_that_fail_again_and_again_while_none_serves_end_the_command(tmp_path: Path) -> None:
    body = "mark = Path('served')\n    if mark.exists(): raise ConfigurationError('Lost.')\n"
    body += "    mark.touch(); pipes.serves(); time.sleep(0.2); os._exit(9)"
    printed = _supervised(tmp_path, body, count=1)
    assert printed.count("ready") == 1
    assert printed.endswith("ConfigurationError: 2, Lost., None\n")


def _supervised(folder: Path, body: str, count: int = 3) -> str:
    """Return what a supervisor of such workers prints."""
    program = f"""
import os, sys, time
from pathlib import Path
from publisher.errors import ConfigurationError, PublishError
from publisher.server.http.log_writer import SupervisorLog
from publisher.server.supervisor import Supervisor, SupervisorTimes
from publisher.server.siblings.locks import inherited_file

def serve(pipes):
    {body}

with inherited_file() as lock:
    try:
        times = SupervisorTimes(pause=0.01)
        Supervisor({count}, serve, SupervisorLog(lock), times).run(lambda: print("ready", flush=True))
    except PublishError as error:
        kind = "ConfigurationError" if error.exit_code == 2 else "PublishError"
        print(f"{{kind}}: {{error.exit_code}}, {{error.message}}, {{error.hint}}")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize(
    "given", ["257", pytest.param("0", marks=pytest.mark.wide), pytest.param("many", marks=pytest.mark.wide)]
)
def test_a_wrong_number_of_workers_is_refused(tmp_path: Path, given: str) -> None:
    command = [sys.executable, "-m", "publisher.cli.main", "serve", "--workers", given]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--workers" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", None), ("50000 100000", 1), ("150000 100000", 2), ("nonsense", None)]
)
def test_a_container_s_share_of_the_cores_bounds_their_number(tmp_path: Path, quota: str, cores: int | None) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    all_cores = len(os.sched_getaffinity(0))
    assert usable_cores(tmp_path) == (all_cores if cores is None else min(cores, all_cores))


def test_an_address_is_kept_for_its_workers_before_they_listen() -> None:
    with listen("127.0.0.1", 0) as holder:
        port = holder.getsockname()[1]
        share_address(holder)
        with pytest.raises(ConfigurationError):
            listen("127.0.0.1", port)
        with listen_beside(holder) as one, listen_beside(holder) as other:
            one.listen()
            other.listen()
            with pytest.raises(ConfigurationError):
                listen("127.0.0.1", port)


def test_failed_logins_count_in_all_workers_and_a_killed_one_holds_no_turn() -> None:
    lane = "ada", "127.0.0.1"
    with sibling_files() as siblings:
        counts, now = siblings.failed_logins, 100.0
        one, other = (Attempts(now=lambda: now, siblings=siblings) for _ in range(2))
        delays = [one.failed(lane), other.failed(lane), one.failed(lane)]
        assert delays == sorted(set(delays))
        assert other.failures(lane) == 3
        assert other.failures(("bob", "127.0.0.1")) == 0
        other.succeeded(lane)
        assert one.failures(lane) == 0
        one.failed(lane)
        now += LIMITS.forgiven_after + 1
        assert other.failures(lane) == 0

        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try_hold(counts, 8)
            os.write(writing, b"held")
            signal.pause()
        assert os.read(reading, 4) == b"held"
        assert not try_hold(counts, 8)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert try_hold(counts, 8)


class _HalfSent:
    """An upload whose second half is still to be sent."""

    def __init__(self, connection: HTTPConnection, path: Path) -> None:
        self._connection = connection
        client = _Captured()
        client.upload(path)
        head, body = client.sent
        self._rest = body[len(body) // 2 :]
        connection.sock.sendall(head + body[: len(body) // 2])

    def finish(self) -> None:
        self._connection.sock.sendall(self._rest)

    def status(self) -> int:
        with closing(self._connection):
            return int(self._connection.sock.recv(65536).split()[1])

    def close(self) -> None:
        self._connection.close()


class _Captured(Client):
    """Keeps a request instead of sending it."""

    def __init__(self) -> None:
        super().__init__("http://index/", (USER, PASSWORD))
        self.sent = b"", b""

    def request(self, method: str, path: str, **options: object) -> object:  # type: ignore[override]
        import requests  # noqa: PLC0415

        prepared = requests.Request(method, self.url + path, auth=(USER, PASSWORD), **options).prepare()
        lines = [f"{method} / HTTP/1.1", "Host: index", *(f"{key}: {value}" for key, value in prepared.headers.items())]
        body = prepared.body
        assert isinstance(body, bytes)
        self.sent = ("\r\n".join(lines) + "\r\n\r\n").encode(), body
        return None


def _refuses(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_workers_share_the_cache_of_public_packages_and_their_claims(own: OwnIndex, tmp_path: Path) -> None:
    with fake_upstream() as fake:
        fake.add(tmp_path, "public_one")
        options = "--upstream", f"{fake.url}simple/", "--upstream-cache", str(tmp_path / "cache")
        index, pids, clients = _start(own, *options)
        paths = set()
        for client in clients:
            page = client.page("public-one")
            paths.add(page["files"][0]["url"].partition("#")[0].removeprefix("/"))
            assert _is_kept(client.get(next(iter(paths))).content, tmp_path / "cache")
        assert len(paths) == 1
        assert fake.count("file") == 1
        wheel = make_wheel(tmp_path, "public_one", "9.0")
        assert [client.upload(wheel).status_code for client in clients] == [403, 403]
        claim = {"name": "public-one"}
        admin = WorkerClient(index.url, None, pids[0])
        assert admin.request("POST", "-/upstream/claim", json=claim, headers=ADMIN).status_code == 200
        assert clients[1].upload(wheel).status_code == 200
        assert clients[0].filenames("public-one") == [wheel.name]
        assert index.stop() == 0


def _is_kept(content: bytes, cache: Path) -> bool:
    """Report that a file is in the cache, into which it is written in the background."""
    return eventually(lambda: any(path.read_bytes() == content for path in cache.rglob("*") if path.is_file()))
