"""Sending files: the form, the order, several at a time, and the report when it stops."""

import email
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from publisher.client.upload_form import UploadForm
from publisher.errors import ConflictError, StoppedError
from publisher.project.dependencies import find_dependencies
from publisher.project.distributions import Distribution, read_distribution
from publisher.publish.plan import Upload
from publisher.publish.report import State
from publisher.publish.scheduler import UploadScheduler
from publisher.publish.upload import _describe_progress
from tests.conftest import PASSWORD, USER
from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.index import START_LIMIT, RunningIndex
from tests.helpers.projects import make_project, write_backend
from tests.helpers.tool import pypi_publish
from tests.helpers.waiting import eventually, is_running

HEAVY = {"build", "twine", "keyring", "requests", "rich"}
"""Slow imports that short commands must not need."""


def _parts(form: UploadForm) -> list[tuple[str, bytes]]:
    body = b"".join(map(bytes, form))
    assert len(body) == len(form)
    message = email.message_from_bytes(f"Content-Type: {form.content_type}\r\n\r\n".encode() + body)
    parts = cast("list[email.message.Message]", message.get_payload())
    return [
        (str(part.get_param("name", header="content-disposition")), cast("bytes", part.get_payload(decode=True)))
        for part in parts
    ]


def test_the_form_holds_the_metadata_the_file_and_behind_it_the_digest(tmp_path: Path) -> None:
    more = "Keywords: a,b\nProject-URL: Source, https://acme.example/\nProject-URL: Docs, https://acme.example/d\n"
    path = make_wheel(tmp_path, metadata_bytes=metadata("acme_widgets", "1.0", more, description="Hello ✓\n"))
    sizes: list[int] = []
    form = UploadForm(read_distribution(path), sizes.append)
    parts = _parts(form)
    names = [name for name, _ in parts]
    assert names[:2] == [":action", "protocol_version"]
    assert names[-2:] == ["content", "sha256_digest"]
    fields = dict(parts)
    assert fields["content"] == path.read_bytes()
    assert fields["sha256_digest"].decode() == form.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (fields["filetype"], fields["pyversion"], fields["keywords"]) == (b"bdist_wheel", b"py3", b"a, b")
    assert [value for name, value in parts if name == "project_urls"] == [
        b"Source, https://acme.example/",
        b"Docs, https://acme.example/d",
    ]
    assert "Hello ✓" in fields["description"].decode()
    assert sizes[-1] == path.stat().st_size


def test_the_form_of_an_sdist_has_only_fields_of_its_metadata_version(tmp_path: Path) -> None:
    data = b"Metadata-Version: 2.1\nName: acme_widgets\nVersion: 1.0\nLicense-File: LICENSE\n"
    fields = dict(_parts(UploadForm(read_distribution(make_sdist(tmp_path, metadata_bytes=data)), lambda _: None)))
    assert "license_file" not in fields
    assert (fields["filetype"], fields["pyversion"]) == (b"sdist", b"source")


def _file(folder: Path, name: str, *requires: str, kind: Callable[..., Path] = make_wheel) -> Distribution:
    lines = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    return read_distribution(kind(folder, name, metadata_bytes=metadata(name, "1.0", lines)))


def _order(*distributions: Distribution, connections: int = 1) -> list[str]:
    """Return the order in which files are sent."""
    sent: list[str] = []

    def send(upload: Upload) -> State:
        sent.append(upload.distribution.filename)
        return State.UPLOADED

    sending = UploadScheduler([Upload(each) for each in distributions], find_dependencies(distributions), connections)
    sending.run(send, lambda: None, lambda: None)
    assert sending.done == dict.fromkeys(sent, State.UPLOADED)
    return sent


def test_wheels_go_before_sdists_and_dependencies_before_dependents(tmp_path: Path) -> None:
    top = _file(tmp_path, "top", "middle>=1; python_version > '3'", "top[extra]", "elsewhere")
    middle, middle_sdist = (_file(tmp_path, "middle", "base", kind=kind) for kind in (make_wheel, make_sdist))
    base = _file(tmp_path, "base")
    assert _order(top, middle_sdist, middle, base) == [each.filename for each in (base, middle, middle_sdist, top)]


def test_projects_that_need_each_other_are_sent(tmp_path: Path) -> None:
    one, other, on_both = (
        _file(tmp_path, "one", "other"),
        _file(tmp_path, "other", "one"),
        _file(tmp_path, "on_both", "one", "other"),
    )
    assert _order(on_both, one, other)[-1] == on_both.filename


def test_several_go_at_the_same_time(tmp_path: Path) -> None:
    together = threading.Barrier(3, timeout=START_LIMIT)

    def send(_: Upload) -> State:
        together.wait()  # raises unless three threads are here
        return State.UPLOADED

    uploads = [Upload(_file(tmp_path, f"p{number}")) for number in range(3)]
    sending = UploadScheduler(uploads, {}, 3)
    sending.run(send, lambda: None, lambda: None)
    assert len(sending.done) == 3


def test_after_a_failure_nothing_more_begins_and_running_uploads_are_reported(tmp_path: Path) -> None:
    failed = threading.Event()

    def send(upload: Upload) -> State:
        if upload.distribution.name == "p0":
            failed.set()
            raise ConflictError("no")
        assert failed.wait(START_LIMIT)
        return State.UPLOADED

    uploads = [Upload(_file(tmp_path, f"p{number}")) for number in range(6)]
    sending = UploadScheduler(uploads, {}, 2)
    with pytest.raises(ConflictError):
        sending.run(send, lambda: None, lambda: None)
    assert len(sending.done) <= 2


def test_an_interrupt_stops_running_uploads(tmp_path: Path) -> None:
    stopped = threading.Event()
    main = threading.get_ident()

    def send(_: Upload) -> State:
        signal.pthread_kill(main, signal.SIGINT)
        assert stopped.wait(START_LIMIT)
        raise StoppedError("The upload was stopped.")

    sending = UploadScheduler([Upload(_file(tmp_path, "p"))], {}, 2)
    with pytest.raises(StoppedError, match="Interrupted"):
        sending.run(send, stopped.set, lambda: None)
    assert sending.done == {}


class _Slow(BaseHTTPRequestHandler):
    """An index that stores wheels, and reads sdists without end."""

    protocol_version = "HTTP/1.1"
    begun: threading.Event
    posts: list[str]
    gets: list[str]
    projects: list[str] | None

    def do_GET(self) -> None:
        self.gets.append(self.path)
        if self.path == "/simple/" and self.projects is None:
            self._answer(403)
        elif self.path == "/simple/":
            self._answer(200, "".join(f'<a href="/simple/{name}/">{name}</a>' for name in self.projects or ()))
        else:
            self._answer(404)

    def do_POST(self) -> None:
        head = self.rfile.read(1000)
        self.posts.append(str(self.client_address))
        if b"sdist" not in head:
            self.rfile.read(int(self.headers["Content-Length"]) - len(head))
            self._answer(200)
            return
        if (left := int(self.headers["Content-Length"]) - len(head)) < 100_000:
            self.rfile.read(left)
        self.begun.set()
        self.server.slow.wait(60)  # type: ignore[attr-defined]  # takes nothing more: the client waits, of a large file in the middle

    def _answer(self, status: int, body: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def slow() -> Iterator[ThreadingHTTPServer]:
    handler = type("Handler", (_Slow,), {"begun": threading.Event(), "posts": [], "gets": [], "projects": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.slow = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.slow.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_interrupt_while_an_upload_is_begun_ends_that_upload(tmp_path: Path) -> None:
    ended = threading.Event()

    def send(_upload: Upload) -> State:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # which has yet to hear of the upload
        assert ended.wait(START_LIMIT), "nothing ended the upload"
        raise ConflictError("ended")

    sending = UploadScheduler([Upload(_file(tmp_path, "p"))], {}, 2)
    with pytest.raises(StoppedError):
        sending.run(send, lambda: None, ended.set)
    assert ended.is_set()


@pytest.mark.parametrize("size", [20_000_000, 0], ids=["sending", "waiting for the answer"])
def test_ctrl_c_ends_the_run_and_lists_published_files(slow: ThreadingHTTPServer, tmp_path: Path, size: int) -> None:
    wheel = make_wheel(tmp_path)
    sdist = make_sdist(tmp_path, members={"acme_widgets-1.0/data": os.urandom(size)})
    settings = {
        "PYPI_PUBLISH_INDEX_URL": f"http://127.0.0.1:{slow.server_port}/",
        "PYPI_PUBLISH_USERNAME": USER,
        "PYPI_PUBLISH_PASSWORD": PASSWORD,
    }
    command = [sys.executable, "-m", "publisher.cli.main", "upload", str(wheel), str(sdist)]
    handler = cast("type[_Slow]", slow.RequestHandlerClass)
    with subprocess.Popen(command, env={**os.environ, **settings}, stderr=subprocess.PIPE, text=True) as process:
        assert handler.begun.wait(START_LIMIT)
        process.send_signal(signal.SIGINT)
        _, output = process.communicate(timeout=START_LIMIT)
    assert process.returncode == 130
    assert f"Uploaded before that: {wheel.name}" in output
    assert f"to upload the rest: {sdist.name}." in output
    assert "retrying" not in output
    assert (f"{sdist.name} may be stored" in " ".join(output.split())) is (size == 0)
    assert "Traceback" not in output


def test_ctrl_c_ends_a_build_and_its_processes(index: RunningIndex, tmp_path: Path) -> None:
    begun = tmp_path / "pid"
    statement = f"open({str(begun)!r}, 'w').write(str(os.getpid())); __import__('time').sleep(600)"
    project = write_backend(tmp_path / "project", statement)
    command = [sys.executable, "-m", "publisher.cli.main", str(project)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert eventually(lambda: begun.exists() and bool(begun.read_text()))
        process.send_signal(signal.SIGINT)
        _, output = process.communicate(timeout=START_LIMIT)
    assert process.returncode == 130
    assert "Interrupted while building: nothing was published." in output
    assert eventually(lambda: not is_running(int(begun.read_text())))
    assert not list(index.root.glob("acme_widgets*"))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no terminals like that")
def test_a_terminal_shows_every_build_and_upload_while_it_goes_on(index: RunningIndex, tmp_path: Path) -> None:
    # slow (two real builds): the only test of what is shown live
    import pty  # noqa: PLC0415 - not on Windows

    projects = [make_project(tmp_path / name, f"live-{name}", backend="flit_core") for name in ("one", "two")]
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "publisher.cli.main", *map(str, projects)]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "150"}
    with subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # how a terminal ends
            while piece := os.read(ours, 65536):
                shown += piece
    os.close(ours)
    assert process.returncode == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    for name in ("one", "two"):
        assert re.search(rf"Building \S*/{name} ", text)
        assert f"Built live_{name}-1.0.tar.gz" in text
        assert re.search(rf"Uploading live_{name}-1.0.tar.gz .*(bytes|kB)", text)
        assert f"Uploaded live_{name}-1.0.tar.gz" in text
    assert index.url


def test_connections_are_kept(slow: ThreadingHTTPServer, tmp_path: Path) -> None:
    for number in range(4):
        make_wheel(tmp_path, f"p{number}")
    settings = {
        "PYPI_PUBLISH_INDEX_URL": f"http://127.0.0.1:{slow.server_port}/",
        "PYPI_PUBLISH_USERNAME": USER,
        "PYPI_PUBLISH_PASSWORD": PASSWORD,
    }
    assert pypi_publish("upload", "--jobs", "1", *sorted(tmp_path.glob("*.whl")), env=settings).code == 0
    handler = cast("type[_Slow]", slow.RequestHandlerClass)
    assert (len(handler.posts), len(set(handler.posts))) == (4, 1)


def test_a_new_project_costs_one_request_and_one_for_each_file(index: RunningIndex, tmp_path: Path) -> None:
    begun = len(index.complete_log())
    assert pypi_publish("upload", make_wheel(tmp_path, "brand_new"), make_sdist(tmp_path, "brand_new")).code == 0
    asked = re.findall(r'"(\w+ \S+)" (\d+)', index.complete_log()[begun:])
    assert asked == [("GET /simple/brand-new/", "404"), ("POST /", "200"), ("POST /", "200")]


def test_many_new_projects_cost_one_request_before_they_go_up(slow: ThreadingHTTPServer, tmp_path: Path) -> None:
    handler = cast("type[_Slow]", slow.RequestHandlerClass)
    settings = {
        "PYPI_PUBLISH_INDEX_URL": f"http://127.0.0.1:{slow.server_port}/",
        "PYPI_PUBLISH_USERNAME": USER,
        "PYPI_PUBLISH_PASSWORD": PASSWORD,
    }
    handler.projects = ["new-3", "other"]
    wheels = [make_wheel(tmp_path, f"new_{number}") for number in range(10)]
    assert pypi_publish("upload", *wheels, env=settings).code == 0
    assert sorted(handler.gets) == ["/simple/", "/simple/new-3/"]
    assert len(handler.posts) == 10

    handler.gets.clear()
    handler.projects = None  # the list is not for everybody
    assert pypi_publish("upload", *wheels, env=settings).code == 0
    assert len(handler.gets) == 11


def test_many_files_go_up_at_the_same_time_and_are_all_there(index: RunningIndex, tmp_path: Path) -> None:
    files = [make_wheel(tmp_path, f"many_{number}") for number in range(20)]
    report: Any = pypi_publish("upload", *files, "--jobs", "8", "--json").json
    assert {file["status"] for file in report["files"]} == {"uploaded"}
    for file in report["files"]:
        assert hashlib.sha256((index.root / file["filename"]).read_bytes()).hexdigest() == file["sha256"]


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["publish", "--help"], ["config", "--help"]])
def test_short_commands_import_nothing_slow(arguments: list[str]) -> None:
    assert not {*HEAVY, "urllib3", "venv", "tomlkit"} & _imported(*arguments)


@pytest.mark.parametrize("arguments", [["--only-index"], ["--beside-public"], ["--remove", "--dry-run"]])
def test_config_imports_the_client_only_to_ask_an_index(arguments: list[str]) -> None:
    assert not HEAVY & _imported("config", "pip", "--index-url", "https://acme.example/", *arguments)


def test_completion_imports_little(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"_PYPI_PUBLISH_COMPLETE": "bash_complete", "COMP_WORDS": "pypi-publish upl", "COMP_CWORD": "1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert not HEAVY & _imported(said="upload")


def _imported(*arguments: str, said: str = "") -> set[str]:
    """Return the packages that a command imports; ``said`` must be in its output."""
    code = (
        "import sys\nfrom publisher.cli.main import main\n"
        "try:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert said in done.stdout
    *_, modules = done.stderr.splitlines()
    assert "publisher.cli.main" in modules
    return {name.partition(".")[0] for name in modules.split()}


def test_an_interruption_after_the_last_file_leaves_nothing_to_finish(tmp_path: Path) -> None:
    upload = Upload(read_distribution(make_wheel(tmp_path)))
    output = _describe_progress([upload], {upload.distribution.filename: State.UPLOADED})
    assert output == f"All files were uploaded before that: {upload.distribution.filename}."
