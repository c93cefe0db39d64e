"""One file, sent until the index has answered: what is worth another attempt, for how long, and how it is stopped."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import requests

from publisher.errors import (
    CheckFailedError,
    ConflictError,
    IndexUnavailableError,
    PublishError,
    RefusedCredentialsError,
    StoppedError,
)
from publisher.project.distributions import read_distribution
from publisher.publish.plan import Upload
from publisher.publish.sender import FileSender
from tests.helpers.dists import make_wheel
from tests.helpers.scripted import ScriptedIndex, Steps, answer

SOON = (0.0, 0.0)


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    return Upload(read_distribution(make_wheel(tmp_path)))


NAME = "acme_widgets-1.0-py3-none-any.whl"


def test_a_file_that_is_stored_is_sent_once(upload: Upload) -> None:
    index, steps = ScriptedIndex([answer(200)]), Steps()
    assert FileSender(index, steps, SOON).send(upload) is True
    assert steps.steps == [f"sent {NAME}"]
    assert len(index.posted) == 1
    assert upload.distribution.path.read_bytes() in index.posted[0]
    assert upload.sha256.encode() in index.posted[0]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_failure_that_passes_is_tried_again(upload: Upload, status: int) -> None:
    index, steps = ScriptedIndex([answer(status), answer(200)]), Steps()
    assert FileSender(index, steps, SOON).send(upload) is True
    assert steps.steps == [f"retrying {NAME}: the index answered {status}", f"sent {NAME}"]


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, CheckFailedError),
        (401, RefusedCredentialsError),
        (404, IndexUnavailableError),
        (409, ConflictError),
        (501, IndexUnavailableError),
    ],
)
def test_every_other_answer_is_the_last(upload: Upload, status: int, failure: type[PublishError]) -> None:
    index, steps = ScriptedIndex([answer(status), answer(200)]), Steps()
    with pytest.raises(failure):
        FileSender(index, steps, SOON).send(upload)
    assert (len(index.posted), steps.steps) == (1, [])


def test_an_index_that_is_not_reached_is_tried_again_with_the_reason(upload: Upload) -> None:
    index, steps = ScriptedIndex([IndexUnavailableError("no route"), answer(200)]), Steps()
    assert FileSender(index, steps, SOON).send(upload) is True
    assert steps.steps == [f"retrying {NAME}: no route", f"sent {NAME}"]


@pytest.mark.parametrize("failure", [answer(503), IndexUnavailableError("no route")])
def test_after_the_last_pause_there_is_one_more_attempt(
    upload: Upload, failure: requests.Response | IndexUnavailableError
) -> None:
    index, steps = ScriptedIndex([failure]), Steps()
    with pytest.raises(IndexUnavailableError):
        FileSender(index, steps, SOON).send(upload)
    assert (len(index.posted), len(steps.steps)) == (3, 2)


def test_an_index_that_asks_for_a_long_pause_is_not_waited_for(upload: Upload) -> None:
    index, steps = ScriptedIndex([answer(503, Retry_After="121")]), Steps()
    with pytest.raises(IndexUnavailableError, match="503"):
        FileSender(index, steps, SOON).send(upload)
    assert (len(index.posted), steps.steps) == (1, [])


def test_all_pauses_together_have_a_limit(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.publish.sender.PAUSES_TOGETHER", 2 / 512)
    index = ScriptedIndex([answer(503)])
    with pytest.raises(IndexUnavailableError):
        FileSender(index, Steps(), (1 / 512,) * 9).send(upload)
    assert len(index.posted) == 3


@pytest.mark.parametrize("pause", [1 / 512, 1 / 256])
def test_a_pause_is_as_long_as_said_and_a_little_longer(upload: Upload, pause: float) -> None:
    pauses: list[float] = []

    class Timed(Steps):
        def retrying(self, filename: str, reason: str, pause: float) -> None:
            assert (filename, reason) == (NAME, "the index answered 503")
            pauses.append(pause)

    FileSender(ScriptedIndex([answer(503), answer(200)]), Timed(), (pause,)).send(upload)
    assert len(pauses) == 1
    assert pause <= pauses[0] <= 1.25 * pause


def test_a_success_that_proves_nothing_is_not_reported_as_sent(upload: Upload) -> None:
    for unproven in (
        answer(202),
        answer(200, X_Checksum_Sha256="0" * 64),
        answer(200, "<html><title>Sign in</title>", Content_Type="text/html"),
    ):
        steps = Steps()
        assert FileSender(ScriptedIndex([unproven]), steps, SOON).send(upload) is False
        assert steps.steps == []


def test_an_answer_with_the_digest_proves_it(upload: Upload) -> None:
    proof = answer(202, X_Checksum_Sha256=upload.sha256.upper())
    assert FileSender(ScriptedIndex([proof]), Steps(), SOON).send(upload) is True


def test_a_file_counts_as_stored_with_or_without_a_warning(upload: Upload) -> None:
    steps = Steps()
    sender = FileSender(ScriptedIndex(), steps)
    sender.accept(upload)
    sender.accept(upload, "not proven")
    assert steps.steps == [f"sent {NAME}", "warned: not proven", f"sent {NAME}"]


def test_nothing_is_sent_after_a_stop(upload: Upload) -> None:
    index = ScriptedIndex([answer(200)])
    sender = FileSender(index, Steps(), SOON)
    sender.stop()
    with pytest.raises(StoppedError):
        sender.send(upload)
    assert index.posted == []


class Interrupted(ScriptedIndex):
    """Is stopped while a file goes up: before its bytes are taken, or after all of them."""

    def __init__(self, *, has_it_in_whole: bool) -> None:
        super().__init__([IndexUnavailableError("broken")])
        self.stop: Callable[[], None] = lambda: None
        self._has_it_in_whole = has_it_in_whole

    def post(self, form: Iterable[bytes | memoryview], content_type: str) -> requests.Response:
        if self._has_it_in_whole:
            try:
                return super().post(form, content_type)
            finally:
                self.stop()
        self.stop()
        return super().post(form, content_type)


def test_a_file_that_went_up_in_whole_without_an_answer_is_remembered(upload: Upload) -> None:
    index = Interrupted(has_it_in_whole=True)
    sender = FileSender(index, Steps(), SOON)
    index.stop = sender.stop
    with pytest.raises(StoppedError):
        sender.send(upload)
    assert sender.unanswered == [NAME]
    assert len(index.posted) == 1


def test_a_file_that_goes_up_ends_at_a_stop(upload: Upload) -> None:
    index = Interrupted(has_it_in_whole=False)
    sender = FileSender(index, Steps(), SOON)
    index.stop = sender.stop
    with pytest.raises(StoppedError):
        sender.send(upload)
    assert (sender.unanswered, index.posted) == ([], [])


def test_a_broken_connection_without_a_stop_leaves_nothing_unanswered(upload: Upload) -> None:
    sender = FileSender(ScriptedIndex([IndexUnavailableError("broken")]), Steps(), ())
    with pytest.raises(IndexUnavailableError):
        sender.send(upload)
    assert sender.unanswered == []


def test_an_abort_breaks_the_connections() -> None:
    index = ScriptedIndex()
    FileSender(index, Steps()).abort()
    assert index.aborts == 1


def test_the_bytes_that_went_up_are_reported(upload: Upload) -> None:
    counts: list[int] = []

    class Counting(Steps):
        def sending(self, filename: str, size: int) -> Callable[[int], None]:
            assert (filename, size) == (NAME, upload.size)
            return counts.append

    FileSender(ScriptedIndex([answer(200)]), Counting(), SOON).send(upload)
    assert counts[-1] == upload.size


def test_the_digest_is_that_of_the_bytes_that_were_sent(upload: Upload) -> None:
    class Removed(ScriptedIndex):
        def post(self, form: Iterable[bytes | memoryview], content_type: str) -> requests.Response:
            response = super().post(form, content_type)
            upload.distribution.path.unlink()
            return response

    index = Removed([answer(200)])
    assert FileSender(index, Steps(), SOON).send(upload) is True
    assert upload.sha256.encode() in index.posted[0]
