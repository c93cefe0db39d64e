"""Publishing with the real command against a real index: every outcome and its exit code."""

import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.conftest import PASSWORD, USER
from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.index import RunningIndex
from tests.helpers.projects import commit, git, make_project, write_backend
from tests.helpers.tool import pypi_publish, run


def _statuses(report: Any) -> list[str]:
    return [file["status"] for file in report["files"]]


@pytest.mark.essential
def test_a_project_is_published_and_published_again(index: RunningIndex, tmp_path: Path) -> None:
    # slow (three builds with a real backend): the main job
    project = make_project(tmp_path / "project", "first-release")
    commit(project)

    first = pypi_publish("--json", cwd=project)
    assert first.code == 0, first.stderr
    assert _statuses(first.json) == ["uploaded", "uploaded"]
    assert first.json["projects"][0]["url"] == f"{index.url}projects/first-release/"
    for file in first.json["files"]:
        stored = (index.root / file["filename"]).read_bytes()
        assert hashlib.sha256(stored).hexdigest() == file["sha256"]

    again = pypi_publish("publish", project, "--json")
    assert (again.code, _statuses(again.json)) == (0, ["unchanged", "unchanged"])
    assert again.json["published"] is False
    assert again.json["projects"] == [{**first.json["projects"][0], "unchanged": True}]
    for kept, sent in zip(again.json["files"], first.json["files"], strict=True):
        assert kept["url"].startswith(index.url)
        assert kept == {**sent, "status": "unchanged", "path": None, "url": kept["url"]}
    assert "unchanged, not built" in again.stderr
    assert f"pip install --index-url {index.url}simple/ first-release==1.0" in again.stderr

    (project / "src/first_release/__init__.py").write_text("changed = True\n")
    git(project, "commit", "-qam", "Change without raising the version")
    changed = pypi_publish(project)
    assert changed.code == 5
    assert "other contents" in changed.stderr
    assert "--skip-existing" in changed.stderr


def test_a_release_that_the_index_lost_is_built_again(index: RunningIndex, tmp_path: Path) -> None:
    # slow (three builds with a real backend): what was published once must not be taken for published for ever
    project = make_project(tmp_path / "project", "kept")
    commit(project)
    assert _statuses(pypi_publish(project, "--json").json) == ["uploaded", "uploaded"]
    assert _statuses(pypi_publish(project, "--json").json) == ["unchanged", "unchanged"]
    assert pypi_publish("check", project).code == 0

    (project / "notes.txt").write_text("not committed\n")
    conflict = pypi_publish(project, "--json")
    assert conflict.code == 5, conflict.stderr
    (project / "notes.txt").unlink()

    (index.root / "kept-1.0.tar.gz").unlink()
    again = pypi_publish(project, "--json")
    assert _statuses(again.json) == ["already-there", "uploaded"], again.stderr


def test_the_table_names_files_sizes_states_page_and_install_line(index: RunningIndex, tmp_path: Path) -> None:
    result = pypi_publish("upload", make_wheel(tmp_path, "shown"))
    assert result.code == 0
    assert result.stdout == ""
    assert "shown-1.0-py3-none-any.whl" in result.stderr
    assert " bytes  uploaded" in result.stderr
    assert f"{index.url}projects/shown/" in result.stderr
    assert f"pip install --index-url {index.url}simple/ shown==1.0" in result.stderr


@pytest.mark.usefixtures("index")
def test_pip_comes_first_where_the_index_serves_public_packages_too(tmp_path: Path) -> None:
    described = metadata("needing", "1.0", "Requires-Dist: six\n")
    wheel = make_wheel(tmp_path, "needing", metadata_bytes=described)
    alone = pypi_publish("upload", wheel, "--json")
    assert alone.json["projects"][0]["install"].startswith("pypi-publish config uv"), alone.stderr
    cache = str(tmp_path / "cache")
    own = RunningIndex.start(tmp_path / "own", "--upstream", "http://127.0.0.1:9/simple/", "--upstream-cache", cache)
    try:
        own.add_user(USER, PASSWORD)
        both = pypi_publish("upload", wheel, "--index-url", own.url, "--json")
        assert both.json["projects"][0]["install"] == f"pip install --index-url {own.url}simple/ needing==1.0"
    finally:
        own.stop()


def test_a_dry_run_sends_nothing(index: RunningIndex, tmp_path: Path) -> None:
    result = pypi_publish("upload", make_wheel(tmp_path, "dry"), "--dry-run", "--json")
    assert (result.code, _statuses(result.json), result.json["dry-run"]) == (0, ["would-upload"], True)
    assert not list(index.root.glob("dry-*"))


def test_a_conflict_stops_everything_before_the_first_byte(index: RunningIndex, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stored = make_sdist(tmp_path, "conflict")
    assert pypi_publish("upload", stored).code == 0
    there = hashlib.sha256(stored.read_bytes()).hexdigest()
    changed = make_sdist(tmp_path / "other", "conflict", members={"conflict-1.0/more": b"x"})
    new = make_wheel(tmp_path, "conflict")

    result = pypi_publish("upload", new, changed)

    assert result.code == 5
    here = hashlib.sha256(changed.read_bytes()).hexdigest()
    assert f"(sha256 {there[:12]}… there, {here[:12]}… here)" in " ".join(result.stderr.split())
    assert not (index.root / new.name).exists()
    skipped = pypi_publish("upload", new, changed, "--skip-existing", "--json")
    assert (skipped.code, _statuses(skipped.json)) == (0, ["uploaded", "skipped"])


def test_wheels_go_before_sdists(index: RunningIndex, tmp_path: Path) -> None:
    result = pypi_publish("upload", make_sdist(tmp_path, "ordered"), make_wheel(tmp_path, "ordered"), "--json")
    assert [file["kind"] for file in result.json["files"]] == ["bdist_wheel", "sdist"]
    assert index.url


@pytest.mark.usefixtures("index")
def test_the_tag_must_be_the_version(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "tagged")
    assert pypi_publish("upload", wheel, "--tag", "v1.1").code == 7
    assert pypi_publish("upload", wheel, "--tag", "other-v1.0").code == 7
    assert pypi_publish("upload", wheel, "--require-tag").code == 7
    assert pypi_publish("upload", wheel, "--require-tag", env={"PYPI_PUBLISH_TAG": "refs/tags/v1.0"}).code == 0
    assert pypi_publish("upload", wheel, "--tag", "release-1.0").code == 7
    assert pypi_publish("upload", wheel, "--tag", "release-1.0", "--tag-prefix", "release-").code == 0
    (tmp_path / "pyproject.toml").write_text('[tool.pypi-publish]\ntag-prefix = "release-"\n')
    assert pypi_publish("upload", wheel, "--tag", "release-1.0", cwd=tmp_path).code == 0
    assert pypi_publish("upload", wheel, "--tag", "v1.0", cwd=tmp_path).code == 7


@pytest.mark.usefixtures("index")
def test_a_failed_check_stops_before_anything_is_sent(tmp_path: Path) -> None:
    data = metadata("bad", "1.0", "Requires-Python: three\n")
    result = pypi_publish("upload", make_wheel(tmp_path, "bad", metadata_bytes=data), "--json")
    assert result.code == 7
    assert "PP701 the metadata field 'requires-python' is invalid" in result.stderr
    assert result.json["error"]["exit-code"] == 7


@pytest.mark.usefixtures("index")
def test_a_build_that_fails_shows_the_backends_output(tmp_path: Path) -> None:
    project = write_backend(tmp_path / "project", "print('compiling'); raise ValueError('no frobnicator')")
    result = pypi_publish(project)
    assert result.code == 3
    assert "compiling" in result.stderr
    assert "no frobnicator" in result.stderr
    assert "Traceback" in pypi_publish(project, "-vv").stderr


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing-folder"], 2, "does not exist"),
        (["."], 2, "no pyproject.toml"),
        (["upload", "missing-1.0-py3-none-any.whl"], 2, "No such file"),
        (["upload"], 2, "Missing argument"),
        (["publsh"], 2, "Did you mean 'publish'?"),
        (["upload", "x.whl", "--index-url", "acme.example"], 2, "expected http(s)"),
        (["--no-such-option"], 2, "No such option"),
    ],
)
def test_wrong_usage_is_reported(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    result = pypi_publish(*arguments, cwd=tmp_path)
    assert result.code == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("index")
def test_flags_may_stand_before_the_command(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "flagged")
    quiet = pypi_publish("-q", "upload", wheel)
    assert (quiet.code, quiet.everything) == (0, "")


def test_the_help_names_every_command() -> None:
    help_text = pypi_publish("--help").stdout
    for command in ("publish", "login", "serve", "demo", "yank"):
        assert f"  {command}" in help_text
    assert pypi_publish("-h").stdout == help_text
    assert pypi_publish("publish", "--help").stdout.startswith("Usage: pypi-publish publish [OPTIONS] [SRC]...")


@pytest.mark.usefixtures("index")
def test_a_broken_pyproject_is_reported(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")
    result = pypi_publish(cwd=tmp_path)
    assert result.code == 2
    assert "is not valid TOML" in result.stderr


def test_no_index_and_no_credentials_are_reported(index: RunningIndex, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "unnamed")
    assert pypi_publish("upload", wheel, env={"PYPI_PUBLISH_INDEX_URL": ""}, cwd=tmp_path).code == 2
    nobody = pypi_publish("upload", wheel, env={"PYPI_PUBLISH_USERNAME": "", "PYPI_PUBLISH_PASSWORD": ""})
    assert nobody.code == 4
    assert "pypi-publish login" in nobody.stderr
    assert index.url


@pytest.mark.usefixtures("index")
def test_a_wrong_password_is_reported_and_never_shown(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "refused")
    for flags in ([], ["-vv"], ["--json"]):
        result = pypi_publish("upload", wheel, *flags, env={"PYPI_PUBLISH_PASSWORD": "wr0ng-s3cret"})
        assert result.code == 4
        assert "refused the password of 'ada'" in result.stderr
        assert "wr0ng-s3cret" not in result.everything


def test_the_password_comes_from_stdin(index: RunningIndex, tmp_path: Path) -> None:
    arguments = ("upload", make_wheel(tmp_path, "stdin"), "--password-stdin")
    assert pypi_publish(*arguments, given=f"{PASSWORD}\n", env={"PYPI_PUBLISH_PASSWORD": ""}).code == 0
    assert pypi_publish(*arguments, given="").code == 2
    assert index.url


def test_netrc_is_read_after_keyring(index: RunningIndex, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f'machine 127.0.0.1 login {USER} password "{PASSWORD}"\n', "utf-8")
    netrc.chmod(0o600)
    env = {"PYPI_PUBLISH_USERNAME": "", "PYPI_PUBLISH_PASSWORD": "", "NETRC": str(netrc)}
    result = pypi_publish("upload", make_wheel(tmp_path, "from-netrc".replace("-", "_")), env=env)
    assert result.code == 0, result.stderr
    assert "from netrc" in result.stderr
    netrc.write_text("machine\n")
    broken = pypi_publish("upload", make_wheel(tmp_path, "from_netrc"), env=env)
    assert (broken.code, "netrc" in broken.stderr) == (4, True)
    assert index.url


def test_a_closed_port_and_an_unknown_host_are_reported(index: RunningIndex, tmp_path: Path) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        closed = pypi_publish("upload", make_wheel(tmp_path), "--index-url", f"http://127.0.0.1:{port}/")
    assert closed.code == 6
    assert "connection was refused" in closed.stderr
    unknown = pypi_publish("upload", make_wheel(tmp_path), "--index-url", "http://no-such-host.invalid/")
    assert unknown.code == 6
    assert "unknown host 'no-such-host.invalid'" in unknown.stderr
    assert index.url


def test_https_where_http_answers_is_reported(index: RunningIndex, tmp_path: Path) -> None:
    result = pypi_publish("upload", make_wheel(tmp_path), "--index-url", index.url.replace("http:", "https:"))
    assert result.code == 6
    assert "does not speak TLS" in result.stderr


@pytest.mark.usefixtures("index")
def test_http_where_https_answers_is_reported(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    keys = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    assert run(["openssl", "req", "-x509", *keys, *subject]).code == 0
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Scripted)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with _serving(server):
        plain = pypi_publish("upload", make_wheel(tmp_path), "--index-url", f"http://127.0.0.1:{server.server_port}/")
        untrusted = pypi_publish(
            "upload", make_wheel(tmp_path), "--index-url", f"https://127.0.0.1:{server.server_port}/"
        )
    assert plain.code == 6
    assert f"use https://127.0.0.1:{server.server_port}/" in plain.stderr
    assert untrusted.code == 6
    assert "certificate is not trusted" in untrusted.stderr


class _Scripted(BaseHTTPRequestHandler):
    """An index without files that answers uploads with the next of a list of answers."""

    answers: ClassVar[list[tuple[int, dict[str, str], bytes]]] = []
    uploads = 0

    def do_GET(self) -> None:
        self._answer(404, {}, b"")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).uploads += 1
        self._answer(*(self.answers.pop(0) if self.answers else (200, {}, b"")))

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class _serving:  # noqa: N801 - reads as a statement: with _serving(server)
    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Scripted]]:
    """Run an index that answers as the test says, named and with credentials in the environment."""
    handler = type("Scripted", (_Scripted,), {"answers": [], "uploads": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    monkeypatch.setenv("PYPI_PUBLISH_INDEX_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("PYPI_PUBLISH_USERNAME", USER)
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", PASSWORD)
    with _serving(server):
        yield handler


def test_an_index_that_fails_is_tried_again(scripted: type[_Scripted], tmp_path: Path) -> None:
    scripted.answers += [(503, {}, b""), (429, {"Retry-After": "1"}, b"")]
    result = pypi_publish("upload", make_wheel(tmp_path))
    assert (result.code, scripted.uploads) == (0, 3)
    assert result.stderr.count("retrying in") == 2


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (400, b"the README is too long", 7, "the README is too long"),
        (413, b"at most 100 MB", 7, "at most 100 MB"),
        (401, b"", 4, "refused the password"),
        (403, b"you may only download", 4, "you may only download"),
        (409, b"File already exists", 5, "File already exists"),
        (400, b"File already exists", 5, "File already exists"),
        (303, b"", 6, "may be stored"),
        (501, b"not here", 6, "not here"),
    ],
)
def test_messages_of_the_index_are_shown(  # noqa: PLR0917 - a table of cases
    scripted: type[_Scripted], tmp_path: Path, status: int, body: bytes, code: int, message: str
) -> None:
    scripted.answers.append((status, {"Content-Type": "text/plain", "Location": "/elsewhere"}, body))
    result = pypi_publish("upload", make_wheel(tmp_path))
    assert (result.code, scripted.uploads) == (code, 1)
    assert message in result.stderr


def test_the_message_of_a_json_error_is_reported(scripted: type[_Scripted], tmp_path: Path) -> None:
    scripted.answers.append((400, {"Content-Type": "application/json"}, b'{"message": "no such classifier"}'))
    assert "no such classifier" in pypi_publish("upload", make_wheel(tmp_path)).stderr


def test_a_failure_in_the_middle_lists_uploaded_files(scripted: type[_Scripted], tmp_path: Path) -> None:
    scripted.answers += [(200, {}, b""), (400, {"Content-Type": "text/plain"}, b"no")]
    result = pypi_publish("upload", make_wheel(tmp_path), make_sdist(tmp_path))
    assert result.code == 7
    assert "Uploaded before that: acme_widgets-1.0-py3-none-any.whl" in result.stderr
