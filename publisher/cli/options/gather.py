"""Groups of click options whose values reach a command as one named tuple."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

Command = TypeVar("Command", bound=Callable[..., Any])


def gather(arguments: type[Any], name: str, *options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """
    Return a decorator that adds options to a command and passes their values as the named tuple ``arguments``.

    The command receives it under ``name``. A field without an option keeps its default: other callers fill it.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def collect(**values: Any) -> Any:
            given = {field: values.pop(field) for field in arguments._fields if field in values}
            return command(**values, **{name: arguments(**given)})

        wrapped: Any = collect
        for option in reversed(options):
            wrapped = option(wrapped)
        return wrapped  # type: ignore[no-any-return]  # the same callable with options attached

    return decorate
