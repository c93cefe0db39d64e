"""The pool of hook runners: which one a build gets, and when each is closed."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from publisher.building import runners
from publisher.building.bytecode import kept_bytecode
from publisher.building.hooks import OutputCallback, ignore_output
from publisher.building.runners import RunnerKey, RunnerPool
from publisher.building.uv import UvBuildSettings
from publisher.errors import BuildFailedError, ConfigurationError

KEY = RunnerKey(frozenset({"hatchling"}), UvBuildSettings(), "hatchling.build", (("SOURCE_DATE_EPOCH", "42"),))
EARLY_KEY = KEY._replace(variables=())
ENVIRONMENT: Any = SimpleNamespace(
    python_executable="/env/bin/python",
    make_extra_environ=lambda: {"PATH": "/env/bin"},
    packages=Path("/env/site-packages"),
)


class MadeUpRunner:
    """A runner that runs nothing, and notes what it is given."""

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        self.on_output: OutputCallback = ignore_output
        self.python = python
        self.environment = environment
        self.preloaded: list[str] = []
        self.modules: list[str] = []
        self.closed = 0
        self.set_ups: list[tuple[Path, Path, dict[str, str]]] = []

    def set_up(self, packages: Path, bytecode: Path, variables: Mapping[str, str]) -> None:
        self.set_ups.append((packages, bytecode, dict(variables)))

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
    monkeypatch.setattr(runners, "ForkingHookRunner", MadeUpRunner)
    monkeypatch.setattr(runners, "CAN_FORK", True)
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
        KEY._replace(requirements=frozenset({"hatchling", "more"})),
        KEY._replace(settings=UvBuildSettings("offline = true\n")),
        KEY._replace(backend="other"),
        KEY._replace(variables=()),
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
    key = KEY._replace(backend=None)
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
    for key in (KEY, KEY._replace(backend="other")):
        with pytest.raises(BuildFailedError, match=r"^The build was stopped\.$"):
            pool.borrow(ENVIRONMENT, key)
    pool.give_back(KEY, busy)  # a build that ends late
    assert _borrow(RunnerPool()).preloaded == ["hatchling.build", "json"]  # kept for later runs


def test_an_early_runner_takes_up_what_was_installed_and_is_the_first_that_a_build_gets(pool: RunnerPool) -> None:
    first = _borrow(pool)
    first.modules = ["hatchling.build", "json", "pluggy"]
    pool.give_back(KEY._replace(variables=(("OTHER", "1"),)), first)
    early = pool.early(EARLY_KEY, lambda: {"SOURCE_DATE_EPOCH": "42"})
    assert early is not None
    early.start(ENVIRONMENT)
    early.go_on()
    assert early.finish(ENVIRONMENT)
    runner = _borrow(pool)
    assert (runner.python, runner.environment["PATH"]) == ("/env/bin/python", "/env/bin")
    assert "SOURCE_DATE_EPOCH" not in runner.environment
    assert runner.set_ups == [(ENVIRONMENT.packages, kept_bytecode(), {"SOURCE_DATE_EPOCH": "42"})]
    assert runner.preloaded == ["json", "hatchling.build", "json", "pluggy"]
    assert _borrow(pool) is not runner


def test_an_early_runner_without_a_known_backend_module_preloads_nothing(pool: RunnerPool) -> None:
    early = pool.early(EARLY_KEY._replace(backend=None), dict)
    assert early is not None
    early.start(ENVIRONMENT)
    early.go_on()
    assert early.finish(ENVIRONMENT)
    runner = _borrow(pool, EARLY_KEY._replace(backend=None))
    assert len(runner.set_ups) == 1
    assert runner.preloaded == []


def test_an_early_runner_without_variables_is_not_used_and_closed_with_the_others(
    pool: RunnerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> dict[str, str]:
        raise ConfigurationError("Invalid time.")

    opened: list[MadeUpRunner] = []

    def open_early(python: str, environment: Mapping[str, str]) -> MadeUpRunner:
        opened.append(MadeUpRunner(python, environment))
        return opened[-1]

    monkeypatch.setattr(runners, "ForkingHookRunner", open_early)
    early = pool.early(EARLY_KEY, fail)
    assert early is not None
    early.start(ENVIRONMENT)
    early.go_on()
    assert not early.finish(ENVIRONMENT)
    assert _borrow(pool) is not opened[0]
    pool.close()
    assert opened[0].closed == 1
    with pytest.raises(BuildFailedError, match=r"^The build was stopped\.$"):
        early.start(ENVIRONMENT)
    early.go_on()
    assert opened[1].closed == 1


def test_no_runner_is_early_where_processes_can_not_be_forked(
    pool: RunnerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "CAN_FORK", False)
    assert pool.early(EARLY_KEY, dict) is None
