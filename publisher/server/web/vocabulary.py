"""The words of an index's projects, found by their beginning or by resemblance."""

from bisect import bisect_left
from collections.abc import Iterable

_LAST = "\U0010ffff"
_KINDS = 97
_DIGITS = sum(1 << ord(digit) % _KINDS for digit in "0123456789")
_PURGED_AT = 1000
"""Words without projects that are kept, in case they come back."""


class Vocabulary:
    """Words, each with the names of the projects that use it: a set, or the name itself where there is one."""

    def __init__(self) -> None:
        self._names: dict[str, str | set[str]] = {}
        self._order: list[str] = []
        self._is_sorted = True
        self._unused = 0
        self._letters: dict[str, int] = {}
        """The words that typing mistakes are corrected to, with their letters."""

    def add(self, word: str, name: str) -> None:
        """Add a project to a word."""
        known = self._names.get(word)
        if isinstance(known, set):
            known.add(name)
        elif known:
            self._names[word] = {known, name}
        else:
            if known is None:
                self._order.append(word)
                self._is_sorted = False
            else:
                self._unused -= 1
            self._names[word] = name
            if not word.isdecimal():
                self._letters[word] = _letters(word)

    def remove(self, word: str, name: str) -> None:
        """Remove a project from a word that it was added to."""
        known = self._names[word]
        if isinstance(known, set) and len(known) > 1:
            known.discard(name)
            return
        self._names[word] = ""
        self._letters.pop(word, None)
        self._unused += 1
        if self._unused > _PURGED_AT and 2 * self._unused > len(self._names):
            self._purge()

    def starting_with(self, beginning: str) -> set[str]:
        """Return the names of the projects that have a word with a beginning."""
        if not self._is_sorted:
            self._order.sort()  # quick, since most of it is sorted
            self._is_sorted = True
        return self._of(self._order[bisect_left(self._order, beginning) : bisect_left(self._order, beginning + _LAST)])

    def similar_to(self, word: str) -> set[str]:
        """
        Return the names of the projects that have a word one typing mistake away, or two where words are long.

        Digits are never taken for a mistake: 2024 is not almost 2023.
        """
        limit = 0 if len(word) < 4 or word.isdecimal() else 1 if len(word) < 8 else 2
        if not limit:
            return set()
        letters, digits, length = _letters(word), _digits(word), len(word)
        close = [
            other
            for other, its_letters in self._letters.items()
            if (different := its_letters ^ letters).bit_count() <= 2 * limit  # a mistake changes two at the most
            and not different & _DIGITS
            and -limit <= len(other) - length <= limit
        ]
        return self._of([other for other in close if _digits(other) == digits and edits(word, other, limit) <= limit])

    def _of(self, words: Iterable[str]) -> set[str]:
        known = [self._names[word] for word in words]
        found = {each for each in known if isinstance(each, str)} - {""}
        return found.union(*(each for each in known if not isinstance(each, str)))

    def _purge(self) -> None:
        self._names = {word: names for word, names in self._names.items() if names}
        self._order = sorted(self._names)
        self._is_sorted, self._unused = True, 0


def edits(one: str, other: str, limit: int) -> int:
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


def _letters(word: str) -> int:
    """Return the set of a word's letters as bits."""
    found = 0
    for letter in word:
        found |= 1 << (ord(letter) % _KINDS)
    return found


def _digits(word: str) -> str:
    return "" if word.isalpha() else "".join(filter(str.isdecimal, word))
