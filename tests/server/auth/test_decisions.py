"""Decisions that are kept: for how long, for whom, and how many."""

import time

import pytest

from publisher.server.auth import decisions
from publisher.server.auth.decisions import Decisions, Generation, Recalled
from publisher.server.auth.principal import ANONYMOUS, Principal, PrincipalKind
from publisher.server.siblings.news import NoNews
from tests.helpers.clock import set_monotonic

ADA = Principal("ada", PrincipalKind.ACCOUNT, account="ada")
HEADER = b"Basic YWRhOnRlc3Q="
NEVER = float("inf")


class Accounts:
    """Accounts that are those of the file, or not."""

    current = True

    def is_current(self) -> bool:
        return self.current


class News(NoNews):
    """Notices of other processes."""

    stamp = 0


class Kept:
    """The facts below decisions, and one kept decision."""

    def __init__(
        self,
        until: float = NEVER,
        header: bytes | None = HEADER,
        path: str = "acme/",
        news: NoNews | None = None,
    ) -> None:
        self.generation, self.accounts = Generation(news), Accounts()
        self.decisions = Decisions(self.generation, self.accounts)
        self.decisions.keep(header, "read", path, Recalled(ADA if header else ANONYMOUS, until))
        self._about = header, "read", path
        self._proof = self.decisions.proof(*self._about)

    def recall(self, header: bytes | None = HEADER, need: str = "read", path: str = "acme/") -> Principal | None:
        """Return whom a decision lets in; the proof of the first one counts as long as that decision."""
        counts = self._proof is not None and self._proof()
        found = self.decisions.recall(header, need, path)
        assert (header, need, path) != self._about or counts == (found is not None)
        return found


def test_a_decision_holds_for_the_same_request_and_no_other() -> None:
    kept = Kept()
    assert kept.recall() is ADA
    assert kept.recall(path="other/") is None
    assert kept.recall(need="write") is None
    assert kept.recall(header=HEADER[:-1]) is None
    assert kept.recall(header=b"") is None
    assert kept.recall(header=None) is None


def test_a_decision_about_no_account_holds_for_no_account() -> None:
    kept = Kept(header=None)
    assert kept.recall(header=None) is ANONYMOUS
    assert kept.recall(header=b"") is None
    assert kept.recall() is None


def test_only_a_kept_decision_has_a_proof() -> None:
    kept = Kept()
    assert kept.decisions.proof(HEADER, "read", "acme/") is not None
    assert kept.decisions.proof(HEADER, "read", "other/") is None
    assert kept.decisions.proof(None, "read", "acme/") is None


def test_a_decision_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    kept = Kept(until=now + 5)
    set_monotonic(monkeypatch, lambda: now + 4.9, decisions)
    assert kept.recall() is ADA
    set_monotonic(monkeypatch, lambda: now + 5, decisions)
    assert kept.recall() is None


def test_a_decision_ends_with_its_generation_for_good() -> None:
    kept = Kept()
    kept.generation.advance()
    assert kept.recall() is None
    assert kept.recall() is None


def test_a_decision_ends_with_news_of_another_process() -> None:
    news = News()
    kept = Kept(news=news)
    assert kept.recall() is ADA
    news.stamp = 7
    assert kept.recall() is None
    assert kept.recall() is None


def test_changes_here_and_of_another_process_do_not_cancel_each_other() -> None:
    news = News()
    kept = Kept(news=news)
    for _ in range(3):
        kept.generation.advance()
        news.stamp += 1
    assert kept.recall() is None


def test_what_was_decided_before_a_change_is_not_kept_after_it() -> None:
    kept = Kept()
    kept.generation.advance()
    kept.decisions.keep(HEADER, "read", "acme/", Recalled(ADA, NEVER))
    assert kept.recall() is None


def test_credentials_do_not_count_while_the_file_of_the_accounts_is_another_one() -> None:
    kept = Kept()
    kept.accounts.current = False
    assert kept.recall() is None
    kept.decisions.keep(HEADER, "read", "other/", Recalled(ADA, NEVER))
    kept.accounts.current = True
    assert kept.recall() is ADA
    assert kept.recall(path="other/") is None


def test_few_decisions_are_kept_and_none_of_a_long_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "KEPT", 10)
    kept = Kept(path="x" * 1000)
    assert kept.recall(path="x" * 1000) is None
    for number in range(100):
        kept.decisions.keep(HEADER, "read", str(number), Recalled(ADA, NEVER))
    held = sum(kept.recall(path=str(number)) is ADA for number in range(100))
    assert 0 < held <= 10


def test_no_credentials_can_be_read_from_what_is_kept() -> None:
    kept = Kept()
    known = repr((vars(kept.decisions), kept.decisions.proof(HEADER, "read", "acme/"))).encode()
    assert HEADER not in known
    assert b"YWRhOnRlc3Q=" not in known


def test_a_generation_is_never_one_that_was_before() -> None:
    generation = Generation()
    seen = {generation.number}
    for _ in range(100):
        generation.advance()
        assert generation.number not in seen
        seen.add(generation.number)
