"""A memory keeps the values that were used last, within its bytes."""

from publisher.server.http.memory import Memory
from publisher.server.http.negotiation import GZIP_ACCEPTED


def _kept(memory: Memory[str, bytes], names: str) -> str:
    return "".join(name for name in names if name in memory._kept)


def test_the_least_recently_used_is_dropped_above_the_limit() -> None:
    memory: Memory[str, bytes] = Memory(6, len)
    for name in "abc":
        memory.keep(name, b"xx")
    assert _kept(memory, "abc") == "abc"
    assert memory.get("a") == b"xx"
    memory.keep("d", b"x")
    assert _kept(memory, "abcd") == "acd"
    memory.keep("e", b"xxxxx")
    assert _kept(memory, "acde") == "de"
    assert memory.get("b") is None


def test_a_value_that_is_replaced_counts_once() -> None:
    memory: Memory[str, bytes] = Memory(6, len)
    memory.keep("a", b"xxx")
    memory.keep("b", b"xxx")
    memory.keep("a", b"yy")
    memory.keep("c", b"x")
    assert _kept(memory, "abc") == "abc"
    assert memory.get("a") == b"yy"
    memory.keep("d", b"x")
    assert _kept(memory, "abcd") == "acd"


def test_one_value_may_be_larger_than_the_limit() -> None:
    memory: Memory[str, bytes] = Memory(3, len)
    memory.keep("a", b"xxxxxx")
    assert memory.get("a") == b"xxxxxx"
    memory.keep("b", b"x")
    assert _kept(memory, "ab") == "b"


def test_gzip_is_for_those_who_accept_it() -> None:
    cases = {b"": False, b"gzip": True, b"br, gzip;q=0.1": True, b"gzip;q=0": False, b"br": False, b"*": True}
    assert {header: GZIP_ACCEPTED[header] for header in cases} == cases
