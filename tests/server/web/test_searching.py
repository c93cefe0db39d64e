"""Search over names, keywords and summaries, on its own."""

from hypothesis import given
from hypothesis import strategies as st

from publisher.server.web.searching import search, searchable, slips

PROJECTS = [
    searchable("acme-widgets", ["gui", "blue"], "Widgets for every team"),
    searchable("acme-widgets-extra", [], "More of them"),
    searchable("widgets", [], "Older ones"),
    searchable("billing", ["money"], "Invoices and acme things"),
    searchable("data-pipeline", ["etl"], "Moves rows"),
]


def test_better_matches_come_first() -> None:
    assert search("widgets", PROJECTS) == ["widgets", "acme-widgets", "acme-widgets-extra"]
    assert search("acme", PROJECTS) == ["acme-widgets", "acme-widgets-extra", "billing"]
    assert search("acme_widgets", PROJECTS)[0] == "acme-widgets"
    assert search("acmewidgets", PROJECTS)[0] == "acme-widgets"
    assert search("etl", PROJECTS) == ["data-pipeline"]


def test_every_word_has_to_match() -> None:
    assert search("acme extra", PROJECTS) == ["acme-widgets-extra"]
    assert search("acme nothing", PROJECTS) == []
    assert search("", PROJECTS) == []
    assert search("-._", PROJECTS) == []


def test_slips_are_forgiven_in_longer_words() -> None:
    for query in ("wdigets", "widgetss", "widgts", "wudgets"):
        assert "widgets" in search(query, PROJECTS), query
    assert search("pipelnie", PROJECTS) == ["data-pipeline"]
    assert search("xyz", PROJECTS) == []
    assert search("mone", PROJECTS) == ["billing"]


def test_slips_are_counted() -> None:
    for one, other, count in [
        ("", "", 0),
        ("abc", "abc", 0),
        ("abc", "acb", 1),
        ("abc", "ab", 1),
        ("kitten", "sitting", 3),
    ]:
        assert slips(one, other, 5) == count


@given(st.text(max_size=12), st.text(max_size=12))
def test_slips_are_the_same_in_both_directions(one: str, other: str) -> None:
    assert slips(one, other, 20) == slips(other, one, 20)
    assert slips(one, other, 20) <= max(len(one), len(other))


@given(st.text(max_size=200))
def test_no_query_fails(query: str) -> None:
    assert set(search(query, PROJECTS)) <= {project.name for project in PROJECTS}
