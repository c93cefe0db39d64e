"""The sdist goes up while its wheel is built, and is published only when everything else is in order."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from publisher.client.url import parse_index_url
from publisher.credentials.chain import Target
from publisher.project.distributions import Distribution, read_distribution
from publisher.publish.events import Observer
from publisher.publish.prefetch import Ahead
from publisher.publish.sender import Upload, Uploader
from publisher.publish.speculative import AT_THE_SAME_TIME, Early
from publisher.secret import Secret
from tests.conftest import PASSWORD, USER
from tests.helpers.answering import Answer, Request, answering
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.http import sha256
from tests.helpers.index import RunningIndex
from tests.helpers.inside import serving
from tests.helpers.terminal import typed
from tests.helpers.tool import pypi_publish
from tests.helpers.waiting import eventually

SIZE = 3 * 2**20
"""Bytes of an sdist of which an index writes some to disk before its end has come."""

_BACKEND = '''\
import glob, io, os, tarfile, time, zipfile

NAME = {name!r}
METADATA = f"Metadata-Version: 2.1\\nName: {{NAME}}\\nVersion: 1.0\\n"


def build_sdist(folder, settings=None):
    name = f"{{NAME}}-1.0"
    members = {{"PKG-INFO": METADATA.encode(), "data": bytes(range(256)) * 16 + os.urandom({size})}}
    members |= {{own: open(own, "rb").read() for own in ("backend.py", "pyproject.toml")}}
    with tarfile.open(os.path.join(folder, f"{{name}}.tar.gz"), "w:gz") as archive:
        for path, content in members.items():
            member = tarfile.TarInfo(f"{{name}}/{{path}}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return f"{{name}}.tar.gz"


def arrived():
    """Wait until an index has most of an sdist on its disk."""
    for _ in range(400):
        if any(os.path.getsize(path) > {size} // 2 for path in glob.glob({parts!r}, recursive=True)):
            return
        time.sleep(0.05)
    raise SystemExit("no upload has begun")


def build_wheel(folder, settings=None, metadata=None):
    {statement}
    name = f"{{NAME}}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, text in {{"METADATA": METADATA, "WHEEL": "Wheel-Version: 1.0\\n", "RECORD": ""}}.items():
            archive.writestr(f"{{NAME}}-1.0.dist-info/{{path}}", text)
    return name
'''


def _project(folder: Path, name: str, parts: Path, statement: str = "arrived()") -> Path:
    """Write a project whose backend runs a statement before it makes the wheel."""
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\n'
    )
    pattern = str(parts / "**/.*/**/upload-*.part")
    text = _BACKEND.format(name=name, size=SIZE, parts=pattern, statement=statement)
    (folder / "backend.py").write_text(text)
    return folder


def _posts(index: RunningIndex, begun: int = 0) -> list[str]:
    """Return the log's lines about uploads, from a position in the log on."""
    return [line for line in index.log.read_text()[begun:].splitlines() if "POST" in line]


def _left(index: RunningIndex) -> list[Path]:
    return list(index.root.rglob("upload-*.part"))


def _files(index: RunningIndex, name: str) -> list[str]:
    return sorted(path.name for path in index.root.glob(f"{name}-*"))


def test_an_sdist_goes_up_once_while_its_wheel_is_built(index: RunningIndex, tmp_path: Path) -> None:
    begun = len(index.log.read_text())
    result = pypi_publish(_project(tmp_path / "p", "early_one", index.root), "--json")
    assert result.code == 0, result.stderr
    assert [file["status"] for file in result.json["files"]] == ["uploaded", "uploaded"]
    for file in result.json["files"]:
        assert sha256(index.root / file["filename"]) == file["sha256"] == sha256(Path(file["path"]))
    assert [" 200 " in line for line in _posts(index, begun)] == [True, True]
    wheel, sdist = (index.root / file["filename"] for file in result.json["files"])
    assert wheel.stat().st_ctime_ns < sdist.stat().st_ctime_ns  # in sight of installers
    assert result.stderr.index("Uploaded early_one-1.0-py3") < result.stderr.index("Uploaded early_one-1.0.tar.gz")


@pytest.mark.parametrize(
    ("statement", "code", "told"),
    [
        ("arrived(); raise ValueError('no compiler')", 3, "no compiler"),
        ("arrived(); global METADATA; METADATA += 'Requires-Dist: !\\n'", 7, "requires-dist"),
    ],
)
def test_nothing_is_published_when_the_wheel_is_not_in_order(
    index: RunningIndex, tmp_path: Path, statement: str, code: int, told: str
) -> None:
    result = pypi_publish(_project(tmp_path / "p", "early_failed", index.root, statement))
    assert result.code == code, result.stderr
    assert told in result.stderr
    assert eventually(lambda: not _left(index))
    assert _files(index, "early_failed") == []


def test_a_conflict_of_the_wheel_keeps_the_sdist_from_being_published(index: RunningIndex, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "early_conflict")
    assert pypi_publish("upload", wheel).code == 0
    result = pypi_publish(_project(tmp_path / "p", "early_conflict", index.root))
    assert result.code == 5
    assert "Nothing was published." in result.stderr
    assert eventually(lambda: not _left(index))
    assert _files(index, "early_conflict") == [wheel.name]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no terminals like that")
def test_a_terminal_shows_the_upload_beside_the_build(index: RunningIndex, tmp_path: Path) -> None:
    project = _project(tmp_path / "p", "early_seen", index.root, "arrived(); time.sleep(0.5)")
    shown, code = typed([str(project)], [], {"TERM": "xterm-256color", "COLUMNS": "150"})
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert code == 0, text
    before, after = text.split("Built early_seen", 1)
    assert re.search(r"Uploading early_seen-1.0.tar.gz .*MB", before)
    assert "Uploaded early_seen-1.0.tar.gz" in after


def test_an_interrupt_leaves_nothing(index: RunningIndex, tmp_path: Path) -> None:
    arrived = tmp_path / "arrived"
    statement = f"arrived(); open({str(arrived)!r}, 'w').close(); time.sleep(600)"
    project = _project(tmp_path / "p", "early_stopped", index.root, statement)
    command = [sys.executable, "-m", "publisher.cli.main", str(project)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert eventually(arrived.exists)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "nothing was published" in told
    assert eventually(lambda: not _left(index))
    assert _files(index, "early_stopped") == []


@pytest.mark.parametrize(("option", "sent"), [("--dry-run", 0), ("--skip-existing", 1)])
def test_what_is_not_to_be_sent_is_not_begun(index: RunningIndex, tmp_path: Path, option: str, sent: int) -> None:
    if option == "--skip-existing":
        assert pypi_publish("upload", make_sdist(tmp_path, "early_not")).code == 0
    begun = len(index.log.read_text())
    result = pypi_publish(_project(tmp_path / "p", "early_not", index.root, "time.sleep(0.5)"), option)
    assert result.code == 0, result.stderr
    assert len(_posts(index, begun)) == sent


def test_a_refused_password_is_told_as_ever(index: RunningIndex, tmp_path: Path) -> None:
    project = _project(tmp_path / "p", "early_refused", index.root, "pass")
    result = pypi_publish(project, env={"PYPI_PUBLISH_PASSWORD": "wrong"})
    assert result.code == 4
    assert "refused the password" in result.stderr


@pytest.fixture
def sdist(tmp_path: Path) -> Distribution:
    return read_distribution(make_sdist(tmp_path, "held", members={"held-1.0/data": os.urandom(SIZE)}))


def _ahead(url: str, password: str = PASSWORD) -> Ahead:
    return Ahead(Target(parse_index_url(url), USER, Secret(password)), ["held"])


def _send(ahead: Ahead, early: Early, sdist: Distribution) -> list[int]:
    """Send a file as a run does when everything else is in order, and return what was told of its bytes."""
    told: list[int] = []

    class Listening(Observer):
        def sending(self, filename: str, size: int) -> Callable[[int], None]:
            assert (filename, size) == (sdist.filename, sdist.path.stat().st_size)
            return told.append

    upload = Upload(sdist)
    Uploader(ahead.connect(None), early, Listening(), pauses=[]).send(upload)
    assert upload.sha256 == sha256(sdist.path)
    return told


def test_what_went_early_is_not_sent_again(index: RunningIndex, sdist: Distribution) -> None:
    begun = len(index.log.read_text())
    with closing(_ahead(index.url)) as ahead, closing(Early(ahead, Observer(), spare=9)) as early:
        early.begin(sdist)
        early.begin(sdist)
        assert eventually(lambda: len(_left(index)) == 1)
        told = _send(ahead, early, sdist)
    assert told[-1] == sdist.path.stat().st_size
    assert len(_posts(index, begun)) == 1
    assert sha256(index.root / sdist.filename) == sha256(sdist.path)


@pytest.mark.parametrize("share", [0.5, 20.0], ids=["the client's patience ends", "the index's patience ends"])
def test_an_end_that_waited_too_long_costs_only_the_bytes(
    tmp_path: Path, sdist: Distribution, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.publish.speculative.SHARE", share)
    with (
        serving(tmp_path, stalled_upload=0.3) as (address, root),
        closing(_ahead(f"http://127.0.0.1:{address[1]}/", "correct horse")) as ahead,
        closing(Early(ahead, Observer(), spare=9)) as early,
    ):
        early.begin(sdist)
        assert eventually(lambda: any(root.rglob("upload-*.part")))
        assert eventually(lambda: not any(root.rglob("upload-*.part")))
        assert not (root / sdist.filename).exists()
        told = _send(ahead, early, sdist)
        assert 2**16 in told[1:]  # from the first byte
        assert sha256(root / sdist.filename) == sha256(sdist.path)


@pytest.mark.parametrize("told", [{}, {"Upload-Patience": "for ever"}, {"Upload-Patience": "nan"}])
def test_nothing_goes_early_to_an_index_that_may_keep_it(sdist: Distribution, told: dict[str, str]) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Answer:
        asked.append(request.method)
        return Answer(404 if request.method == "GET" else 200, headers=told)

    with answering(answer) as url, closing(_ahead(url)) as ahead, closing(Early(ahead, Observer(), spare=9)) as early:
        early.begin(sdist)
        assert early.finish(sdist.filename, lambda _: None) is None
        early.begin(sdist)
        _send(ahead, early, sdist)
    assert asked == ["GET", "POST"]


def test_a_run_with_one_connection_has_none_to_spare(tmp_path: Path, sdist: Distribution) -> None:
    with (
        serving(tmp_path) as (address, root),
        closing(_ahead(f"http://127.0.0.1:{address[1]}/", "correct horse")) as ahead,
    ):
        early = Early(ahead, Observer(), spare=0)
        early.begin(sdist)
        assert early.finish(sdist.filename, lambda _: None) is None
        assert not list(root.glob("held*"))


def test_what_was_broken_off_is_not_shown_later(sdist: Distribution) -> None:
    shown: list[str] = []
    answers, asked = threading.Event(), threading.Event()

    class Listening(Observer):
        def sending(self, filename: str, size: int) -> Callable[[int], None]:
            shown.append(f"{filename} {size}")
            return lambda _: None

    def answer(request: Request) -> Answer:
        asked.set()
        assert answers.wait(20)
        return Answer(404 if request.method == "GET" else 200, headers={"Upload-Patience": "60"})

    with answering(answer) as url, closing(_ahead(url)) as ahead:
        early = Early(ahead, Listening(), spare=9)
        early.begin(sdist)
        assert asked.wait(20)
        early.close()
        answers.set()
        ahead.connect(None)
        assert eventually(lambda: "early" not in {thread.name for thread in threading.enumerate()})
    assert shown == []


def test_one_run_takes_few_of_an_indexs_places(index: RunningIndex, tmp_path: Path) -> None:
    with closing(_ahead(index.url)) as ahead, closing(Early(ahead, Observer(), spare=9)) as early:
        for number in range(AT_THE_SAME_TIME + 2):
            data = {f"place_{number}-1.0/data": os.urandom(SIZE)}
            early.begin(read_distribution(make_sdist(tmp_path, f"place_{number}", members=data)))
        assert eventually(lambda: len(_left(index)) == AT_THE_SAME_TIME)
        assert early.finish("place_9-1.0.tar.gz", lambda _: None) is None
        early.close()
        early.begin(read_distribution(tmp_path / "place_0-1.0.tar.gz"))
    assert eventually(lambda: not _left(index))
    assert _files(index, "place_*") == []
