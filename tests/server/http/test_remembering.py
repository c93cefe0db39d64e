"""Clients' repeated texts are remembered, headers of 60 kB are not, and values stay within a number of bytes."""

import tracemalloc
from collections.abc import Callable

import pytest

from publisher.server.http.memory import Memory
from publisher.server.http.negotiation import GZIP_ACCEPTED, best_type, is_unmodified
from publisher.server.http.remembering import ByHeader, remembered
from publisher.server.routes.page_memory import PAGE_TYPES


@pytest.mark.parametrize(
    "ask",
    [
        lambda text: best_type(text, ("text/html",)),
        lambda text: GZIP_ACCEPTED[text.encode()],
        lambda text: is_unmodified(text, "", '"tag"'),
        lambda text: is_unmodified("", text, '"tag"'),
        lambda text: PAGE_TYPES[text.encode()],
    ],
    ids=["media types", "encodings", "tags", "dates", "pages"],
)
def test_long_headers_are_not_kept(ask: Callable[[str], object]) -> None:
    ask("text/html")
    tracemalloc.start()
    for number in range(25):  # 1.5 MB
        ask(f"text/x{number}, {'x' * 60_000}")
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 2**20


def test_short_texts_are_remembered() -> None:
    calls: list[str] = []

    @remembered(10)
    def shout(text: str) -> str:
        calls.append(text)
        return text.upper()

    assert {shout("a") for _ in range(3)} == {"A"}
    assert calls == ["a"]


def test_results_by_header_are_remembered_up_to_a_number() -> None:
    calls: list[str] = []

    def shout(text: str) -> str:
        calls.append(text)
        return text.upper()

    loud = ByHeader(shout, 2)
    assert [loud[each] for each in (b"a", b"a", b"b", b"a")] == ["A", "A", "B", "A"]
    assert calls == ["a", "b"]
    assert loud[b"c"] == "C"
    assert len(loud) <= 2


def test_values_used_last_are_kept_within_a_number_of_bytes() -> None:
    memory: Memory[str, bytes] = Memory(10, len)
    memory.keep("a", b"....")
    memory.keep("b", b"......")  # exactly the limit
    assert memory.get("a") == b"...."
    memory.keep("c", b".")
    assert [memory.get(key) for key in "abc"] == [b"....", None, b"."]
    memory.keep("d", b".....")  # there is room again for what was dropped
    assert [memory.get(key) for key in "acd"] == [b"....", b".", b"....."]


def test_a_value_in_place_of_another_is_counted_alone() -> None:
    memory: Memory[str, bytes] = Memory(10, len)
    for _ in range(3):
        memory.keep("a", b"....")
    memory.keep("b", b"......")
    assert [memory.get(key) for key in "ab"] == [b"....", b"......"]


def test_a_value_larger_than_the_memory_is_kept_alone() -> None:
    memory: Memory[str, bytes] = Memory(10, len)
    memory.keep("a", b".")
    memory.keep("b", b"." * 11)
    assert [memory.get(key) for key in "ab"] == [None, b"." * 11]
    memory.keep("c", b".")
    assert [memory.get(key) for key in "bc"] == [None, b"."]
