"""The findings of `check`: one line each, annotations in GitHub Actions, and a verdict."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import click

from publisher.checks.rules import RULES, explain
from publisher.checks.violations import Severity, Violation
from publisher.cli.display.output import current_output
from publisher.errors import CheckFailedError, ConfigurationError
from publisher.project.distributions import Distribution
from publisher.publish.report import files_as_json

_LEVELS: Mapping[str, Literal["error", "warning", "notice"]] = {
    "error": "error",
    "warning": "warning",
    "note": "notice",
}
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_COLORS = {"error": "red", "warning": "yellow", "note": "cyan"}


def conclude(found: Sequence[Violation], built: Sequence[Distribution], *, strict: bool) -> None:
    """Print findings and built files; raise CheckFailedError when a finding fails."""
    output = current_output()
    for finding in found:
        _show(finding)
    if output.as_json:
        payload = {"findings": [finding.as_json() for finding in found], "files": files_as_json(built)}
        output.result(json.dumps(payload, indent=2))
    else:
        for distribution in built:
            is_kept = distribution.path.exists()  # files that were only built to be checked are gone
            output.result(str(distribution.path) if is_kept else distribution.filename)
    counts = Counter(finding.rule.severity for finding in found)
    failed = counts[Severity.ERROR] or (strict and counts[Severity.WARNING])
    words = [f"{count} {kind.value}{'s' if count > 1 else ''}" for kind in Severity if (count := counts[kind])]
    fixable = sum(finding.rule.fixable for finding in found)
    hint = f" --fix fixes {fixable} of them." if fixable else ""
    if failed and output.as_json:
        click.get_current_context().exit(CheckFailedError.exit_code)
    if failed:
        worst = min(found, key=lambda finding: list(Severity).index(finding.rule.severity)).rule.code
        raise CheckFailedError(
            f"{', '.join(words)}.{hint}", hint=f"`pypi-publish check --explain {worst}` shows reason and remedy."
        )
    output.say(f"{', '.join(words)}.{hint}" if words else "All is well.")


def print_rule(code: str) -> None:
    """Print a rule's section of the reference as plain text; raise ConfigurationError for an unknown code."""
    rule = RULES.get(code.strip().upper())
    if rule is None:
        raise ConfigurationError(
            f"Unknown rule {code!r}.", hint=f"The codes are {min(RULES)} to {max(RULES)}; `check` prints them."
        )
    text = _LINK.sub(r"\1", explain(rule)).replace("**", "")
    click.echo(f"{rule.code}: {text.rstrip()}")


def _show(finding: Violation) -> None:
    output = current_output()
    severity = finding.rule.severity.value
    if output.runner is not None:
        title = f"{finding.rule.code} {finding.rule.title}"
        output.command(output.runner.annotation(_LEVELS[severity], title, finding.message, finding.path, finding.line))
    elif not output.is_quiet or severity != "note":
        output.paragraph(finding.message, f"{finding.place}: {finding.rule.code}", _COLORS[severity])
