"""The pool of hook runners: which one a build gets, and when each is closed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from publisher.building import runners
from publisher.building.hooks import OutputCallback, ignore_output
from publisher.building.runners import RunnerKey, RunnerPool
from publisher.building.uv import UvBuildSettings
from publisher.errors import BuildFailedError

KEY = RunnerKey(frozenset({"hatchling"}), UvBuildSettings(), "hatchling.build", (("SOURCE_DATE_EPOCH", "42"),))
ENVIRONMENT: Any = SimpleNamespace(python_executable="/env/bin/python", make_extra_environ=lambda: {"PATH": "/env/bin"})


class MadeUpRunner:
    """A runner that runs nothing, and notes what it is given."""

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        self.on_output: OutputCallback = ignore_output
        self.python = python
        self.environment = environment
        self.preloaded: list[str] = []
        self.modules: list[str] = []
        self.closed = 0

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        raise NotImplementedError

    def preload(self, modules: Collection[str]) -> None:
        self.preloaded += modules

    def imported(self) -> Collection[str]:
        return self.modules

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> RunnerPool:
    monkeypatch.setattr(runners, "open_runner", MadeUpRunner)
    return RunnerPool()


def _borrow(pool: RunnerPool, key: RunnerKey = KEY, environment: Any = ENVIRONMENT) -> MadeUpRunner:
    runner = pool.borrow(environment, key)
    assert isinstance(runner, MadeUpRunner)
    return runner


def test_a_new_runner_has_the_environment_s_interpreter_and_variables(
    pool: RunnerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "hidden")
    monkeypatch.setenv("KEPT", "kept")
    runner = _borrow(pool)
    assert runner.python == "/env/bin/python"
    chosen = {name: runner.environment.get(name) for name in ("PATH", "SOURCE_DATE_EPOCH", "KEPT")}
    assert chosen == {"PATH": "/env/bin", "SOURCE_DATE_EPOCH": "42", "KEPT": "kept"}
    assert "PYPI_PUBLISH_PASSWORD" not in runner.environment
    assert runner.preloaded == ["hatchling.build"]
    bare = SimpleNamespace(python_executable="/python", make_extra_environ=lambda: None)
    assert _borrow(pool, environment=bare).environment["SOURCE_DATE_EPOCH"] == "42"


def test_a_runner_is_used_by_one_build_at_a_time(pool: RunnerPool) -> None:
    first, second = _borrow(pool), _borrow(pool)
    assert first is not second
    pool.give_back(KEY, first)
    assert _borrow(pool) is first
    assert _borrow(pool) not in {first, second}


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, requirements=frozenset({"hatchling", "more"})),
        replace(KEY, settings=UvBuildSettings("offline = true\n")),
        replace(KEY, backend="other"),
        replace(KEY, variables=()),
    ],
)
def test_a_build_of_another_kind_gets_a_runner_of_its_own(pool: RunnerPool, other: RunnerKey) -> None:
    first = _borrow(pool)
    pool.give_back(KEY, first)
    assert _borrow(pool, other) is not first
    assert _borrow(pool) is first


def test_four_idle_runners_stay_and_the_oldest_is_closed(pool: RunnerPool) -> None:
    borrowed = [_borrow(pool) for _ in range(6)]
    for runner in borrowed[:4]:
        pool.give_back(KEY, runner)
    assert [runner.closed for runner in borrowed] == [0] * 6
    for runner in borrowed[4:]:
        pool.give_back(KEY, runner)
    assert [runner.closed for runner in borrowed] == [1, 1, 0, 0, 0, 0]


def test_modules_of_one_runner_are_preloaded_by_the_next(pool: RunnerPool) -> None:
    first = _borrow(pool)
    first.modules = ["json", "hatchling.build"]
    pool.give_back(KEY, first)
    assert _borrow(pool) is first
    assert _borrow(pool).preloaded == ["hatchling.build", "json"]


def test_a_project_without_a_known_backend_module_preloads_nothing(pool: RunnerPool) -> None:
    key = replace(KEY, backend=None)
    runner = _borrow(pool, key)
    runner.modules = ["json"]
    pool.give_back(key, runner)
    assert runner.preloaded == []
    assert _borrow(pool, key) is runner
    assert _borrow(pool, key).preloaded == []


def test_closing_ends_busy_and_idle_runners_and_refuses_new_ones(pool: RunnerPool) -> None:
    busy, idle = _borrow(pool), _borrow(pool)
    idle.modules = ["json"]
    pool.give_back(KEY, idle)
    pool.close()
    assert (busy.closed, idle.closed) == (1, 1)
    for key in (KEY, replace(KEY, backend="other")):
        with pytest.raises(BuildFailedError, match=r"^The build was stopped\.$"):
            pool.borrow(ENVIRONMENT, key)
    pool.give_back(KEY, busy)  # a build that ends late
    assert _borrow(RunnerPool()).preloaded == ["hatchling.build", "json"]  # kept for later runs
