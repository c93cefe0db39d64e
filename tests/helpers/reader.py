"""A reader of the docs: a shell on its own terminal, which answers prompts."""

import os
import pty
import re
import select
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

SHELL = ("/bin/bash", "--norc", "--noprofile")
_PROMPT = re.compile(rb"(?:assword[^\n]*|again|more|User for [^\n]*|[Uu]ser ?name|\[[Yy]/[Nn]\]): *\Z")
_ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_DONE = re.compile(rb"@@done (\d+)\r?\n")


class ReaderTerminal:
    """A shell, which is given a user name, a password, and a yes or no to every question."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        username: str,
        password: str,
        *,
        agrees: bool = False,
        shell: Sequence[str] = SHELL,
    ) -> None:
        self._username, self._password, self._agrees = username, password, agrees
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            # tests that run under nohup or in the background inherit that these signals are ignored
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
                signal.signal(number, signal.SIG_DFL)
            os.chdir(folder)
            os.execve(shell[0], [*shell], {**environment, "PS1": "", "PS2": ""})
        self._write("stty -echo; bind 'set enable-bracketed-paste off' 2>/dev/null; PS1=; PS2=; echo @@done $?\n")
        self._read(_DONE, 30)

    def run(self, command: str, *, fails: bool = False, limit: float = 120.0) -> str:
        """Run a command and return its output; AssertionError for another end, or none within a limit in seconds."""
        self._write(f"{{ {command}\n}}; echo @@done $?\n")  # one list: a question for a password empties the terminal
        output = self._read(_DONE, limit)
        found = _DONE.search(output)
        assert found, f"{command}\ndoes not end:\n{output.decode(errors='replace')}"
        text = output[: found.start()].decode(errors="replace").replace("\r\n", "\n")
        assert (found[1] != b"0") is fails, f"{command}\nended with {found[1].decode()}:\n{text}"
        return text

    def start(self, command: str, until: str, limit: float = 60.0) -> None:
        """Start a command that goes on, and return when it has printed a text."""
        self._write(f"{command}\n")
        output = self._read(re.compile(re.escape(until.encode())), limit)
        assert until.encode() in output, f"{command}\nprinted:\n{output.decode(errors='replace')}"

    def close(self) -> None:
        """Interrupt the running command, and end the shell."""
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
        """Return the output up to a pattern, or up to a limit in seconds."""
        output = b""
        answered = 0
        deadline = time.monotonic() + limit
        while not until.search(output) and time.monotonic() < deadline:
            if select.select([self._terminal], [], [], 0.1)[0]:
                try:
                    output += os.read(self._terminal, 65536)
                except OSError:  # the shell has ended
                    break
            elif found := _PROMPT.search(_ESCAPE.sub(b"", output[answered:])):
                self._write(self._answer(found[0]) + "\n")
                answered = len(output)
        return output

    def _answer(self, question: bytes) -> str:
        if question.startswith(b"["):
            return "y" if self._agrees else "n"
        return self._username if question.startswith((b"User", b"user")) else self._password
