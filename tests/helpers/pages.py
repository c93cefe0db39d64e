"""The fenced blocks of a page of the docs."""

import re
from dataclasses import dataclass
from pathlib import Path

SHELLS = ("console", "powershell")
NOT_TESTED = "not tested: "
RUNS_ON = "runs until stopped"
_FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*) -->\n)?^```(?P<language>[^\n]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Command:
    """A command behind a prompt; ``output`` is the page's text below it."""

    text: str
    output: str

    @property
    def error(self) -> str:
        """The error that the page shows for it, or nothing."""
        found = re.search(r"^error: .*", self.output, re.MULTILINE)
        return found[0] if found else ""

    @property
    def fails(self) -> bool:
        """Whether the page shows that it fails."""
        return bool(self.error)


@dataclass(frozen=True)
class Block:
    """A fenced block; ``mark`` is the comment in the line above it."""

    line: int
    language: str
    mark: str
    commands: tuple[Command, ...]

    @property
    def is_shell(self) -> bool:
        """Whether the block holds commands."""
        return self.language in SHELLS

    @property
    def reason(self) -> str | None:
        """Why the block can't run in a test; None for one that runs."""
        return self.mark.removeprefix(NOT_TESTED) if self.mark.startswith(NOT_TESTED) else None


def read_blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, whatever their language, in their order."""
    text = page.read_text("utf-8")
    return [
        Block(text.count("\n", 0, found.start()) + 1, found["language"], found["mark"] or "", _commands(found["text"]))
        for found in _FENCE.finditer(text)
    ]


def _commands(text: str) -> tuple[Command, ...]:
    """Split a block at its prompts; a command goes on after a backslash and in a quoted text."""
    commands: list[Command] = []
    until = ""
    continues = False
    for line in text.splitlines():
        if line.startswith("$ ") and not until and not continues:
            commands.append(Command(line[2:], ""))
            until = found[1] if (found := re.search(r"<<'(\w+)'", line)) else ""
            continues = line.endswith("\\")
        elif until or continues:
            commands[-1] = Command(f"{commands[-1].text}\n{line}", "")
            until = "" if line == until else until
            continues = line.endswith("\\")
        elif commands:
            commands[-1] = Command(commands[-1].text, f"{commands[-1].output}{line}\n")
    return tuple(commands)
