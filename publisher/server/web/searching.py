"""Search in names, keywords and summaries: parts of names, beginnings of words, and words with typing mistakes."""

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nsmallest
from typing import NamedTuple

from publisher.limits import LIMITS
from publisher.server.web.vocabulary import Vocabulary

_FEW = 5
"""With fewer results than this, words with typing mistakes count too."""

_SEPARATORS = re.compile(r"[-_.]+")
_WORD = re.compile(r"[^\W_]+")

_SAME_NAME, _NAME_BEGINS, _PART_BEGINS, _IN_NAME = 100, 80, 60, 40
_KEYWORD, _SUMMARY, _SIMILAR_NAME, _SIMILAR_KEYWORD = 30, 20, 15, 8

Shows = Callable[[str], bool]
Scores = Mapping[str, int]
_Words = tuple[set[str], set[str], set[str]]


class SearchResult(NamedTuple):
    """The best names, and the number of all that were found."""

    names: list[str]
    total: int


class SearchIndex:
    """
    An index of projects by their words, which follows their changes one by one.

    `put` and `remove` only note a change, for the event loop. `find` takes the changes over and searches; it may run in
    any thread, one at a time.
    """

    def __init__(self) -> None:
        self._changes: dict[str, tuple[Sequence[str], str] | None] = {}
        self._turn = threading.Lock()
        self._projects: dict[str, tuple[Sequence[str], str]] = {}
        """Keywords and summary of each project, from which its words follow."""
        self._names: dict[str, str] = {}
        """Names as they are looked through: with a separator in front, and without any."""
        self._parts = Vocabulary()
        self._keywords = Vocabulary()
        self._summaries = Vocabulary()

    def put(self, name: str, keywords: Sequence[str] = (), summary: str = "") -> None:
        """Add a project by its normalized name, or replace its words."""
        self._changes[name] = keywords, summary

    def remove(self, name: str) -> None:
        """Remove a project."""
        self._changes[name] = None

    def find(self, query: str, count: int, shows: Shows | None = None) -> SearchResult:
        """Return the best ``count`` of the shown projects that have every word of a query."""
        words = [
            _SEPARATORS.sub("-", word).strip("-")
            for word in query[: LIMITS.pages.query].lower().split()[: LIMITS.pages.query_words]
        ]
        words = [word for word in words if word]
        if not words:
            return SearchResult([], 0)
        with self._turn:
            self._follow()
            scores = {word: self._scores(word) for word in words}
            found = _in_all(list(scores.values()), shows)
            if len(found) >= _FEW:
                return SearchResult(_best(found, count), len(found))
            parts = [part for word in words for part in word.split("-")][: LIMITS.pages.query_words]
            similar = _in_all([self._with_similar(part, scores.get(part)) for part in parts], shows)
        more = {name: score for name, score in similar.items() if name not in found}
        return SearchResult([*_best(found, count), *_best(more, count)][:count], len(found) + len(more))

    def _follow(self) -> None:
        """Take over the changes; more may be noted meanwhile, so they are taken one by one."""
        while self._changes:
            name, change = self._changes.popitem()
            old = self._projects.get(name)
            if change == old:
                continue
            self._replace(name, _words(name, old), _words(name, change))
            if change is None:
                del self._projects[name], self._names[name]
            else:
                self._projects[name], self._names[name] = change, f"-{name} {name.replace('-', '')}"

    def _replace(self, name: str, before: _Words, after: _Words) -> None:
        for vocabulary, old, new in zip((self._parts, self._keywords, self._summaries), before, after, strict=True):
            for word in old - new:
                vocabulary.remove(word, name)
            for word in new - old:
                vocabulary.add(word, name)

    def _scores(self, word: str) -> dict[str, int]:
        """Return the projects that have a word, each with how well it matches."""
        parts, joined = word.split("-"), word.replace("-", "")
        summaries = set.intersection(*(self._summaries.starting_with(part) for part in parts))
        found = dict.fromkeys(summaries, _SUMMARY)
        found.update(dict.fromkeys(self._keywords.starting_with(word), _KEYWORD))
        for name in [name for name, text in self._names.items() if word in text or joined in text]:
            if name.startswith(word):
                found[name] = _SAME_NAME if name == word else _NAME_BEGINS
            else:
                found[name] = _PART_BEGINS if f"-{word}" in name else _IN_NAME
        return found

    def _with_similar(self, word: str, scores: Scores | None) -> Scores:
        """Return the projects that have a word, or one that is almost the same; ``scores`` are the former, if known."""
        found = dict.fromkeys(self._keywords.similar_to(word), _SIMILAR_KEYWORD)
        found.update(dict.fromkeys(self._parts.similar_to(word), _SIMILAR_NAME))
        return {**found, **(self._scores(word) if scores is None else scores)}


def _words(name: str, texts: tuple[Sequence[str], str] | None) -> _Words:
    """Return the words of a project's name, keywords and summary; none without a project."""
    if texts is None:
        return set(), set(), set()
    parts = name.split("-")
    keywords = {_SEPARATORS.sub("-", word).strip("-") for each in texts[0] for word in each.lower().split()}
    keywords.update(part for word in list(keywords) for part in word.split("-"))
    return {*parts, "".join(parts)}, keywords - {""}, set(_WORD.findall(texts[1].lower()))


def _in_all(scores: Sequence[Scores], shows: Shows | None) -> Scores:
    """Return the shown projects that every word matches, with the sum of their scores."""
    fewest, *others = sorted(scores, key=len)
    names: Iterable[str] = fewest
    for other in others:
        names = other.keys() & names
    if shows is not None:
        names = [name for name in names if shows(name)]
    if not others:
        return fewest if shows is None else {name: fewest[name] for name in names}
    return {name: sum([each[name] for each in scores]) for name in names}


def _best(found: Scores, count: int) -> list[str]:
    """Return the names with the highest scores, of equals the shortest."""
    groups: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    for name, score in found.items():
        groups[-score, len(name)].append(name)
    best: list[str] = []
    for group in sorted(groups):
        if len(best) >= count:
            break
        best += nsmallest(count - len(best), groups[group])
    return best
