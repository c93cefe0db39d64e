"""The checks of the tools on this machine, each tried with a package of the index."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from publisher.client.url import IndexUrl
from publisher.errors import PublishError
from publisher.machine.candidate import find_candidate
from publisher.machine.configure import TOOLS, make_setup
from publisher.machine.diagnosis import Diagnosis
from publisher.machine.doctor.credentials import Accepted
from publisher.machine.paths import Machine
from publisher.machine.programs import stop_programs
from publisher.machine.tools.installer import REPORT, Examined, Installer, ToolCheck
from publisher.machine.tools.pypirc import Pypirc


def check_tools(url: IndexUrl, machine: Machine, accepted: Accepted | None) -> Iterator[Diagnosis]:
    """Yield findings; with credentials that the index accepted, each tool that uses it is tried."""
    candidate = None
    if accepted is not None:
        try:
            candidate, is_empty = find_candidate(url, accepted.credentials)
        except PublishError as error:
            yield REPORT.problem("candidate", error.message, error.hint)
        else:
            if candidate is None:
                words = "is empty" if is_empty else "has no wheel for every platform"
                yield REPORT.note("candidate", f"The index {words}, so no tool could be tried.")
    examined = Examined(machine, make_setup(url, accepted.account if accepted else None), candidate)
    uses = []
    with ThreadPoolExecutor() as pool:  # each tool takes seconds, most of them to start
        try:
            checked = [tool for tool in TOOLS.values() if isinstance(tool, Installer | Pypirc)]
            for diagnoses, uses_it in pool.map(lambda tool: _run(tool.examine(examined)), checked):
                yield from diagnoses
                uses.append(uses_it)
        except BaseException:
            stop_programs()
            raise
    if True not in uses and False in uses:
        yield REPORT.warning(
            "configured",
            "No tool on this machine uses the index.",
            "Set up those that you use: `pypi-publish config --all --write`.",
        )


def _run(check: ToolCheck) -> tuple[list[Diagnosis], bool | None]:
    """Return a check's findings, and its result."""
    diagnoses = []
    while True:
        try:
            diagnoses.append(next(check))
        except StopIteration as end:
            return diagnoses, end.value
