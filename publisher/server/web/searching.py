"""Search in names, keywords and summaries: prefixes and parts of words, and words that are almost right."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from publisher.limits import LIMITS

_FEW = 5
"""With fewer exact results than this, words that are almost right count too."""

_SEPARATORS = re.compile(r"[-_.]+")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Searchable:
    """A project as it is searched: every text begins with a separator, so that a word's beginning can be looked for."""

    name: str
    parts: str
    joined: str
    keywords: str
    summary: str
    named: frozenset[str]
    """The words of the name, and all of them joined."""
    words: frozenset[str]
    """The words of name and keywords."""


def searchable(name: str, keywords: Iterable[str], summary: str) -> Searchable:
    """Return a project, by its normalized name, ready to be searched."""
    listed = " ".join(each.lower() for each in keywords)
    joined = name.replace("-", "")
    named = frozenset([*name.split("-"), joined])
    text = " ".join(_WORD.findall(summary.lower()))
    return Searchable(name, f"-{name}", joined, f" {listed}", f" {text}", named, named | set(listed.split()))


def search(query: str, projects: Sequence[Searchable]) -> list[str]:
    """Return the names of the projects that have every word of a query, the best first."""
    words = [
        _SEPARATORS.sub("-", word).strip("-")
        for word in query[: LIMITS.pages.query].lower().split()[: LIMITS.pages.query_words]
    ]
    words = [word for word in words if word]
    if not words:
        return []
    found = _ranked(projects, words, _exact)
    if len(found) < _FEW:
        parts = [part for word in words for part in word.split("-")][: LIMITS.pages.query_words]
        similar = {part: _similar_words(part, projects) for part in parts}
        if any(similar.values()):
            known = set(found)
            rough = _ranked(projects, parts, lambda word, project: _roughly(word, project, similar[word]))
            found += [name for name in rough if name not in known]
    return found


def _ranked(
    projects: Iterable[Searchable], words: Sequence[str], score_of: Callable[[str, Searchable], int]
) -> list[str]:
    found: list[tuple[int, int, str]] = []
    for project in projects:
        total = 0
        for word in words:
            score = score_of(word, project)
            if not score:
                break
            total += score
        else:
            found.append((-total, len(project.name), project.name))
    return [name for _, _, name in sorted(found)]


def _exact(word: str, project: Searchable) -> int:
    if word in project.parts or word.replace("-", "") in project.joined:
        if project.name == word:
            return 100
        if project.name.startswith(word):
            return 80
        return 60 if f"-{word}" in project.parts else 40
    if f" {word}" in project.keywords:
        return 30
    return 20 if f" {word}" in project.summary else 0


def _roughly(word: str, project: Searchable, similar: frozenset[str]) -> int:
    exact = _exact(word, project)
    if exact or similar.isdisjoint(project.words):
        return exact
    return 8 if similar.isdisjoint(project.named) else 15


def _similar_words(word: str, projects: Iterable[Searchable]) -> frozenset[str]:
    """Return the words of names and keywords that are one slip away, or two in long words."""
    allowed = 0 if len(word) < 4 else 1 if len(word) < 8 else 2
    if not allowed:
        return frozenset()
    letters, shortest, longest = _letters(word), len(word) - allowed, len(word) + allowed
    known: set[str] = set().union(*(project.words for project in projects))
    return frozenset(
        other
        for other in known
        if shortest <= len(other) <= longest
        and (_letters(other) ^ letters).bit_count() <= 2 * allowed
        and slips(word, other, allowed) <= allowed
    )


@lru_cache(maxsize=2**17)
def _letters(word: str) -> int:
    """Return a set of the letters in a word; one slip changes two of them at the most."""
    found = 0
    for letter in word:
        found |= 1 << (ord(letter) % 61)
    return found


def slips(one: str, other: str, limit: int) -> int:
    """Return the letters to add, remove, replace or swap between two words; above ``limit`` some number above it."""
    shorter = min(len(one), len(other))
    start = next((place for place in range(shorter) if one[place] != other[place]), shorter)
    one, other = one[start:], other[start:]
    if not one or not other:
        return len(one) + len(other)
    before_last: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        current = [limit + 1] * (len(other) + 1)
        current[0] = row
        for column in range(max(1, row - limit), min(len(other), row + limit) + 1):
            opposite = other[column - 1]
            cost = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (letter != opposite))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == opposite:
                cost = min(cost, before_last[column - 2] + 1)
            current[column] = cost
        if min(current) > limit:
            return limit + 1
        before_last, last = last, current
    return last[-1]
