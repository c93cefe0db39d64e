"""
A table of attacks, each with bounds on processor time, memory and the event loop, while a bystander is answered.

How long the loop is held is measured inside the index, in processor time: a busy machine changes nothing about it.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.speed import is_within
from tests.helpers.waiting import eventually
from tests.helpers.watched import WatchedIndex
from tests.server.attacks.archives import ARCHIVES
from tests.server.attacks.attacked import ADA, BOB, Attacked
from tests.server.attacks.connections import CONNECTIONS
from tests.server.attacks.faults import FAULTS
from tests.server.attacks.queues import QUEUES

ATTACKS = ARCHIVES | CONNECTIONS | FAULTS | QUEUES


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedIndex]:
    index = WatchedIndex.begin(tmp_path_factory.mktemp("attacked"), "--log-format", "none")
    index.add_user(*ADA)
    index.add_user(*BOB)
    make_wheel(index.root, "quiet")
    assert Client(index.url, ADA).get("packages/").status_code == 200  # pypiserver is imported
    yield index
    index.kill()


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_bounded_and_a_bystander_is_answered(index: WatchedIndex, attack: str, tmp_path: Path) -> None:
    allowed = ATTACKS[attack]
    number = list(ATTACKS).index(attack)
    newcomer = (f"new{number}", "battery staple")
    index.add_user(*newcomer)
    with ExitStack() as stack:
        it = Attacked(index, tmp_path, stack)
        it.client(BOB).get("whoami")
        time_before, memory_before = index.processor_time(), index.memory()
        index.longest_hold()
        allowed.work(it)
        bystander = it.client(BOB)
        assert bystander.get("simple/quiet/").status_code == 200
        assert bystander.get("packages/quiet-1.0-py3-none-any.whl").status_code == 200
        assert bystander.get("packages/").status_code == 200
        assert bystander.upload(make_wheel(tmp_path, f"by{number}")).status_code == 200
        assert it.client(newcomer).get("whoami").status_code == 200
        assert it.client(None).get("health").status_code == 200
        assert is_within(index.processor_time() - time_before, allowed.seconds)
        assert index.memory() - memory_before < allowed.megabytes
        assert is_within(index.longest_hold(), allowed.held)
    assert index.process.poll() is None


def test_the_loop_is_watched(index: WatchedIndex) -> None:
    index.longest_hold()
    found: list[float] = []

    def held() -> bool:
        assert Client(index.url, ADA).get("health").status_code == 200
        found.append(index.longest_hold())
        return found[-1] > 0

    assert eventually(held)
    assert max(found) < 1
