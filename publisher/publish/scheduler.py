"""Sending many files: several at the same time, and each after those that have to be there before it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import CycleError, TopologicalSorter

from packaging.utils import NormalizedName

from publisher.errors import StoppedError
from publisher.project.distributions import Distribution, Kind
from publisher.publish.report import State
from publisher.publish.sender import Upload

Before = Mapping[NormalizedName, Collection[NormalizedName]]
"""For a project, the projects that have to be on the index before it: what it depends on."""

Send = Callable[[Upload], State]


class Sending:
    """
    The files of one run on their way: which have gone up, and which have not.

    A project's wheels go before its sdist, so that an installer that comes in between does not build; and a project
    goes when those that it depends on are there, so that its wheel can be installed from the moment it can be seen.
    """

    def __init__(self, uploads: Sequence[Upload], before: Before, connections: int) -> None:
        self.done: dict[str, State] = {}
        self._uploads = {upload.distribution.filename: upload for upload in uploads}
        self._order = _ordered([upload.distribution for upload in uploads], before)
        self._connections = connections

    def run(self, send: Send, stop: Callable[[], None]) -> None:
        """
        Send everything; after the first failure begin nothing more, wait for what is on its way, and raise it.

        Raises StoppedError when the person interrupts, after ``stop``, which lets what is on its way fail.
        """
        running: dict[Future[State], str] = {}
        failure: BaseException | None = None
        with ThreadPoolExecutor(self._connections) as pool:
            try:
                while self._order.is_active() and failure is None:
                    running |= {pool.submit(send, self._uploads[name]): name for name in self._order.get_ready()}
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    failure = self._note(running, finished)
            except KeyboardInterrupt:
                stop()
                failure = StoppedError("Interrupted.")
            for future in running:
                future.cancel()
            self._note(running, wait(running).done)
        if failure is not None:
            raise failure

    def _note(self, running: dict[Future[State], str], finished: Collection[Future[State]]) -> BaseException | None:
        """Note what became of files; return the first failure among them."""
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


def _ordered(distributions: Sequence[Distribution], before: Before) -> "TopologicalSorter[str]":
    """Return the order of files, by name; of projects that depend on each other in a circle none goes first."""
    edges = {project: set(needed) - {project} for project, needed in before.items()}
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


def _graph(distributions: Sequence[Distribution], before: Before) -> "TopologicalSorter[str]":
    wheels: dict[str, list[str]] = {}
    files: dict[str, list[str]] = {}
    for each in distributions:
        files.setdefault(each.name, []).append(each.filename)
        if each.kind is Kind.WHEEL:
            wheels.setdefault(each.name, []).append(each.filename)
    order: TopologicalSorter[str] = TopologicalSorter()
    for each in distributions:
        own = wheels.get(each.name, []) if each.kind is Kind.SDIST else []
        others = [name for project in before.get(each.name, ()) for name in files.get(project, ())]
        order.add(each.filename, *own, *others)
    return order
