"""Whether a process has a terminal, and ends with it."""

import os
import pty
import signal
from collections.abc import Callable

import pytest

from publisher.server.terminal import ends_with_terminal, has_terminal


def _without_terminal(ask: Callable[[], bool]) -> bool:
    child = os.fork()
    if child == 0:
        answer = 2
        try:
            os.setsid()
            answer = int(ask())
        finally:
            os._exit(answer)
    return bool(_answer(child))


def _with_terminal(ask: Callable[[], bool]) -> bool:
    child, terminal = pty.fork()
    if child == 0:
        answer = 2
        try:
            answer = int(ask())
        finally:
            os._exit(answer)
    answer = _answer(child)
    os.close(terminal)
    return bool(answer)


def _answer(child: int) -> int:
    answer = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert answer in {0, 1}
    return answer


@pytest.mark.parametrize("inside", [_with_terminal, _without_terminal])
def test_a_process_knows_whether_it_has_a_terminal(inside: Callable[[Callable[[], bool]], bool]) -> None:
    assert inside(has_terminal) is (inside is _with_terminal)


@pytest.mark.parametrize(
    ("inside", "handler", "ends"),
    [
        (_with_terminal, signal.SIG_DFL, True),
        (_with_terminal, signal.SIG_IGN, False),
        (_without_terminal, signal.SIG_DFL, False),
        (_without_terminal, signal.SIG_IGN, False),
    ],
)
def test_a_process_ends_with_its_terminal_unless_it_has_none_or_ignores_its_end(
    inside: Callable[[Callable[[], bool]], bool], handler: signal.Handlers, *, ends: bool
) -> None:
    def ask() -> bool:
        signal.signal(signal.SIGHUP, handler)
        return ends_with_terminal()

    assert inside(ask) is ends


def test_asking_leaves_no_file_open() -> None:
    def ask() -> bool:
        before = os.dup(0)
        os.close(before)
        has_terminal()
        after = os.dup(0)
        return before == after

    assert _with_terminal(ask)
