"""The time of an upload is the same text wherever it is given."""

import os
from pathlib import Path

import pytest

from publisher.server.store.metadata import read_metadata, time_text
from tests.helpers.dists import make_wheel


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (1795676022788327558, "2026-11-26T06:53:42.788327Z"),  # as a float of seconds it would end in 8328
        (1795676022546694309, "2026-11-26T06:53:42.546694Z"),
        (999, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_is_cut_to_microseconds(tmp_path: Path, nanoseconds: int, text: str) -> None:
    assert time_text(nanoseconds) == text
    wheel = make_wheel(tmp_path, "widgets")
    os.utime(wheel, ns=(nanoseconds, nanoseconds))
    assert read_metadata(wheel, wheel.name).uploaded == text


def test_a_time_after_the_last_year_is_the_last_second() -> None:
    for seconds in (253_402_300_799, 253_402_300_800, 300_000_000_000):
        assert time_text(seconds * 10**9) == "9999-12-31T23:59:59.000000Z"
