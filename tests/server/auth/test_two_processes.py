"""Two commands that serve one folder and one accounts file: what may happen once happens once, whichever is asked."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.issuer import github_claims, running_issuer
from tests.helpers.trust import create_token, with_token
from tests.helpers.trusted import trust, trusting_index

ROUNDS = 8
PASSWORD = "correct horse"
Answer = TypeVar("Answer")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningIndex, RunningIndex]]:
    """Serve one folder by two processes, which know of each other by their files alone."""
    folder = tmp_path_factory.mktemp("both")
    with trusting_index(folder) as one, trusting_index(folder, one.url) as two:
        one.add_user("bob", PASSWORD)
        yield one, two


def at_once(*calls: Callable[[], Answer]) -> Sequence[Answer]:
    """Make calls at the same moment, and return their results in order."""
    ready = Barrier(len(calls))

    def call(each: Callable[[], Answer]) -> Answer:
        ready.wait(30)
        return each()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def test_one_identity_token_is_exchanged_once(both: tuple[RunningIndex, RunningIndex], tmp_path: Path) -> None:
    assert Client(both[0].url, ("ada", PASSWORD)).upload(make_wheel(tmp_path, "replayed")).status_code == 200
    audience = both[0].url.partition("://")[2].strip("/")
    clients = [Client(index.url, None) for index in both]

    def mint(client: Client, token: str) -> Callable[[], tuple[int, str]]:
        def call() -> tuple[int, str]:
            answer = client.request("POST", "_/oidc/mint-token", json={"token": token})
            found = answer.json()
            return answer.status_code, found["errors"][0]["code"] if "errors" in found else ""

        return call

    with running_issuer() as issuer:
        trust(both[0], issuer, "--project", "replayed")
        for _ in range(ROUNDS):
            token = issuer.token(github_claims(), audience)
            answers = at_once(*[mint(client, token) for client in clients * 2])
            assert sorted(answers) == [(200, ""), *[(422, "invalid-reuse-token")] * 3]


def test_one_of_two_first_uploaders_maintains_a_new_project(
    both: tuple[RunningIndex, RunningIndex], tmp_path: Path
) -> None:
    clients = {user: Client(index.url, (user, PASSWORD)) for user, index in zip(("ada", "bob"), both, strict=True)}

    for number in range(ROUNDS):
        wheels = [make_wheel(tmp_path, f"raced_{number}", version) for version in ("1.0", "2.0")]
        pairs = zip(clients.values(), wheels, strict=True)
        assert at_once(*[partial(_status, *each) for each in pairs]) == [200, 200]
    records = [each.parent.name for each in both[0].root.rglob("*.maintainer") if each.parent.name.startswith("raced-")]
    assert sorted(records) == [f"raced-{number}" for number in range(ROUNDS)]


def test_who_may_only_create_adds_nothing_to_a_project_that_another_account_began(
    both: tuple[RunningIndex, RunningIndex], tmp_path: Path
) -> None:
    ada, bob = Client(both[0].url, ("ada", PASSWORD)), Client(both[1].url, ("bob", PASSWORD))
    for number in range(ROUNDS):
        project = f"begun-{number}"
        creator = with_token(both[1].url, create_token(bob, project, ["create"], [project]))
        first, second = (make_wheel(tmp_path, f"begun_{number}", version) for version in ("1.0", "2.0"))
        statuses = at_once(*[partial(_status, *each) for each in ((ada, first), (creator, second))])
        assert statuses in ([200, 200], [200, 403])
        began = statuses == [200, 200]  # where it came first, what it may
        name, there = ("bob", bob) if began else ("ada", ada)  # the other process may know it five seconds later
        assert there.get(f"-/owners/{project}").json()["maintainers"] == [name]
        assert (both[0].root / second.name).exists() == began


def _status(client: Client, wheel: Path) -> int:
    return client.upload(wheel).status_code
