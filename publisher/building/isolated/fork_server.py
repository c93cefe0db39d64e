"""
The program that runs a build backend's hooks, each in a process forked from one that has imported the backend.

It is run by the interpreter of an isolated environment, so it imports the standard library and nothing else, and takes
itself off the import path. Usage: ``fork_server.py DESCRIPTOR``, the number of an inherited socket, over which requests
and answers go as lines of JSON:

- ``{"modules": [NAME, ...]}`` imports modules, and is not answered.
- ``{"packages": PATH, "bytecode": PATH, "environment": {...}}`` is for a server that was started before the packages of
  its environment were installed: it restores their bytecode from a folder, sets variables, and goes on as if it was
  started now. It is answered like a script.
- ``{"arguments": [SCRIPT, ...], "folder": PATH, "environment": {...}}`` runs a Python script there, with those
  variables set. It is answered by ``{"code": N, "modules": [NAME, ...]}``: the exit code, negative when a signal ended
  the script, and the modules of the standard library and the environment that the script imported. They are then
  imported here as well, so that the scripts that follow find them.
"""

import _io
import atexit
import gc
import importlib
import importlib.util
import json
import os
import site
import sys
import threading
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn

_REPORT_LIMIT = 60_000
"""Bytes of module names that a script's process reports: as many as a pipe holds that is read after its end."""

_WRITERS = (_io._TextIOBase, _io._BufferedIOBase)  # noqa: SLF001 - those of io take ten times as long to compare
"""The kinds of files that may hold back what was written."""


def main() -> None:
    """Serve requests until the other side closes the socket; a script's process ends here or raises its failure."""
    control = int(sys.argv[1])
    del sys.path[0]  # this file's folder
    gc.disable()  # modules stay, and a script's process has its own garbage only
    reported = set(sys.modules)
    compiled: dict[str, CodeType] = {}
    requests = open(control, encoding="utf-8", closefd=False)  # noqa: SIM115 - until the end
    answers = open(control, "wb", closefd=False)  # noqa: SIM115
    for line in requests:
        request = json.loads(line)
        if "modules" in request:
            reported.update(request["modules"])
            _import_all(request["modules"])
            continue
        if "packages" in request:
            answer = _set_up(request)
        elif threading.active_count() > 1:  # threads, and the locks they hold, do not survive a fork
            answer = {"code": _start(request), "modules": []}
        else:
            answer = _fork(request, compiled, reported, control)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()
        reported.update(answer["modules"])
        _import_all(answer["modules"])


def _fork(
    request: dict[str, Any], compiled: dict[str, CodeType], reported: Collection[str], control: int
) -> dict[str, Any]:
    """Run a script in a fork, and return its exit code and the modules that it or this process has imported."""
    script = request["arguments"][0]
    if script not in compiled:
        with open(script, "rb") as file:  # noqa: PTH123 - pathlib is one more import
            compiled[script] = compile(file.read(), script, "exec")
    report, status_pipe = os.pipe()
    gc.freeze()
    child = os.fork()
    if child == 0:
        os.close(report)
        os.close(control)
        _become(request, compiled[script], reported, status_pipe)
    os.close(status_pipe)
    _, status = os.waitpid(child, 0)
    os.set_blocking(report, False)
    with open(report, "rb") as names:  # noqa: PTH123 - None where the script left a process, but no names
        return {"code": os.waitstatus_to_exitcode(status), "modules": (names.read() or b"").decode().split()}


def _set_up(request: dict[str, Any]) -> dict[str, Any]:
    """Do what the start of an interpreter does with installed packages."""
    spec = importlib.util.spec_from_file_location("restoring", Path(__file__).with_name("restoring.py"))
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018
    restoring = importlib.util.module_from_spec(spec)  # which packages may not import
    spec.loader.exec_module(restoring)
    restoring.restore(Path(request["packages"]), Path(request["bytecode"]))
    os.environ.update(request["environment"])
    importlib.invalidate_caches()
    for packages in site.getsitepackages([sys.prefix]):
        if os.path.isdir(packages):  # noqa: PTH112
            site.addsitedir(packages)
    if "sitecustomize" not in sys.modules:
        site.execsitecustomize()
    return {"code": 0, "modules": []}


def _import_all(modules: Iterable[str]) -> None:
    """Import modules; a failure is reported by the script that needs the module."""
    for module in modules:
        with suppress(BaseException):  # also SystemExit: any code may run here
            importlib.import_module(module)


def _start(request: dict[str, Any]) -> int:
    import subprocess  # noqa: PLC0415 - rarely needed

    environment = {**os.environ, **request["environment"]}
    command = [sys.executable, *request["arguments"]]
    return subprocess.run(command, cwd=request["folder"], env=environment, check=False).returncode  # noqa: S603


def _become(request: dict[str, Any], code: CodeType, reported: Collection[str], status_pipe: int) -> NoReturn:
    """Run the script as an interpreter that was started with it would, report its imports, and end."""
    gc.enable()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = request["arguments"]
    sys.path.insert(0, os.path.dirname(sys.argv[0]))  # noqa: PTH120
    names = {"__name__": "__main__", "__file__": sys.argv[0], "__builtins__": __builtins__}  # until the end
    exec(code, names)  # noqa: S102
    imported = "\n".join(name for name in sys.modules if name not in reported and _is_installed(name)).encode()
    os.write(status_pipe, imported if len(imported) <= _REPORT_LIMIT else b"")
    _end()


def _end() -> NoReturn:
    """
    End the process of a script that succeeded as an interpreter ends, except that the system frees the memory.

    Freeing the objects of all modules takes longer than most hooks, because it copies the pages shared with the server.
    multiprocessing ends its processes in the same way.
    """
    threading._shutdown()  # type: ignore[attr-defined] # noqa: SLF001 - waits for threads and pools
    atexit._run_exitfuncs()  # noqa: SLF001
    gc.collect()
    found = gc.get_objects()  # the script's alone: the server's are frozen
    for file in sorted((each for each in found if issubclass(type(each), _WRITERS)), key=_layer):
        with suppress(BaseException):
            file.close()
    for stream in (sys.stdout, sys.stderr):
        if not getattr(stream, "closed", True):
            stream.flush()
    os._exit(0)


def _layer(file: Any) -> int:
    """Return a smaller number for a file that writes to another one: text, then compression, then bytes."""
    return 0 if issubclass(type(file), _WRITERS[0]) else 1 + (type(file).__module__ == "_io")


def _is_installed(name: str) -> bool:
    """Return whether a module is the interpreter's or the environment's, and so does not depend on the project."""
    origin = getattr(getattr(sys.modules[name], "__spec__", None), "origin", None)
    return origin in {"built-in", "frozen"} or str(origin).startswith((sys.prefix + os.sep, sys.base_prefix + os.sep))


if __name__ == "__main__":
    main()
