"""The reports that a worker sends to its supervisor, and the problems that it logs meanwhile."""

import logging
import os
from collections.abc import Iterator

import pytest

from publisher.errors import ConfigurationError, PublishError
from publisher.server.worker import ReportedError, WorkerPipes, read_reports


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    logging.disable(logging.NOTSET)
    os.close(reading)
    os.close(writing)


def test_a_worker_that_serves_says_so(pipe: tuple[int, int]) -> None:
    WorkerPipes(pipe[1], lifeline=7).serves()
    assert read_reports(pipe[0]) == [True]


@pytest.mark.parametrize("error", [ConfigurationError("Nö room.", hint="Make some."), PublishError("Lost.")])
def test_a_failure_arrives_with_its_hint_and_exit_code(pipe: tuple[int, int], error: PublishError) -> None:
    WorkerPipes(pipe[1], lifeline=7).fails(error)
    (found,) = read_reports(pipe[0])
    assert isinstance(found, ReportedError)
    assert (found.message, found.hint, found.exit_code) == (error.message, error.hint, error.exit_code)
    assert str(found) == error.message


def test_reports_arrive_in_order_and_once(pipe: tuple[int, int]) -> None:
    pipes = WorkerPipes(pipe[1], lifeline=7)
    pipes.serves()
    pipes.fails(PublishError("Lost."))
    first, second = read_reports(pipe[0])
    assert first is True
    assert isinstance(second, ReportedError)
    pipes.serves()
    assert read_reports(pipe[0]) == [True]


def test_a_long_failure_fits_into_a_pipe_that_is_not_read(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    WorkerPipes(pipe[1], lifeline=7).fails(PublishError("x" * 100_000))
    (found,) = read_reports(pipe[0])
    assert isinstance(found, ReportedError)
    assert found.message == "x" * 1500


def test_a_worker_that_has_ended_reports_nothing_more() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    assert read_reports(reading) == []
    os.close(reading)


def test_a_worker_whose_supervisor_has_ended_goes_on() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    WorkerPipes(writing, lifeline=7).serves()
    os.close(writing)


@pytest.mark.parametrize(("options", "logged"), [({}, True), ({"is_first": True}, True), ({"is_first": False}, False)])
def test_problems_of_the_start_are_logged_by_the_first_worker_alone(
    pipe: tuple[int, int], options: dict[str, bool], *, logged: bool
) -> None:
    log = logging.getLogger("publisher.server")
    pipes = WorkerPipes(pipe[1], 7, **options)
    assert pipes.lifeline == 7
    assert log.isEnabledFor(logging.WARNING) is logged
    assert log.isEnabledFor(logging.ERROR)
    pipes.serves()
    assert log.isEnabledFor(logging.WARNING)
