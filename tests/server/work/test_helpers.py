"""Large files are read in processes of low priority, which end with the client, the index, or after a while."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import InvalidDistributionError, OversizedDistributionError
from publisher.limits import LIMITS, DistributionLimits
from publisher.server.work.helpers import HelperProcesses
from publisher.server.work.reading import read_upload
from publisher.server.work.turns import BusyError
from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.waiting import eventually

Checkpoint = Callable[[], None]
WIDE = DistributionLimits().members


def nothing() -> None:
    """Let the work go on."""


def beyond(path: Path, what: str, *, limits: DistributionLimits, checkpoint: Checkpoint) -> object:
    """Do something in a helper, and never here."""
    checkpoint()
    if limits.members < WIDE:
        raise OversizedDistributionError("for a helper")
    if what == "priority":
        return [os.nice(0), os.getpid()]
    if what == "memory":
        return bytearray(2 * LIMITS.helper_memory).decode()
    if what == "wait":
        path.touch()
        signal.pause()
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "missing":
        return path.stat().st_size
    if what == "secrets":
        return sorted(os.environ)
    raise InvalidDistributionError(f"{path} is refused")


def ask(helpers: HelperProcesses, what: str, path: Path = Path(), checkpoint: Checkpoint = nothing) -> Any:
    return helpers.read(beyond, path, what, checkpoint=checkpoint)


@pytest.fixture
def helpers() -> Iterator[HelperProcesses]:
    helpers = HelperProcesses(LIMITS)
    yield helpers
    helpers.close()


def test_small_files_are_read_in_this_process(
    helpers: HelperProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subprocess.Popen", None)
    wheel = make_wheel(tmp_path, "small")
    found = helpers.read(read_upload, wheel, wheel.name, checkpoint=nothing)
    assert found["problem"] is None
    with pytest.raises(InvalidDistributionError):
        helpers.read(read_upload, wheel, "other-1.0-py3-none-any.whl", checkpoint=nothing)


def test_small_files_in_memory_are_read_at_once_with_the_same_result(helpers: HelperProcesses, tmp_path: Path) -> None:
    for made in (make_wheel(tmp_path, "small"), make_sdist(tmp_path, "small")):
        full = read_upload(made, made.name, limits=LIMITS.distributions, checkpoint=nothing)
        assert helpers.read_at_once(read_upload, made.read_bytes(), made.name) == full
        assert helpers.read_at_once(read_upload, made, made.name) is None  # its disk may be slow
    with pytest.raises(InvalidDistributionError, match="names the project 'small'"):
        helpers.read_at_once(read_upload, made.read_bytes(), "other-1.0.tar.gz")


@pytest.mark.parametrize(
    "beyond",
    [
        {"members": {f"large/{number}": b"" for number in range(110)}},
        {"metadata_bytes": metadata("large", "1.0", "".join(f"Requires-Dist: other-{n}\n" for n in range(70)))},
    ],
    ids=["many members", "many fields"],
)
def test_what_takes_longer_is_not_read_at_once(
    helpers: HelperProcesses, tmp_path: Path, beyond: Mapping[str, Any]
) -> None:
    wheel = make_wheel(tmp_path, "large", **beyond)
    assert helpers.read_at_once(read_upload, wheel.read_bytes(), wheel.name) is None
    assert helpers.read(read_upload, wheel.read_bytes(), wheel.name, checkpoint=nothing)["problem"] is None


def test_an_sdist_that_unpacks_to_much_is_not_read_at_once(helpers: HelperProcesses, tmp_path: Path) -> None:
    sdist = make_sdist(tmp_path, "large", members={"large-1.0/zeros": bytes(100_000)})
    assert len(sdist.read_bytes()) < 2_000
    assert helpers.read_at_once(read_upload, sdist.read_bytes(), sdist.name) is None


def test_large_files_are_read_in_a_helper_with_the_same_result(helpers: HelperProcesses, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "large", members={f"large/{number}": b"" for number in range(600)})
    full = read_upload(wheel, wheel.name, limits=LIMITS.distributions, checkpoint=nothing)
    with pytest.raises(OversizedDistributionError):
        read_upload(wheel, wheel.name, limits=LIMITS.distributions.light(), checkpoint=nothing)
    assert helpers.read(read_upload, wheel, wheel.name, checkpoint=nothing) == full
    assert helpers.read(read_upload, wheel.read_bytes(), wheel.name, checkpoint=nothing) == full
    with pytest.raises(InvalidDistributionError, match="is for another name"):
        helpers.read(read_upload, wheel, "other-1.0-py3-none-any.whl", checkpoint=nothing)


def test_a_helper_has_low_priority_and_no_secrets_and_is_used_again(
    helpers: HelperProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "secret")
    niceness, pid = ask(helpers, "priority")
    assert niceness > os.nice(0)
    assert ask(helpers, "priority") == [niceness, pid]
    assert "AUTH_TOKEN" not in ask(helpers, "secrets")
    os.kill(pid, signal.SIGKILL)  # as one that had nothing to do for long
    niceness, other = ask(helpers, "priority")
    assert other != pid
    helpers.close()
    with pytest.raises(ProcessLookupError):
        os.kill(other, 0)


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("refuse", InvalidDistributionError, "evil is refused"),
        ("memory", InvalidDistributionError, "more memory"),
        ("die", InvalidDistributionError, "more time or memory than this index allows"),
        ("missing", FileNotFoundError, "No such file"),
    ],
)
def test_a_helper_that_fails(helpers: HelperProcesses, what: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ask(helpers, what, Path("evil"))
    assert ask(helpers, "priority")


def test_a_helper_ends_with_its_client(helpers: HelperProcesses, tmp_path: Path) -> None:
    begun = tmp_path / "begun"

    class GoneError(Exception):
        """The client went away."""

    def gone() -> None:
        if begun.exists():
            raise GoneError

    with pytest.raises(GoneError):
        ask(helpers, "wait", begun, gone)


def test_work_beyond_the_number_of_helpers_waits(tmp_path: Path) -> None:
    helpers = HelperProcesses(LIMITS._replace(helpers=1))
    ended, begun = threading.Event(), tmp_path / "begun"

    def checkpoint() -> None:
        if ended.is_set():
            raise BusyError("ended", 1)

    def wait() -> None:
        with pytest.raises(BusyError):
            ask(helpers, "wait", begun, checkpoint)

    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        if len(looks) == 3:
            ended.set()  # the first one's client is gone: its place is free

    first = threading.Thread(target=wait)
    first.start()
    assert eventually(begun.exists)
    assert ask(helpers, "priority", Path(), look)
    assert len(looks) >= 3
    first.join()
    helpers.close()


def test_no_process_can_be_started(helpers: HelperProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("subprocess.Popen", fail)
    with pytest.raises(BusyError):
        ask(helpers, "priority")
