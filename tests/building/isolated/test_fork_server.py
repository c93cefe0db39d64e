"""The program that forks hooks, by its protocol: lines of JSON over a socket that it inherits."""

import gzip
import hashlib
import json
import marshal
import os
import signal
import socket
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from publisher.building.environments import UvEnvironment
from publisher.building.hooks import CAN_FORK
from publisher.building.isolated import fork_server
from publisher.building.isolated.restoring import header

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="this system starts an interpreter for each hook")


class Server:
    """A running server, and the output of it and its hooks."""

    def __init__(self, control: socket.socket, process: "subprocess.Popen[bytes]") -> None:
        self._control, self.process = control, process
        self._answers = control.makefile("r", encoding="utf-8")

    def send(self, **request: object) -> None:
        self._control.sendall(json.dumps(request).encode() + b"\n")

    def answer(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._answers.readline())
        return found

    def run(self, script: Path, *arguments: str, folder: Path | None = None, **environment: str) -> dict[str, Any]:
        command = [str(script), *arguments]
        self.send(arguments=command, folder=str(folder or script.parent), environment=environment)
        return self.answer()

    def close(self) -> None:
        self._answers.close()
        self._control.close()

    def end(self) -> str:
        """Close the socket, and return everything that was printed until the server ended."""
        self.close()
        output, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 0
        return output.decode()


@contextmanager
def _serving(python: str = sys.executable, **environment: str) -> Iterator[Server]:
    control, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [python, fork_server.__file__, str(theirs.fileno())],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[theirs.fileno()],
        )
    server = Server(control, process)
    with process:
        try:
            yield server
        finally:
            server.close()
            process.kill()


def _script(folder: Path, text: str, name: str = "script.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_script_is_run_as_by_an_interpreter_that_is_started_with_it(tmp_path: Path) -> None:
    script = _script(
        tmp_path, "import os, sys\nprint(__name__, __file__, sys.argv, sys.path[0], os.getcwd(), os.environ['A'])\n"
    )
    folder = tmp_path / "folder"
    folder.mkdir()
    with _serving(A="before") as server:
        assert server.run(script, "x", folder=folder, A="after") == {"code": 0, "modules": []}
        assert server.run(script, "y")["code"] == 0
        first, second = server.end().splitlines()
    assert first == f"__main__ {script} {[str(script), 'x']} {tmp_path} {folder} after"
    assert second == f"__main__ {script} {[str(script), 'y']} {tmp_path} {tmp_path} before"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("import sys; sys.exit(3)", 3),
        ("raise SystemExit('no')", 1),
        ("raise ValueError", 1),
        ("pass", 0),
        ("import os; os._exit(7)", 7),
        ("import os; os.kill(os.getpid(), 15)", -signal.SIGTERM),
    ],
)
def test_the_exit_code_of_a_script_is_answered_and_the_next_one_runs(tmp_path: Path, text: str, code: int) -> None:
    with _serving() as server:
        assert server.run(_script(tmp_path, text)) == {"code": code, "modules": []}
        assert server.run(_script(tmp_path, "pass", "next.py"))["code"] == 0


def test_a_script_s_process_ends_like_an_interpreter(tmp_path: Path) -> None:
    """It waits for threads, calls what is registered, and completes files that the script has left open."""
    script = _script(
        tmp_path,
        "import atexit, gzip, sys, threading, time\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def late(name):\n"
        "    time.sleep(0.1)\n"
        "    open(name, 'w').write('late')\n"
        "threading.Thread(target=late, args=['thread']).start()\n"
        "ThreadPoolExecutor().submit(late, 'pool')\n"
        "atexit.register(lambda: open('registered', 'w').write('x'))\n"
        "left_open = open('open', 'w')\n"
        "left_open.write('all')\n"
        "packed = gzip.open('packed', 'wt')\n"
        "packed.write('all')\n"
        "sys.stdout.write('no line')\n",
    )
    with _serving() as server:
        assert server.run(script)["code"] == 0
        assert server.end() == "no line"
    found = {name: (tmp_path / name).read_text() for name in ("thread", "pool", "registered", "open")}
    assert found == {"thread": "late", "pool": "late", "registered": "x", "open": "all"}
    assert gzip.decompress((tmp_path / "packed").read_bytes()) == b"all"


@pytest.mark.parametrize("statement", ["sys.stdout.close()", "sys.stdout = None", "os.close(1)"])
def test_a_script_may_close_its_output(tmp_path: Path, statement: str) -> None:
    with _serving() as server:
        assert server.run(_script(tmp_path, f"import os, sys\n{statement}\n")) == {"code": 0, "modules": []}


def test_a_script_that_is_no_python_ends_the_server(tmp_path: Path) -> None:
    """Its other side builds without acceleration then, and reports what the script does."""
    with _serving() as server:
        server.send(arguments=[str(_script(tmp_path, "no python"))], folder=str(tmp_path), environment={})
        with pytest.raises(ValueError, match="Expecting value"):
            server.answer()


def test_modules_of_the_interpreter_are_reported_and_kept_and_those_beside_the_script_are_not(tmp_path: Path) -> None:
    (tmp_path / "of_the_project.py").write_text("")
    names = "'colorsys' in sys.modules, 'of_the_project' in sys.modules"
    text = f"import sys\nprint({names})\nimport of_the_project, colorsys\n"
    script = _script(tmp_path, text)
    with _serving() as server:
        assert server.run(script) == {"code": 0, "modules": ["colorsys"]}
        assert server.run(script) == {"code": 0, "modules": []}
        assert server.end().splitlines() == ["False False", "True False"]


def test_modules_are_imported_ahead_and_those_that_fail_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "exits.py").write_text("raise SystemExit(9)\n")
    script = _script(tmp_path, "import sys\nprint([m for m in ('colorsys', 'exits', 'absent') if m in sys.modules])\n")
    with _serving(PYTHONPATH=str(tmp_path)) as server:
        server.send(modules=["exits", "absent", "colorsys"])
        assert server.run(script) == {"code": 0, "modules": []}
        assert server.end() == "['colorsys']\n"


def test_packages_that_are_installed_after_the_start_are_found_as_by_a_new_interpreter(tmp_path: Path) -> None:
    environment = UvEnvironment(tmp_path / "environment")
    packages = environment.packages
    script = _script(
        tmp_path,
        "import os, sys\nimport acme, elsewhere\n"
        "names = [name for name in ('elsewhere', 'of_pth', 'sitecustomize', 'restoring') if name in sys.modules]\n"
        "print(os.environ['A'], acme.answer, *names)\n"
        "print([path for path in sys.path if 'publisher' in path])\n",
    )
    kept = tmp_path / "kept"
    kept.mkdir()
    with _serving(environment.python_executable, PYTHONPATH="", PYTHONDONTWRITEBYTECODE="1") as server:
        server.send(modules=["acme", "colorsys"])
        assert server.run(_script(tmp_path, "pass", "first.py")) == {"code": 0, "modules": []}
        source = b"answer = 42\n"
        (packages / "acme.py").write_bytes(source)
        (packages / "of_pth.py").write_bytes(b"")
        (packages / "sitecustomize.py").write_bytes(b"")
        (packages / "paths.pth").write_text(f"{tmp_path}\nimport of_pth\n")
        (tmp_path / "elsewhere.py").write_bytes(b"")
        (packages / "acme-1.dist-info").mkdir()
        key = hashlib.sha256(source)
        recorded = urlsafe_b64encode(key.digest()).rstrip(b"=").decode()
        (packages / "acme-1.dist-info/RECORD").write_text(f"acme.py,sha256={recorded},12\n")
        code = marshal.dumps(compile("answer = 'restored'", "acme.py", "exec"))
        (kept / key.hexdigest()).write_bytes(header(code) + code)
        server.send(packages=str(packages), bytecode=str(kept), environment={"A": "set"})
        assert server.answer() == {"code": 0, "modules": []}
        server.send(modules=["acme"])
        assert server.run(script)["code"] == 0
        assert server.end() == "set restored elsewhere of_pth sitecustomize\n[]\n"


def test_where_a_module_has_started_a_thread_an_interpreter_is_started(tmp_path: Path) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    script = _script(
        tmp_path, "import os, sys\nprint(sys.argv[1:], os.environ['A'], os.getcwd(), os.getppid())\nsys.exit(4)\n"
    )
    with _serving(PYTHONPATH=str(tmp_path)) as server:
        server.send(modules=["threaded"])
        assert server.run(script, "x", A="given") == {"code": 4, "modules": []}
        server.process.kill()
        output, _ = server.process.communicate()
    assert output.decode() == f"['x'] given {tmp_path} {server.process.pid}\n"


@pytest.mark.parametrize(("count", "is_reported"), [(100, True), (20_000, False)])
def test_more_names_than_a_pipe_holds_are_not_reported(tmp_path: Path, count: int, *, is_reported: bool) -> None:
    text = (
        "import sys, types, importlib.machinery\n"
        f"for number in range({count}):\n"
        "    module = types.ModuleType(f'made{number}')\n"
        "    module.__spec__ = importlib.machinery.ModuleSpec(f'made{number}', None, origin='built-in')\n"
        "    sys.modules[f'made{number}'] = module\n"
    )
    with _serving() as server:
        found = server.run(_script(tmp_path, text))
    assert found["code"] == 0
    assert len([name for name in found["modules"] if name.startswith("made")]) == (count if is_reported else 0)
    assert bool(found["modules"]) is is_reported


@pytest.mark.parametrize("imports", ["", "import colorsys\n"])
def test_a_process_that_a_script_leaves_behind_does_not_keep_its_answer(tmp_path: Path, imports: str) -> None:
    pid = tmp_path / "pid"
    text = (
        f"import os, time\n{imports}left = os.fork()\nif not left: time.sleep(600)\n"
        f"open({str(pid)!r}, 'w').write(str(left))\n"
    )
    script = _script(tmp_path, text)
    with _serving() as server:
        try:
            assert server.run(script) == {"code": 0, "modules": ["colorsys"] if imports else []}
        finally:
            os.kill(int(pid.read_text()), signal.SIGKILL)
        assert server.run(_script(tmp_path, "pass", "next.py"))["code"] == 0
