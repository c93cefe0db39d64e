"""Events reach their observer one call at a time, with everything that belongs to them."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from publisher.client.url import IndexUrl, parse_index_url
from publisher.project.distributions import Distribution, read_distribution
from publisher.publish.events import Observer, SerializedObserver
from publisher.secret import Credentials, Secret
from tests.helpers.dists import make_wheel

URL = parse_index_url("https://acme.example/")
CREDENTIALS = Credentials("ada", Secret("x"), "a test")


class Recorder(Observer):
    """Keeps every event, and whether another one came while it was kept."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []
        self.together = 0
        self.most_together = 0

    def _keep(self, *event: object) -> None:
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        self.events.append(event)
        threading.Event().wait(0.001)
        self.together -= 1

    def building(self, project: Path) -> None:
        self._keep("building", project)

    def output(self, project: Path, text: bytes) -> None:
        self._keep("output", project, text)

    def built(self, project: Path, files: Sequence[Path]) -> None:
        self._keep("built", project, files)

    def checked(self, distributions: Sequence[Distribution], warnings: Sequence[str]) -> None:
        self._keep("checked", distributions, warnings)

    def connected(self, url: IndexUrl, credentials: Credentials) -> None:
        self._keep("connected", url, credentials)

    def sending(self, filename: str, size: int) -> Callable[[int], None]:
        self._keep("sending", filename, size)
        return lambda sent: self._keep("sent bytes", sent)

    def attempting(self, filename: str) -> AbstractContextManager[None]:
        @contextmanager
        def attempt() -> Iterator[None]:
            self._keep("begins", filename)
            yield
            self._keep("ends", filename)

        return attempt()

    def sent(self, filename: str) -> None:
        self._keep("sent", filename)

    def retrying(self, filename: str, reason: str, pause: float) -> None:
        self._keep("retrying", filename, reason, pause)

    def warned(self, message: str) -> None:
        self._keep("warned", message)


def _report_everything(observer: Observer, wheel: Distribution) -> None:
    observer.building(Path("a"))
    observer.output(Path("a"), b"text")
    observer.built(Path("a"), [Path("f")])
    observer.checked([wheel], ["w"])
    observer.connected(URL, CREDENTIALS)
    observer.sending("f", 3)(2)
    with observer.attempting("f"):
        observer.retrying("f", "why", 1.5)
    observer.sent("f")
    observer.warned("message")


def test_every_event_is_handed_on_as_it_is(tmp_path: Path) -> None:
    wheel = read_distribution(make_wheel(tmp_path))
    recorder = Recorder()
    _report_everything(SerializedObserver(recorder), wheel)
    assert recorder.events == [
        ("building", Path("a")),
        ("output", Path("a"), b"text"),
        ("built", Path("a"), [Path("f")]),
        ("checked", [wheel], ["w"]),
        ("connected", URL, CREDENTIALS),
        ("sending", "f", 3),
        ("sent bytes", 2),
        ("begins", "f"),
        ("retrying", "f", "why", 1.5),
        ("ends", "f"),
        ("sent", "f"),
        ("warned", "message"),
    ]


def test_an_observer_may_ignore_every_event(tmp_path: Path) -> None:
    observer = Observer()
    _report_everything(observer, read_distribution(make_wheel(tmp_path)))
    observer.close()


@pytest.mark.parametrize(
    "report",
    [
        lambda observer: observer.building(Path("a")),
        lambda observer: observer.output(Path("a"), b""),
        lambda observer: observer.built(Path("a"), []),
        lambda observer: observer.checked([], []),
        lambda observer: observer.connected(URL, CREDENTIALS),
        lambda observer: observer.sending("f", 1)(1),
        lambda observer: observer.sent("f"),
        lambda observer: observer.retrying("f", "", 1.0),
        lambda observer: observer.warned(""),
    ],
)
def test_events_of_several_threads_come_one_at_a_time(report: Callable[[Observer], None]) -> None:
    recorder = Recorder()
    observer = SerializedObserver(recorder)
    threads = [threading.Thread(target=report, args=(observer,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recorder.events) in {4, 8}
    assert recorder.most_together == 1


def test_no_event_of_another_thread_comes_between_those_that_belong_together() -> None:
    recorder = Recorder()
    observer = SerializedObserver(recorder)
    begun = threading.Event()

    def other() -> None:
        begun.set()
        observer.warned("other")

    thread = threading.Thread(target=other)
    with observer.together():
        observer.warned("first")
        thread.start()
        assert begun.wait(20)
        observer.warned("second")
    thread.join()
    assert recorder.events == [("warned", "first"), ("warned", "second"), ("warned", "other")]
