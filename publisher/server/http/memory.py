"""A memory of values, limited in bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Memory(Generic[_Key, _Value]):
    """The most recently used values, up to a number of bytes; a single one may be larger."""

    def __init__(self, limit: int, size_of: Callable[[_Value], int]) -> None:
        self._limit = limit
        self._size_of = size_of
        self._kept: OrderedDict[_Key, _Value] = OrderedDict()
        self._size = 0

    def get(self, key: _Key) -> _Value | None:
        """Return a value, and count it as used now."""
        value = self._kept.get(key)
        if value is not None:
            self._kept.move_to_end(key)
        return value

    def keep(self, key: _Key, value: _Value) -> None:
        """Keep a value, and drop those that were used longest ago when there are too many bytes."""
        old = self._kept.pop(key, None)
        self._kept[key] = value
        self._size += self._size_of(value) - (self._size_of(old) if old is not None else 0)
        while self._size > self._limit and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._size -= self._size_of(dropped)
