"""Order and concurrency of uploads."""

import signal
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter

from packaging.utils import NormalizedName

from publisher.errors import StoppedError
from publisher.project.distributions import Distribution
from publisher.project.kinds import Kind
from publisher.publish.plan import Upload
from publisher.publish.report import State

Dependencies = Mapping[NormalizedName, Collection[NormalizedName]]
"""For each project, the projects that it requires, which are uploaded before it."""

Send = Callable[[Upload], State]

GRACE = 1.0
"""Seconds that complete uploads get, after an interrupt, for the index's answer."""


class UploadScheduler:
    """
    Uploads of one run, and the states of those that are done, by file name.

    A project's wheels go before its sdist, so that an installer that comes in between does not build. A project goes
    after those that it requires, so that its wheel can be installed from the moment it appears.
    """

    def __init__(self, uploads: Sequence[Upload], required: Dependencies, connections: int) -> None:
        self.done: dict[str, State] = {}
        self._uploads = {upload.distribution.filename: upload for upload in uploads}
        self._order = _ordered([upload.distribution for upload in uploads], required)
        self._connections = connections

    def run(self, send: Send, stop: Callable[[], None], abort: Callable[[], None]) -> None:
        """
        Send everything; after the first failure start nothing more, wait for running uploads, and raise it.

        Raises StoppedError when the person interrupts. Running uploads then fail at ``stop`` unless they are complete;
        those that still wait for the index after `GRACE` seconds are ended by ``abort``.
        """
        running: dict[Future[State], str] = {}
        failure: BaseException | None = None
        with ThreadPoolExecutor(self._connections) as pool:
            try:
                while self._order.is_active() and failure is None:
                    with _uninterrupted():
                        running |= {pool.submit(send, self._uploads[name]): name for name in self._order.get_ready()}
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    failure = self._collect(running, finished)
            except KeyboardInterrupt:
                stop()
                failure = StoppedError("Interrupted.")
                while wait(running, timeout=GRACE).not_done:
                    abort()  # again, too: a connection may have begun at that moment
            for future in running:
                future.cancel()
            self._collect(running, wait(running).done)
        if failure is not None:
            raise failure

    def _collect(self, running: dict[Future[State], str], finished: Collection[Future[State]]) -> BaseException | None:
        """Store the states of finished uploads; return the first failure among them."""
        failure: BaseException | None = None
        for future in finished:
            name = running.pop(future)
            if future.cancelled():
                continue
            if error := future.exception():
                failure = failure or error
            else:
                self.done[name] = future.result()
                self._order.done(name)
        return failure


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Delay Ctrl-C until the end of the block; otherwise an upload could begin that nothing stops."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ordered(distributions: Sequence[Distribution], required: Dependencies) -> "TopologicalSorter[str]":
    """Return the order of files by name; projects that require each other in a circle may go in any order."""
    edges = {project: set(needed) - {project} for project, needed in required.items()}
    while True:
        order = _graph(distributions, edges)
        try:
            order.prepare()
        except CycleError as error:
            circle = {each.name for each in distributions if each.filename in error.args[1]}
            for project in circle:
                edges[project] -= circle
        else:
            return order


def _graph(distributions: Sequence[Distribution], required: Dependencies) -> "TopologicalSorter[str]":
    wheels: dict[str, list[str]] = {}
    files: dict[str, list[str]] = {}
    for each in distributions:
        files.setdefault(each.name, []).append(each.filename)
        if each.kind is Kind.WHEEL:
            wheels.setdefault(each.name, []).append(each.filename)
    order: TopologicalSorter[str] = TopologicalSorter()
    for each in distributions:
        own = wheels.get(each.name, []) if each.kind is Kind.SDIST else []
        others = [name for project in required.get(each.name, ()) for name in files.get(project, ())]
        order.add(each.filename, *own, *others)
    return order
