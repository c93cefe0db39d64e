"""Examining this machine and an index, and showing each finding as soon as it is known."""

import json
import os
from collections.abc import Iterator, Sequence

import click

from publisher.cli.display.output import Output, can_rewrite_lines, current_output
from publisher.cli.display.wrap import wrap
from publisher.cli.options.target import TargetArgs
from publisher.cli.run.resolve import given_password, named_target
from publisher.machine.diagnosis import Area, Diagnosis, gravest
from publisher.machine.doctor.examine import DoctorInput, examine
from publisher.machine.doctor.index import Thresholds
from publisher.machine.paths import this_machine

_SIGNS = {"ok": ("✓", "green"), "note": ("·", "cyan"), "warning": ("!", "yellow"), "problem": ("✗", "red")}
_CLEARED = "\r\x1b[K"
"""Back to the start of the line, and the line erased (ECMA-48, 8.3.41)."""


def diagnose(target: TargetArgs) -> None:
    """Print every finding; exit with the code of the gravest one that is not in order."""
    target = named_target(target)
    given = DoctorInput(this_machine(), target.index_url, target.username, given_password(target))
    output = current_output()
    findings = list(_shown(_awaited(examine(given, Thresholds()), output), output))
    trouble = gravest(findings)
    if output.as_json:
        payload = {"well": trouble is None, "findings": [finding.as_json() for finding in findings]}
        output.result(json.dumps(payload, indent=2))
    _conclude(findings, trouble, output)
    if trouble is not None:
        click.get_current_context().exit(trouble.area.exit_code)


def _awaited(findings: Iterator[Diagnosis], output: Output) -> Iterator[Diagnosis]:
    """Pass findings on; on a terminal, a line that goes away again says that the next one is still being looked for."""
    shows = can_rewrite_lines(os.environ) and not output.is_quiet
    while True:
        if shows:
            click.secho("  … still looking", dim=True, nl=False, err=True)
        finding = next(findings, None)
        if shows:
            click.echo(_CLEARED, nl=False, err=True)
        if finding is None:
            return
        yield finding


def _shown(findings: Iterator[Diagnosis], output: Output) -> Iterator[Diagnosis]:
    """Yield findings as they arrive; with ``--quiet``, problems only."""
    area: Area | None = None
    for finding in findings:
        if not (output.is_quiet and finding.verdict.is_well):
            if finding.area is not area:
                area = finding.area
                click.echo(f"\n{click.style(area.title, bold=True)}", err=True)
            for line in _lines(finding):
                click.echo(line, err=True)
        yield finding


def _lines(finding: Diagnosis) -> Iterator[str]:
    sign, color = _SIGNS[finding.verdict.value]
    first, *rest = wrap(finding.what, indent=4)
    yield f"  {click.style(sign, fg=color, bold=True)} {first}"
    yield from (f"    {line}" for line in rest)
    if finding.remedy:
        first, *rest = wrap(finding.remedy, indent=6)
        yield f"    {click.style('→', fg='cyan')} {first}"
        yield from (f"      {line}" for line in rest)


def _conclude(findings: Sequence[Diagnosis], trouble: Diagnosis | None, output: Output) -> None:
    if trouble is None:
        tried = any(finding.check.endswith("-trial") for finding in findings)
        words = "All is well." if tried else "No problems found, but no tool was tried."
        output.line(f"\n{click.style(words, fg='green', bold=True)}")
        return
    counts = [(kind, sum(finding.verdict.value == kind for finding in findings)) for kind in ("problem", "warning")]
    words = " and ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts if count)
    click.echo(f"\n{click.style(f'{words}.', fg=_SIGNS[trouble.verdict.value][1], bold=True)}", err=True)
