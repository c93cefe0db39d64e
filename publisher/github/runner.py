"""Output for the GitHub Actions runner of a step: annotations, folded groups, masks, outputs and the step summary."""

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

SUMMARY_LIMIT = 1024 * 1024
"""Bytes that GitHub shows of one step's summary; of a longer one it shows nothing."""

_CUT = "\n\n*The rest did not fit.*\n"


class Runner(NamedTuple):
    """
    The runner of the step that this process is, with the files that it reads when the step is over.

    See https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands.
    """

    workspace: "Path"
    output_file: "Path | None" = None
    summary_file: "Path | None" = None
    environment_file: "Path | None" = None
    temporary: "Path | None" = None
    """A folder that GitHub empties when the job is over."""

    def annotation(
        self,
        level: Literal["error", "warning", "notice"],
        title: str,
        message: str,
        path: "Path | None",
        line: int | None,
    ) -> str:
        """Return the command that shows a message beside the run and, with a path in the workspace, in the diff."""
        properties = {"title": title, "file": self._in_workspace(path), "line": line if path else None}
        said = ",".join(f"{name}={_escape_property(str(value))}" for name, value in properties.items() if value)
        return f"::{level} {said}::{_escape(message)}"

    def set_outputs(self, outputs: Mapping[str, str]) -> None:
        """Set outputs of the step; a value may be of any text, also of several lines."""
        _append(self.output_file, outputs)

    def set_variables(self, variables: Mapping[str, str]) -> None:
        """Set environment variables of the steps that follow; every process of theirs sees them."""
        _append(self.environment_file, variables)

    def add_summary(self, markdown: str) -> None:
        """Append to the step's summary as much as fits."""
        if self.summary_file is None:
            return
        with self.summary_file.open("ab") as file:
            room = SUMMARY_LIMIT - file.tell()
            text = f"{markdown}\n".encode()
            if len(text) > room:
                kept = text[: max(0, room - len(_CUT))].decode(errors="ignore").rpartition("\n")[0]
                text = f"{kept}{_CUT}".encode()[: max(0, room)]
            file.write(text)

    def _in_workspace(self, path: "Path | None") -> str | None:
        """Return a path as annotations name it; None for one outside the workspace."""
        if path is None:
            return None
        try:
            return path.resolve().relative_to(self.workspace.resolve()).as_posix()
        except (ValueError, OSError):
            return None


def find_runner(environment: Mapping[str, str]) -> Runner | None:
    """Return the runner that an environment describes; None outside GitHub Actions."""
    if environment.get("GITHUB_ACTIONS") != "true":
        return None
    from pathlib import Path  # noqa: PLC0415 - a command outside of Actions starts without it

    named = (environment.get(name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "RUNNER_TEMP"))
    return Runner(Path(environment.get("GITHUB_WORKSPACE") or "."), *(Path(path) if path else None for path in named))


def mask(text: str) -> Iterator[str]:
    """Yield the commands after which the runner shows stars for a text, in whose lines it looks for it."""
    yield from (f"::add-mask::{_escape(line)}" for line in text.splitlines() if line.strip())


def group(title: str) -> str:
    """Return the command below which the log is folded."""
    return f"::group::{_escape(title)}"


END_GROUP = "::endgroup::"


class Quotation:
    """The pair of commands between which another program's output is no command, whatever it holds."""

    def __init__(self) -> None:
        token = os.urandom(16).hex()
        self.begin = f"::stop-commands::{token}"
        self.end = f"::{token}::"


def _append(file: "Path | None", values: Mapping[str, str]) -> None:
    """Append names and values to one of the runner's files, each value between two lines that it can't hold itself."""
    if file is None:
        return
    with file.open("a", encoding="utf-8", newline="\n") as lines:
        for name, value in values.items():
            end = f"end-{os.urandom(16).hex()}"
            lines.write(f"{name}<<{end}\n{value}\n{end}\n")


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
