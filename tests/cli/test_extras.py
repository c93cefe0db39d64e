"""Commands that need an extra: the line that installs it, where it is missing."""

from collections.abc import Callable

import pytest

from publisher.cli.options.server import ServeArgs
from publisher.cli.run import index
from publisher.cli.run.admin import extras, serving
from publisher.cli.run.admin.extras import require_obstore, require_server
from publisher.errors import ConfigurationError


def _without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in missing else object())


@pytest.mark.parametrize(
    ("require", "missing", "message", "extra"),
    [
        (require_server, "uvicorn", "The index is not installed.", "[server]"),
        (require_server, "pypiserver", "The index is not installed.", "[server]"),
        (require_obstore, "obstore", "The library for buckets is not installed.", "[server,bucket]"),
    ],
)
def test_a_missing_extra_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, require: Callable[[], None], missing: str, message: str, extra: str
) -> None:
    _without(monkeypatch, missing)
    with pytest.raises(ConfigurationError) as caught:
        require()
    assert caught.value.message == message
    assert str(caught.value.hint).startswith("uv tool install ")
    assert extra in str(caught.value.hint)


def test_what_another_command_needs_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, "obstore")
    require_server()
    _without(monkeypatch, "uvicorn", "pypiserver")
    require_obstore()


def test_an_index_is_served_only_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[ServeArgs] = []
    monkeypatch.setattr(serving, "serve_index", served.append)
    args = ServeArgs(port=1)
    index.run_index(args)
    assert served == [args]
    _without(monkeypatch, "uvicorn")
    with pytest.raises(ConfigurationError):
        index.run_index(args)
    assert len(served) == 1
