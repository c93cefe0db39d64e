"""Results for texts that programs send again and again: remembered, but not for texts that only attackers send."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Generic, ParamSpec, TypeVar

LONGEST = 1000
"""Characters of all texts of a call: headers may have 60 times as many, and thousands of them would fill the memory."""

_Texts = ParamSpec("_Texts")
_Result = TypeVar("_Result")


def remembered(number: int) -> Callable[[Callable[_Texts, _Result]], Callable[_Texts, _Result]]:
    """Have a function remember its results for the texts that it got last; a tuple counts as one character for each."""

    def decorate(function: Callable[_Texts, _Result]) -> Callable[_Texts, _Result]:
        cached = lru_cache(maxsize=number)(function)

        @wraps(function)
        def call(*texts: _Texts.args, **named: _Texts.kwargs) -> _Result:
            if sum(map(len, texts)) > LONGEST:  # type: ignore[arg-type]
                return function(*texts, **named)
            return cached(*texts, **named)  # type: ignore[arg-type]

        return call

    return decorate


class ByHeader(dict[bytes, _Result], Generic[_Result]):
    """Results by the bytes of one header, for the requests that are answered from memory: a look at a dictionary."""

    def __init__(self, function: Callable[[str], _Result], number: int) -> None:
        super().__init__()
        self._function = function
        self._number = number

    def __missing__(self, value: bytes) -> _Result:
        """Work a result out, and remember it."""
        result = self._function(value.decode("latin-1"))
        if len(value) <= LONGEST:
            if len(self) >= self._number:
                self.clear()
            self[value] = result
        return result
