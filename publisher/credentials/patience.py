"""Calls that may wait for a person: limited without a terminal."""

import sys
from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

from publisher.errors import CredentialsError
from publisher.waiting import waiting_for

LIMIT = 15.0
"""Seconds that a call may take without a person at a terminal."""

Result = TypeVar("Result")


def call_patiently(work: Callable[[], Result], what: str, refusal: str, hint: str) -> Result:
    """
    Return the result of ``work``, which runs in a thread of its own; its exceptions are raised here.

    Raises CredentialsError with ``refusal`` when the limit is over; the thread is abandoned then.
    """
    call = _Call(work)
    call.start()
    with waiting_for(what):
        call.join(None if has_person() else LIMIT)
    if call.is_alive():
        raise CredentialsError(refusal, hint=hint)
    return call.result()


def has_person() -> bool:
    """Return whether a person at a terminal could answer a keyring's question."""
    try:
        return sys.stdin.isatty() or sys.stderr.isatty()
    except (AttributeError, ValueError):  # a stream that is closed
        return False


class _Call(Thread, Generic[Result]):
    def __init__(self, work: Callable[[], Result]) -> None:
        super().__init__(daemon=True)  # one that waits for ever does not keep the program from ending
        self._work = work
        self._results: list[Result] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Do the work and keep its result or failure."""
        try:
            self._results.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised where the result is wanted
            self._error = error

    def result(self) -> Result:
        """Return the work's result, or raise its failure."""
        if self._error is not None:
            raise self._error
        return self._results[0]
