"""Search over names, keywords and summaries, on its own."""

import random
import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.server.web.searching import SearchIndex
from publisher.server.web.vocabulary import Vocabulary, edits

PROJECTS = {
    "acme-widgets": (["gui", "blue"], "Widgets for every team"),
    "acme-widgets-extra": ([], "More of them"),
    "widgets": ([], "Older ones"),
    "billing": (["money", "cost_centers"], "Invoices and acme things"),
    "data-pipeline": (["etl"], "Moves rows"),
    "report-2024": ([], "Figures"),
}
WORDS = st.sampled_from(["acme", "core", "blue", "report", "reports", "data", "gui", "x", "2024"])
CHANGES = st.tuples(
    st.lists(WORDS, min_size=1, max_size=2).map("-".join),
    st.one_of(st.none(), st.tuples(st.lists(WORDS, max_size=2), st.lists(WORDS, max_size=3).map(" ".join))),
)


def _index() -> SearchIndex:
    made = SearchIndex()
    for name, (keywords, summary) in PROJECTS.items():
        made.put(name, keywords, summary)
    return made


def _find(query: str) -> list[str]:
    found = _index().find(query, 10)
    assert found.total == len(found.names)
    return found.names


def test_better_matches_come_first() -> None:
    assert _find("widgets") == ["widgets", "acme-widgets", "acme-widgets-extra"]
    assert _find("acme") == ["acme-widgets", "acme-widgets-extra", "billing"]
    assert _find("acme_widgets")[0] == "acme-widgets"
    assert _find("acmewidgets")[0] == "acme-widgets"
    assert _find("idget") == ["widgets", "acme-widgets", "acme-widgets-extra"]


def test_keywords_and_summaries_are_found_by_the_beginnings_of_their_words() -> None:
    assert _find("etl") == ["data-pipeline"]
    assert _find("mon") == ["billing"]
    assert _find("ney") == []
    assert _find("cost-centers") == ["billing"]
    assert _find("centers") == ["billing"]
    assert _find("every-team") == ["acme-widgets"]
    assert _find("invo") == ["billing"]


def test_every_word_has_to_match() -> None:
    assert _find("acme extra") == ["acme-widgets-extra"]
    assert _find("acme nothing") == []
    assert _find("") == []
    assert _find("-._") == []


def test_typing_mistakes_are_forgiven_in_longer_words() -> None:
    for query in ("wdigets", "widgetss", "widgts", "wudgets"):
        assert "widgets" in _find(query), query
    assert _find("pipelnie") == ["data-pipeline"]
    assert _find("xyz") == []
    assert _find("mone") == ["billing"]
    assert _find("reprot-2024") == ["report-2024"]
    assert _find("reprot-2023") == []


def test_hidden_projects_are_neither_found_nor_counted() -> None:
    index = _index()
    for query in ("acme", "acme-wdigets"):
        found = index.find(query, 10, lambda name: name == "acme-widgets-extra")
        assert (found.names, found.total) == (["acme-widgets-extra"], 1), query
    assert index.find("acme", 10, lambda _: False).total == 0


def test_the_best_of_many_are_returned_with_the_number_of_all() -> None:
    index = SearchIndex()
    for number in range(500):
        index.put(f"tool-{number:03}")
    index.put("tool")
    found = index.find("tool", 3)
    assert (found.names, found.total) == (["tool", "tool-000", "tool-001"], 501)


@settings(deadline=None)
@given(st.lists(CHANGES, max_size=25), st.lists(WORDS, min_size=1, max_size=2).map(" ".join))
def test_following_changes_equals_a_new_index(
    changes: list[tuple[str, tuple[list[str], str] | None]], query: str
) -> None:
    followed = SearchIndex()
    current: dict[str, tuple[list[str], str]] = {}
    for name, texts in changes:
        if texts is None:
            followed.remove(name)
            current.pop(name, None)
        else:
            followed.put(name, *texts)
            current[name] = texts
        followed.find("x", 1)
    new = SearchIndex()
    for name, texts in current.items():
        new.put(name, *texts)
    assert followed.find(query, 100) == new.find(query, 100)


def test_removing_an_unknown_project_changes_nothing() -> None:
    index = _index()
    index.remove("unknown")
    assert index.find("unknown", 10).names == []
    assert index.find("billing", 10).names == ["billing"]


def test_changes_may_come_while_others_search() -> None:
    index = _index()
    failures: list[BaseException] = []

    def search() -> None:
        try:
            for _ in range(200):
                assert index.find("billing", 10).names[0] == "billing"
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    chosen = random.Random(1)
    while any(thread.is_alive() for thread in threads):
        name = f"other-{chosen.randrange(300)}"
        index.put(name, ["word"]) if chosen.random() < 0.6 else index.remove(name)
    for thread in threads:
        thread.join()
    assert failures == []


def test_words_that_nothing_uses_are_dropped() -> None:
    words = Vocabulary()
    for number in range(5000):
        words.add(f"word{number}", "one")
    for number in range(4990):
        words.remove(f"word{number}", "one")
    words.add("word1", "two")
    assert words.starting_with("word") == {"one", "two"}
    assert len(words._names) < 3000


def test_edits_are_counted() -> None:
    for one, other, count in [
        ("", "", 0),
        ("abc", "abc", 0),
        ("abc", "acb", 1),
        ("abc", "ab", 1),
        ("kitten", "sitting", 3),
    ]:
        assert edits(one, other, 5) == count


@given(st.text(max_size=12), st.text(max_size=12))
def test_edits_are_the_same_in_both_directions(one: str, other: str) -> None:
    assert edits(one, other, 20) == edits(other, one, 20)
    assert edits(one, other, 20) <= max(len(one), len(other))


@given(st.text(max_size=200))
def test_no_query_fails(query: str) -> None:
    assert set(_find(query)) <= PROJECTS.keys()
