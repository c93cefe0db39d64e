"""
Run commands of `pypi-publish` one after the other in one kind of surroundings, each in a fork of this process.

A fork costs milliseconds where a start costs half a second. ``python -m tests.helpers.walk TRAITS < COMMANDS`` reads a
JSON list of argument lists and prints one of exit codes and outputs. A trait is ``closed-N`` or ``full-N`` for a
standard stream, ``full-disk`` or ``lost-folder``.
"""

import importlib
import json
import os
import pkgutil
import pwd
import resource
import sys
import threading
from collections.abc import Collection
from pathlib import Path

import publisher
from publisher.cli.main import main

STREAMS = ("stdin", "stdout", "stderr")


def stay_out_of_the_real_home() -> None:
    """Let the user database name the test's home, which counts where the variable HOME is missing."""
    found = list(pwd.getpwuid(os.getuid()))
    found[5] = os.environ["WALK_HOME"]
    entry = pwd.struct_passwd(found)
    pwd.getpwuid = lambda _uid: entry


def run(arguments: list[str], traits: Collection[str]) -> tuple[int, str, str]:
    pipes = [os.pipe(), os.pipe()]
    child = os.fork()
    if child == 0:
        become(arguments, traits, *(write for _, write in pipes))
    texts = []
    for read, write in pipes:
        os.close(write)
        with open(read, errors="replace", encoding="utf-8") as pipe:  # noqa: PTH123 - a descriptor
            texts.append(pipe.read())
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), texts[0], texts[1]


def become(arguments: list[str], traits: Collection[str], out: int, err: int) -> None:
    """Be the command; never return."""
    code = 99
    try:
        for descriptor, source in enumerate([os.open(os.devnull, os.O_RDONLY), out, err]):
            os.dup2(source, descriptor)
        for descriptor, name in enumerate(STREAMS):
            if f"full-{descriptor}" in traits:
                os.dup2(os.open("/dev/full", os.O_WRONLY), descriptor)
            if f"closed-{descriptor}" in traits:
                os.close(descriptor)
                setattr(sys, name, None)  # as Python starts
            else:
                setattr(sys, name, open(descriptor, "w" if descriptor else "r", closefd=False))  # noqa: SIM115
        if "lost-folder" in traits:
            Path("lost").mkdir()
            os.chdir("lost")
            Path("../lost").rmdir()
        if "full-disk" in traits:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        sys.argv = ["pypi-publish", *arguments]
        main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    finally:
        for thread in threading.enumerate():  # as Python ends: one removes the build's environment
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        os._exit(code)


if __name__ == "__main__":
    stay_out_of_the_real_home()
    commands = json.loads(sys.stdin.read())
    for module in pkgutil.walk_packages(publisher.__path__, "publisher."):
        if "server" not in module.name:
            importlib.import_module(module.name)
    print(json.dumps([run(command, sys.argv[1:]) for command in commands]))  # noqa: T201 - the result
