"""The accelerated engine: the environments and runners of a build, and the failures that it leaves to plain builds."""

import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from publisher.building import fast
from publisher.building.engine import BuildContext
from publisher.building.fast import FastEngine
from publisher.building.hooks import AccelerationError, OutputCallback, ignore_output
from publisher.building.pypa_build import BuildBackendException, BuildException
from publisher.building.runners import RunnerKey
from publisher.building.uv import UvBuildSettings
from publisher.errors import BuildFailedError

TEXT = '[build-system]\nrequires = ["one", "two"]\nbuild-backend = "backend.module:object"\n'


class Pool:
    """Environments and runners that are names; each can fail."""

    def __init__(self, *_: object) -> None:
        self.begun: list[tuple[frozenset[str], UvBuildSettings, object]] = []
        self.gotten: list[frozenset[str]] = []
        self.borrowed: list[RunnerKey] = []
        self.given_back: list[RunnerKey] = []
        self.closes = 0
        self.failure: Exception | None = None
        self.hook_failure: Exception | None = None
        self.more: list[str] = []
        self.hooks: list[str] = []
        self.outputs: list[OutputCallback] = []
        self.on_output: OutputCallback = ignore_output

    def begin(self, requirements: Collection[str], settings: UvBuildSettings, companion: object) -> None:
        self.begun.append((frozenset(requirements), settings, companion))
        self._fail()

    def get(self, requirements: Collection[str], _: UvBuildSettings) -> SimpleNamespace:
        self.gotten.append(frozenset(requirements))
        self._fail()
        return SimpleNamespace(python_executable="python", make_extra_environ=dict)

    def early(self, key: RunnerKey, variables: Callable[[], Mapping[str, str]]) -> object:
        return key, variables()

    def borrow(self, _: object, key: RunnerKey) -> "Pool":
        self.borrowed.append(key)
        return self

    def give_back(self, key: RunnerKey, _: object) -> None:
        self.given_back.append(key)

    def close(self) -> None:
        self.closes += 1

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        assert extra_environ is not None
        assert cwd is not None
        hook = cmd[2]
        self.hooks.append(hook)
        self.outputs.append(self.on_output)
        if self.hook_failure is not None:
            raise self.hook_failure
        value = repr(self.more).replace("'", '"') if "requires" in hook else '"made.whl"'
        Path(cmd[3], "output.json").write_text(f'{{"return_val": {value}, "unsupported": false, "no_backend": false}}')

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    found = Pool()
    monkeypatch.setattr(fast, "Environments", lambda installer: found if installer == "uv" else None)
    monkeypatch.setattr(fast, "RunnerPool", lambda: found)
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(TEXT)
    return tmp_path


SETTINGS = UvBuildSettings()


def _build(source: Path, on_output: OutputCallback = ignore_output) -> Path:
    context = BuildContext({"B": "2", "A": "1"}, on_output, SETTINGS)
    return FastEngine("uv").build(source, "wheel", source / "out", context)


def test_a_build_takes_one_environment_and_one_runner_for_all_hooks(pool: Pool, source: Path) -> None:
    def receive(_: bytes) -> None:
        pass

    assert _build(source, receive) == source / "out/made.whl"
    required = frozenset({"one", "two"})
    key = RunnerKey(required, SETTINGS, "backend.module", (("A", "1"), ("B", "2")))
    assert (pool.gotten, pool.borrowed, pool.given_back) == ([required], [key], [key])
    assert pool.hooks == ["get_requires_for_build_wheel", "build_wheel"]
    assert pool.outputs == [receive] * 2


@pytest.mark.parametrize(("more", "is_new"), [(["three"], True), (["one"], False), (["two", "three"], True)])
def test_a_backend_that_asks_for_more_gets_another_environment(
    pool: Pool, source: Path, more: list[str], *, is_new: bool
) -> None:
    pool.more = more
    assert _build(source) == source / "out/made.whl"
    required = frozenset({"one", "two"})
    assert pool.gotten == [required, *([required | {"three"}] if is_new else [])]
    assert pool.given_back == pool.borrowed
    assert [key.requirements for key in pool.borrowed] == pool.gotten
    assert pool.hooks == ["get_requires_for_build_wheel", "build_wheel"]


def test_an_environment_is_set_up_ahead_with_a_runner_and_all_is_closed(pool: Pool, source: Path) -> None:
    engine = FastEngine("uv")
    engine.prepare(source, ["one"], SETTINGS, lambda: {"A": "1"})
    early = RunnerKey(frozenset({"one"}), SETTINGS, "backend.module", ()), {"A": "1"}
    assert pool.begun == [(frozenset({"one"}), SETTINGS, early)]
    assert pool.closes == 0
    engine.close()
    assert pool.closes == 2


@pytest.mark.parametrize("prepares", [True, False])
@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (ValueError("odd"), AccelerationError),
        (OSError("full"), AccelerationError),
        (AccelerationError("gone"), AccelerationError),
        (BuildFailedError("It was stopped."), BuildFailedError),
        (subprocess.CalledProcessError(2, "uv"), subprocess.CalledProcessError),
        (BuildException("wrong"), BuildException),
    ],
)
def test_unforeseen_failures_leave_the_build_to_the_plain_engine(
    pool: Pool, source: Path, failure: Exception, expected: type[Exception], *, prepares: bool
) -> None:
    pool.failure = failure
    with pytest.raises(expected) as caught:
        FastEngine("uv").prepare(source, ["one"], SETTINGS, dict) if prepares else _build(source)
    if isinstance(failure, ValueError):
        assert str(caught.value) == "ValueError: odd"
    if type(failure) is expected:
        assert caught.value is failure
    assert pool.borrowed == []


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (AccelerationError("the server is gone"), AccelerationError),
        (subprocess.CalledProcessError(1, "hook"), BuildBackendException),
    ],
)
def test_a_failed_hook_is_the_backends_and_a_failed_server_is_not(
    pool: Pool, source: Path, failure: Exception, expected: type[Exception]
) -> None:
    pool.hook_failure = failure
    with pytest.raises(expected):
        _build(source)
    assert pool.given_back == pool.borrowed
    assert len(pool.borrowed) == 1


def test_a_wrong_table_is_found_before_an_environment_is_set_up(pool: Pool, source: Path) -> None:
    (source / "pyproject.toml").write_text("[build-system]\nrequires = 3\n")
    with pytest.raises(BuildException):
        _build(source)
    assert (pool.gotten, pool.borrowed) == ([], [])
