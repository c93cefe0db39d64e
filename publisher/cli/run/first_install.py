"""The last lines of a login: for each tool on this machine, the command that installs from the index."""

from collections.abc import Sequence

import click

from publisher.cli.display.output import Output, current_output
from publisher.errors import PublishError
from publisher.machine.candidate import Candidate, find_candidate
from publisher.machine.first_install import FirstInstall, try_installs
from publisher.machine.paths import this_machine
from publisher.machine.tools.installer import Examined
from publisher.machine.tools.tool import Setup
from publisher.secret import Credentials


def show_first_installs(setup: Setup, credentials: Credentials) -> None:
    """Try every installer on this machine with a package of the index, and print the command for each."""
    output = current_output()
    candidate = _find(setup, credentials, output)
    found = list(try_installs(Examined(this_machine(), setup, candidate), credentials))
    if not found:
        output.say("No installer (pip, uv, poetry, pdm) is on the PATH.")
        return
    if candidate is not None:
        output.say(f"Tried with {candidate.name} {candidate.newest}:")
    _show(found, output)


def _find(setup: Setup, credentials: Credentials, output: Output) -> Candidate | None:
    try:
        candidate, is_empty = find_candidate(setup.url, credentials)
    except PublishError as error:
        output.warn(f"No tool could be tried. {error.message}")
        return None
    if candidate is None:
        words = "is empty" if is_empty else "has no wheel for every platform"
        output.say(f"The index {words}, so no tool could be tried; `pypi-publish doctor` does it later.")
    return candidate


def _show(found: Sequence[FirstInstall], output: Output) -> None:
    width = max(len(each.tool) for each in found)
    for each in found:
        sign, color = ("✓", "green") if each.works else ("✗", "red") if each.failure else ("·", "cyan")
        words = each.failure or each.command or ""
        output.line(f"  {click.style(sign, fg=color, bold=True)} {each.tool:<{width}}  {words}")
        if each.note:
            output.say(f"    {'':<{width}}  ({each.note})")
        if each.hint:
            output.say(f"    {'':<{width}}  → {each.hint}")
