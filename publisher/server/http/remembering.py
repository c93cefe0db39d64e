"""Results for texts that programs send again and again: remembered, but not for texts that only attackers send."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar, cast

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

        @wraps(function)
        def call_with_one(text: Any) -> Any:  # which each request for a page does
            return cached(text) if len(text) <= LONGEST else function(text)  # type: ignore[call-arg]

        chosen: Any = call_with_one if function.__code__.co_argcount == 1 else call
        return cast("Callable[_Texts, _Result]", chosen)

    return decorate
