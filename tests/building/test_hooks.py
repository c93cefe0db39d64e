"""Running the hooks of a build backend: fresh processes, what they leave behind, and how they end."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from publisher.building.hooks import (
    CAN_FORK,
    AccelerationError,
    ForkingHookRunner,
    HookRunner,
    SubprocessHookRunner,
    hook_variables,
    open_runner,
)
from publisher.machine.configure import TOOLS
from tests.helpers.waiting import eventually, is_running

PASSWORD_VARIABLES = {
    "pip": ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"),
    "uv": ("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_ACME_PASSWORD", "UV_PUBLISH_TOKEN", "UV_PUBLISH_URL"),
    "poetry": ("POETRY_HTTP_BASIC_ACME_PASSWORD", "POETRY_PYPI_TOKEN_ACME", "POETRY_REPOSITORIES_ACME_URL"),
    "pdm": ("PDM_PUBLISH_PASSWORD", "PDM_PYPI_URL", "PDM_PYPI_PASSWORD"),
    "pypirc": ("TWINE_PASSWORD", "TWINE_REPOSITORY_URL", "FLIT_PASSWORD", "FLIT_INDEX_URL", "HATCH_INDEX_AUTH"),
    "netrc": (),
}
"""The variables that a tool reads a password from, alone or in a URL."""

needs_fork = pytest.mark.skipif(not CAN_FORK, reason="this system starts an interpreter for each hook")


@pytest.fixture(params=["start", "fork"])
def runner(request: pytest.FixtureRequest) -> Iterator[HookRunner]:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "42"}
    if request.param == "fork" and not CAN_FORK:
        pytest.skip("this system can't fork what has imported a backend")
    opened: HookRunner = (
        ForkingHookRunner(sys.executable, environment) if request.param == "fork" else SubprocessHookRunner(environment)
    )
    with closing(opened):
        yield opened


def _script(folder: Path, text: str, *arguments: str) -> list[str]:
    path = folder / "hook" / f"script{len(text)}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return [sys.executable, str(path), *arguments]


def _output(runner: HookRunner, command: list[str], **options: object) -> str:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        runner(command, **options)  # type: ignore[arg-type]
    return bytes(caught.value.stdout).decode()


def test_a_hook_gets_arguments_folder_variables_and_its_own_folder_to_import_from(
    runner: HookRunner, tmp_path: Path
) -> None:
    command = _script(
        tmp_path,
        "import os, sys\n"
        "print(__name__, sys.argv[1:], os.getcwd(), os.environ['SOURCE_DATE_EPOCH'], os.environ['MORE'])\n"
        "print(os.path.dirname(__file__) == sys.path[0], [p for p in sys.path if p.endswith('publisher')])\n"
        "sys.exit(3)\n",
        "build_wheel",
    )
    output = _output(runner, command, cwd=str(tmp_path), extra_environ={"MORE": "x"})
    assert output == f"__main__ ['build_wheel'] {tmp_path} 42 x\nTrue []\n"


def test_every_hook_is_a_fresh_process(runner: HookRunner, tmp_path: Path) -> None:
    text = (
        "import os, sys, builtins\n"
        "assert not hasattr(builtins, 'spoiled') and 'SPOILED' not in os.environ and 'spoiled' not in sys.modules\n"
        "builtins.spoiled = os.environ['SPOILED'] = '1'\n"
        "sys.modules['spoiled'] = sys\n"
        "os.chdir('/')\n"
        f"print(os.getpid(), file=open({str(tmp_path / 'pids')!r}, 'a'))\n"
    )
    for _ in range(3):
        runner(_script(tmp_path, text))
    assert len(set((tmp_path / "pids").read_text().split())) == 3


def test_only_the_output_of_the_hook_that_fails_is_reported(runner: HookRunner, tmp_path: Path) -> None:
    runner(_script(tmp_path, "print('all is well')"))
    assert _output(runner, [*_script(tmp_path, "raise SystemExit('not so well')")]) == "not so well\n"


def test_what_a_hook_prints_is_reported_while_it_runs(runner: HookRunner, tmp_path: Path) -> None:
    received = bytearray()
    go_on = tmp_path / "go on"

    def tell(text: bytes) -> None:
        received.extend(text)
        go_on.touch()

    runner.on_output = tell
    text = f"import os, time\nprint('begun', flush=True)\nwhile not os.path.exists({str(go_on)!r}): time.sleep(0.01)\n"
    runner(_script(tmp_path, text + "print('done')\n"))
    assert bytes(received) == b"begun\ndone\n"


def test_what_a_hook_registers_runs_at_its_end(runner: HookRunner, tmp_path: Path) -> None:
    done = tmp_path / "done"
    runner(_script(tmp_path, f"import atexit, pathlib\natexit.register(pathlib.Path({str(done)!r}).touch)\n"))
    assert done.exists()


def test_a_hook_that_a_signal_ends_is_reported_and_the_next_one_runs(runner: HookRunner, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        runner(_script(tmp_path, "import os; os.kill(os.getpid(), 9)"))
    assert caught.value.returncode == -signal.SIGKILL
    runner(_script(tmp_path, "pass"))


def test_closing_ends_a_hook_that_runs(runner: HookRunner, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    command = _script(tmp_path, f"import os, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n")
    failures: list[BaseException] = []

    def run() -> None:
        try:
            runner(command)
        except subprocess.CalledProcessError as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert eventually(lambda: pid.exists() and bool(pid.read_text()))
    runner.close()
    thread.join(timeout=30)
    assert len(failures) == 1
    assert eventually(lambda: not is_running(int(pid.read_text())))


@needs_fork
def test_modules_of_the_environment_are_imported_once_and_those_of_the_project_each_time(tmp_path: Path) -> None:
    (tmp_path / "of_the_project.py").write_text("")
    text = (
        f"import sys\nsys.path.append({str(tmp_path)!r})\nfound = [m in sys.modules for m in sys.argv[1:]]\n"
        "import of_the_project, packaging.tags\nprint(found)\nsys.exit(1)\n"
    )
    with closing(ForkingHookRunner(sys.executable, os.environ)) as runner:
        command = _script(tmp_path, text.replace("sys.exit(1)\n", ""), "packaging.tags", "of_the_project")
        runner(command)
        assert "packaging.tags" in runner.imported()
        assert "of_the_project" not in runner.imported()
        assert _output(runner, _script(tmp_path, text, *command[2:])) == "[True, False]\n"


@needs_fork
def test_a_server_that_ends_during_its_set_up_is_noticed(tmp_path: Path) -> None:
    with closing(ForkingHookRunner(sys.executable, os.environ)) as runner:
        runner.set_up(tmp_path, tmp_path / "absent", {"A": "1"})
        assert _output(runner, _script(tmp_path, "import os; raise SystemExit(os.environ['A'] * 3)")) == "111\n"
        with pytest.raises(AccelerationError, match="did not answer"):
            runner.set_up(tmp_path, tmp_path / "absent", {"": ""})  # no name of a variable


@needs_fork
def test_a_backend_that_starts_threads_when_it_is_imported_is_not_forked(tmp_path: Path) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with closing(ForkingHookRunner(sys.executable, environment)) as runner:
        runner.preload(["no_such_module", "threaded"])
        text = "import sys\nprint('threaded' in sys.modules)\nsys.exit(1)\n"
        assert _output(runner, _script(tmp_path, text)) == "False\n"


def test_a_system_that_can_not_fork_starts_interpreters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.building.hooks.CAN_FORK", False)
    with closing(open_runner(sys.executable, os.environ)) as runner:
        assert isinstance(runner, SubprocessHookRunner)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_build_backend_sees_no_password_of_a_tool(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = PASSWORD_VARIABLES[tool]
    for name in names:
        monkeypatch.setenv(name, "secret")
    assert not {*names} & {*hook_variables()}
