"""The command `pypi-publish doctor`."""

import json
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from publisher.cli.options import given_password, json_option, output_options, target_options
from publisher.cli.output import Output, current_output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from publisher.machine.doctor.findings import Area, Finding

_SIGNS = {"ok": ("✓", "green"), "note": ("·", "cyan"), "warning": ("!", "yellow"), "problem": ("✗", "red")}
_CLEARED = "\r\x1b[K"
"""Back to the beginning of the line, and what is on it away (ECMA-48, 8.3.41)."""


@click.command("doctor")
@target_options
@json_option
@output_options
def command(**options: Any) -> None:
    """
    Find out what keeps this machine, an index and your tools from working together.

    Nothing is changed. Every line has a verdict, and what to do where something is wrong; the exit code is 0 only when
    all is well, else that of the first problem, or of the first warning where there is no problem.
    """
    from publisher.machine.doctor.examine import Patient, examine
    from publisher.machine.doctor.findings import gravest
    from publisher.machine.doctor.index import Limits

    password = given_password(password_stdin=options["password_stdin"])
    patient = Patient(Path(), options["index_url"], options["username"], password)
    output = current_output()
    findings = list(_shown(_awaited(examine(patient, Limits()), output), output))
    trouble = gravest(findings)
    if output.as_json:
        told = {"well": trouble is None, "findings": [finding.as_json() for finding in findings]}
        click.echo(json.dumps(told, indent=2))
    _conclude(findings, trouble, output)
    if trouble is not None:
        click.get_current_context().exit(trouble.area.exit_code)


def _awaited(findings: "Iterator[Finding]", output: Output) -> "Iterator[Finding]":
    """Pass findings on; on a terminal, a line that goes away again says that the next one is still being looked for."""
    shows = sys.stderr.isatty() and not output.is_quiet
    while True:
        if shows:
            click.secho("  … still looking", dim=True, nl=False, err=True)
        finding = next(findings, None)
        if shows:
            click.echo(_CLEARED, nl=False, err=True)
        if finding is None:
            return
        yield finding


def _shown(findings: "Iterator[Finding]", output: Output) -> "Iterator[Finding]":
    """Pass findings on, each told as soon as it is there; quietly, those that are well are left out."""
    area: Area | None = None
    for finding in findings:
        if not (output.is_quiet and finding.verdict.is_well):
            if finding.area is not area:
                area = finding.area
                click.echo(f"\n{click.style(area.title, bold=True)}", err=True)
            for line in _lines(finding):
                click.echo(line, err=True)
        yield finding


def _lines(finding: "Finding") -> "Iterator[str]":
    sign, colour = _SIGNS[finding.verdict.value]
    first, *rest = _wrap(finding.what, 4)
    yield f"  {click.style(sign, fg=colour, bold=True)} {first}"
    yield from (f"    {line}" for line in rest)
    if finding.remedy:
        first, *rest = _wrap(finding.remedy, 6)
        yield f"    {click.style('→', fg='cyan')} {first}"
        yield from (f"      {line}" for line in rest)


def _wrap(text: str, indent: int) -> list[str]:
    width = min(shutil.get_terminal_size().columns, 110) - indent
    # commands and URLs are for copying: a long one is not cut into two
    return textwrap.wrap(text, max(width, 40), break_long_words=False, break_on_hyphens=False) or [""]


def _conclude(findings: "Sequence[Finding]", trouble: "Finding | None", output: Output) -> None:
    if trouble is None:
        output.say(f"\n{click.style('All is well.', fg='green', bold=True)}")
        return
    counts = [(kind, sum(finding.verdict.value == kind for finding in findings)) for kind in ("problem", "warning")]
    words = " and ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts if count)
    click.echo(f"\n{click.style(f'{words}.', fg=_SIGNS[trouble.verdict.value][1], bold=True)}", err=True)
