"""The table and the lines that a publishing run ends with."""

from collections.abc import Sequence

import click

from publisher.cli.display.output import Output
from publisher.project.display import human_size
from publisher.project.install_lines import install_lines
from publisher.publish.report import Release, Report, State

WORDS = {
    State.UPLOADED: ("uploaded", "green"),
    State.ALREADY_THERE: ("already there", "blue"),
    State.SKIPPED: ("skipped", "yellow"),
    State.WOULD_UPLOAD: ("would be uploaded", "cyan"),
    State.UNCHANGED: ("unchanged, not built", "blue"),
}
"""Text and color of each state."""


SHOWN_IN_FULL = 3
"""Most projects whose pages and install lines are shown one by one; of more, only the common part is shown."""


def show_report(report: Report, output: Output) -> None:
    """Print the outcome for each file, the project's page, and the line that installs the release."""
    rows = [(file.file.text, human_size(file.size or 0), *WORDS[file.state]) for file in report.handled]
    rows += [(f"{each.display_name} {each.version}", "", *WORDS[State.UNCHANGED]) for each in report.unchanged]
    output.say("")
    if not rows:
        output.say("Nothing to publish.")
        return
    for line in _table([(name, size, word) for name, size, word, _ in rows], [color for *_, color in rows]):
        output.line(line)
    releases = report.releases or report.unchanged
    if len(releases) > SHOWN_IN_FULL:
        are = "would be" if report.dry_run else "are"
        output.say(f"\n{_count(releases)} {are} on {report.url}")
        lines = install_lines(report.url.simple, "PROJECT", dependencies=None)
        output.line("\n".join(f"  {line}" for line in lines))
    else:
        for release in releases:
            output.say("")
            output.say(f"{release.display_name} {release.version}: {report.url.project_page(release.name)}")
            output.line("\n".join(f"  {line}" for line in report.install_lines(release)))
    if report.dry_run:
        output.say("\nThis was a dry run: nothing was sent.")


def _count(releases: Sequence[Release]) -> str:
    projects = {release.name for release in releases}
    if len(projects) == 1:
        return f"{len(releases)} releases of {releases[0].display_name}"
    return f"{len(projects)} projects"


def _table(rows: Sequence[tuple[str, str, str]], colors: Sequence[str]) -> list[str]:
    """Return aligned lines under a heading: names to the left, sizes to the right, states colored."""
    heading = ("File", "Size", "State")
    name_width, size_width = (max(len(row[column]) for row in [heading, *rows]) for column in (0, 1))
    lines = [click.style(f"{heading[0]:<{name_width}}  {heading[1]:>{size_width}}  {heading[2]}", bold=True)]
    for (name, size, state), color in zip(rows, colors, strict=True):
        lines.append(f"{name:<{name_width}}  {size:>{size_width}}  {click.style(state, fg=color)}")
    return lines
