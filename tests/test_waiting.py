"""No silence: whatever is waited for is named after a while, and ends where no person is asked."""

import re
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from publisher import waiting
from publisher.building.environments import Environments
from publisher.building.uv import UvBuildSettings
from publisher.cli.display.lines import LineObserver
from publisher.cli.display.output import Output
from publisher.client import http
from publisher.client.url import parse_index_url
from publisher.credentials import patience
from publisher.credentials.chain import Target
from publisher.errors import CredentialsError, IndexUnavailableError, PublishError
from publisher.files import lock
from publisher.machine.programs import run_program
from publisher.project import git
from publisher.project.display import human_size
from publisher.project.distributions import read_distribution
from publisher.publish.options import PublishOptions
from publisher.publish.prefetch import IndexPrefetch
from publisher.publish.upload import publish_files
from publisher.secret import Secret
from publisher.waiting import reporting_waits, waiting_for
from tests.helpers.answering import Answer, Request, answering
from tests.helpers.dists import make_wheel
from tests.helpers.projects import make_project
from tests.helpers.tool import pypi_publish
from tests.helpers.waiting import eventually

if sys.platform == "win32":
    pytest.skip("the programs that hang are shell scripts", allow_module_level=True)


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Report waits at once, and collect what is reported."""
    monkeypatch.setattr(waiting, "SHOWN_AFTER", 0.01)
    found: list[str] = []
    with reporting_waits(found.append):
        yield found


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts a program that never answers in front of the one of its name."""

    def put(name: str) -> None:
        program = tmp_path / "programs" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\nexec sleep 600\n", "utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")

    git.repository_variables.cache_clear()
    return put


def test_no_test_replaces_time_monotonic_for_all_threads() -> None:
    replaced = re.compile(r"""setattr\((?:"[\w.]*\btime\.|(?:\w+\.)?time,\s*")monotonic""")
    assert replaced.search('patch.setattr("package.module.time.monotonic", clock)')
    assert replaced.search('patch.setattr(module.time, "monotonic", clock)')
    found = [path for path in Path(__file__).parent.rglob("*.py") if replaced.search(path.read_text("utf-8"))]
    assert found == [Path(__file__)], "use set_monotonic instead"


def test_what_ends_soon_is_not_reported(reported: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(waiting, "SHOWN_AFTER", 0.1)
        with waiting_for("the quick one"):
            pass
    with waiting_for("the slow one"):
        assert eventually(lambda: reported == ["the slow one"])
        time.sleep(0.1)  # the quick one's alarm is over by now
    assert reported == ["the slow one"]


def test_threads_that_wait_for_the_same_report_it_once_and_later_waits_again(reported: list[str]) -> None:
    barrier, is_over = threading.Barrier(4), threading.Event()

    def wait() -> None:
        with waiting_for("it"):
            barrier.wait()
            is_over.wait()

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    barrier.wait()
    with waiting_for("another"):
        assert eventually(lambda: "another" in reported and "it" in reported)
    is_over.set()
    for thread in threads:
        thread.join()
    assert sorted(reported) == ["another", "it"]
    with waiting_for("it"):
        assert eventually(lambda: reported.count("it") == 2)


def test_a_wait_that_begins_anew_at_its_limit_is_ended_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_AGAIN_AFTER", 0.01)
    ended = threading.Semaphore(0)
    with waiting_for("it", limit=0.01, give_up=ended.release):
        assert all(ended.acquire(timeout=10) for _ in range(3))


def test_git_that_hangs_is_named_and_no_missing_repository(
    reported: list[str], hanging: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging("git")
    monkeypatch.setattr(git, "_PATIENCE", 0.2)
    questions = (git.commit_time, git.last_change, git.tree_hash, git.find_uncommitted, git.is_shallow)
    for ask in questions:
        with pytest.raises(PublishError, match="git does not answer") as caught:
            ask(tmp_path)
        assert caught.value.hint
    assert all(what.startswith("`git ") for what in reported)
    assert len(reported) >= len(questions)


def test_a_slow_git_is_named_by_the_command(tmp_path: Path, hanging: Callable[[str], None]) -> None:
    project = make_project(tmp_path, "named-git")
    hanging("git")
    program = tmp_path / "programs/git"
    program.write_text(f"#!/bin/sh\ntest -e {tmp_path}/asked || {{ touch {tmp_path}/asked; sleep 2.2; }}\nexit 128\n")
    done = pypi_publish("build", project)  # two seconds: that is the time after which a wait is shown
    assert done.code == 0, done.stderr
    assert "   Waiting for `git " in done.stderr


def test_a_program_of_the_machine_is_named_and_ends(reported: list[str], hanging: Callable[[str], None]) -> None:
    hanging("pip")
    assert run_program(["pip", "--version"], time_limit=0.2).code is None
    assert reported == ["pip"]


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_an_installer_of_build_requirements_is_named(
    reported: list[str], installer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments = Environments("uv" if installer == "uv" else "pip")
    monkeypatch.setattr(environments, "_start", lambda *_: lambda: eventually(lambda: bool(reported)))
    environments.get({"hatchling>=1", "wheel"}, UvBuildSettings())
    environments.close()
    assert reported == [f"{installer} to install hatchling>=1, wheel"]


def test_a_keyring_that_never_answers_is_named_and_ends(reported: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LIMIT", 0.2)
    monkeypatch.setattr(patience, "has_person", lambda: False)
    for_ever = threading.Event()
    with pytest.raises(CredentialsError, match="never answers"):
        patience.call_patiently(for_ever.wait, "the keyring", "It never answers.", "unlock it")
    for_ever.set()
    assert reported == ["the keyring"]


def test_a_person_has_all_the_time(reported: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LIMIT", 0.01)
    monkeypatch.setattr(patience, "has_person", lambda: True)
    unlocked = threading.Event()
    threading.Timer(0.1, unlocked.set).start()
    assert patience.call_patiently(unlocked.wait, "the keyring", "no", "no") is True
    assert reported == ["the keyring"]


def test_a_lock_that_is_kept_is_named_and_ends(
    reported: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "LIMIT", 0.2)
    path = tmp_path / "logins.json"
    code = "import sys, pathlib; from publisher.files.lock import locked\n"
    code += "with locked(pathlib.Path(sys.argv[1])): print('kept', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(TimeoutError, match="another process"), lock.locked(path):
            pytest.fail("two have it")
        other.communicate()
    assert reported == [f"another process that changes {path}"]
    with lock.locked(path):  # free again
        pass


def test_an_index_that_is_slow_is_named_without_its_password(reported: list[str]) -> None:
    is_reported = threading.Event()

    def answer(_: Request) -> Answer:
        eventually(lambda: bool(reported))
        is_reported.set()
        return Answer()

    with answering(answer) as url:
        with closing(http.IndexSession(url.replace("://", "://ada:s3cret@"))) as session:
            session.get(url)
        assert is_reported.is_set()
        assert [what.rstrip("/") for what in reported] == [url.replace("://", "://ada:****@").rstrip("/")]


@pytest.mark.parametrize("part", ["head", "body"])
def test_an_index_that_drips_ends(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (5.0, 0.1))
    monkeypatch.setattr(waiting, "_AGAIN_AFTER", 0.05)
    with dripping(part) as url, closing(http.IndexSession(url)) as session:
        with pytest.raises(IndexUnavailableError, match="did not finish its answer"):
            session.get(url)
        with pytest.raises(IndexUnavailableError, match="did not finish its answer"):
            session.probe(url, "*/*")


def test_an_upload_that_takes_long_is_named_in_lines(reported: list[str], tmp_path: Path) -> None:
    def answer(request: Request) -> Answer:
        if request.method == "POST":
            assert eventually(lambda: any("upload" in what for what in reported))
            return Answer()
        return Answer(404)

    wheel = read_distribution(make_wheel(tmp_path))
    with answering(answer) as url:
        target = Target(parse_index_url(url), "ada", Secret("s3cret"))
        with closing(IndexPrefetch(target, [wheel.name])) as prefetch:
            publish_files([wheel], PublishOptions(target), LineObserver(Output(verbosity=-1)), prefetch)
    shown = f"the upload of {wheel.filename} ({human_size(wheel.path.stat().st_size)})"
    assert reported.count(shown) == 1


class _Drip(socketserver.BaseRequestHandler):
    """Sends a byte every now and then, and never comes to an end."""

    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"

    def handle(self) -> None:
        self.request.recv(65536)
        with suppress(OSError):
            self.request.sendall(self.head or b"HTTP/1.1 200 OK\r\nX-Head: ")
            while True:
                self.request.sendall(b"x")
                time.sleep(0.02)


class _DripInHead(_Drip):
    head = b""


@contextmanager
def dripping(part: str) -> Iterator[str]:
    """Serve answers without an end and yield the URL."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _DripInHead if part == "head" else _Drip) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()
