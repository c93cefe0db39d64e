"""The console blocks of a page of the docs, and a terminal that runs them as a reader would."""

import os
import pty
import re
import select
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"(?:<!-- (?P<mark>[^\n]*) -->\n)?```console\n(?P<text>.*?)```\n", re.DOTALL)
_PROMPT = re.compile(rb"(?:assword[^\n]*|again|User for [^\n]*|\[y/N\]): *\Z")
_DONE = re.compile(rb"@@done (\d+)\r?\n")
NOT_TESTED = "not tested: "
RUNS_ON = "runs until stopped"


@dataclass(frozen=True)
class Block:
    """Commands that a reader pastes together; ``mark`` is the comment above them."""

    mark: str
    commands: tuple[str, ...]

    @property
    def reason(self) -> str | None:
        """Why the block can't run in a test; None for one that runs."""
        return self.mark.removeprefix(NOT_TESTED) if self.mark.startswith(NOT_TESTED) else None


def read_blocks(page: Path) -> list[Block]:
    """Return the console blocks of a page; a command begins with ``$`` and goes on in an indented or quoted line."""
    return [Block(found["mark"] or "", _commands(found["text"])) for found in _BLOCK.finditer(page.read_text("utf-8"))]


def _commands(text: str) -> tuple[str, ...]:
    commands: list[str] = []
    until = ""
    continues = False
    for line in text.splitlines():
        if until or continues:
            commands[-1] += "\n" + line
            until = "" if line == until else until
        elif line.startswith("$ "):
            commands.append(line[2:])
            until = found[1] if (found := re.search(r"<<'(\w+)'", line)) else ""
        else:
            continue  # output
        continues = line.endswith("\\")
    return tuple(commands)


class Terminal:
    """A shell on a terminal of its own, which answers questions for a user name and a password."""

    def __init__(self, folder: Path, environment: Mapping[str, str], username: str, password: str) -> None:
        self._answers = {True: username, False: password}
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            os.chdir(folder)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile"], {**environment, "PS1": "", "PS2": ""})
        self._write("stty -echo; bind 'set enable-bracketed-paste off' 2>/dev/null; PS1=; PS2=; echo @@done $?\n")
        self._read(_DONE, 30)

    def run(self, command: str, limit: float = 180.0) -> str:
        """Run a command and return its output; AssertionError when it fails or takes longer than a limit in seconds."""
        self._write(f"{{ {command}\n}}; echo @@done $?\n")  # one list: a question for a password empties the terminal
        output = self._read(_DONE, limit)
        found = _DONE.search(output)
        assert found, f"{command}\ndoes not end:\n{output.decode(errors='replace')}"
        text = output[: found.start()].decode(errors="replace").replace("\r\n", "\n")
        assert found[1] == b"0", f"{command}\nended with {found[1].decode()}:\n{text}"
        return text

    def start(self, command: str, until: str, limit: float = 60.0) -> None:
        """Start a command that goes on, and return when it has printed a text."""
        self._write(f"{command}\n")
        output = self._read(re.compile(re.escape(until.encode())), limit)
        assert until.encode() in output, f"{command}\nprinted:\n{output.decode(errors='replace')}"

    def close(self) -> None:
        """Interrupt what runs, and end the shell."""
        self._write("\x03")
        self._write("exit\n")
        os.close(self._terminal)
        for ending in (signal.SIGHUP, signal.SIGKILL):
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                if os.waitpid(self._process, os.WNOHANG)[0]:
                    return
                time.sleep(0.05)
            os.kill(self._process, ending)
        os.waitpid(self._process, 0)

    def _write(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _read(self, until: re.Pattern[bytes], limit: float) -> bytes:
        """Return what is printed up to a pattern, or up to a limit in seconds."""
        output = b""
        answered = 0
        deadline = time.monotonic() + limit
        while not until.search(output) and time.monotonic() < deadline:
            if select.select([self._terminal], [], [], 0.2)[0]:
                try:
                    output += os.read(self._terminal, 65536)
                except OSError:  # the shell has ended
                    break
            elif found := _PROMPT.search(output, answered):
                answer = "n" if found[0].startswith(b"[y/N]") else self._answers[b"User for" in found[0]]
                self._write(answer + "\n")
                answered = len(output)
        return output
