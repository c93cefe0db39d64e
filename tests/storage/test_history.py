"""Random histories: nothing acknowledged is lost, one winner for each file, no owned name is passed on."""

import asyncio
import logging
from pathlib import Path

import pytest

from tests.storage.histories import run_history, with_cheap_passwords

HISTORIES = 8
"""A few of each kind; `benchmarks/histories.py` runs thousands."""


@pytest.mark.parametrize("volume", [False, True], ids=["folder", "volume"])
def test_histories_end_as_clients_were_told(tmp_path: Path, *, volume: bool) -> None:
    # takes seconds: writers wait for dead holders' leases and for commits that fail
    logging.disable(logging.CRITICAL)
    try:
        for seed in range(HISTORIES):
            faults = asyncio.run(with_cheap_passwords(run_history(tmp_path / str(seed), seed, volume=volume)))
            assert not faults, f"history {seed}"
    finally:
        logging.disable(logging.NOTSET)
