"""The results of a publishing run on GitHub: the step's outputs and summary."""

import json
from collections.abc import Iterable

from publisher.cli.display.report import WORDS
from publisher.project.display import human_size
from publisher.publish.report import Report, State


def outputs_of(report: Report) -> dict[str, str]:
    """
    Return the outputs by name.

    ``name``, ``version`` and ``project-url`` are empty where the projects of the run, unchanged ones among them, differ
    in them; ``files`` is a JSON list with the files of all of them.
    """
    payload = report.as_json()
    states = [file.state for file in report.files]
    releases = [*report.releases, *report.unchanged]
    keys = ("filename", "project", "version", "size", "sha256", "status", "url")
    return {
        "published": str(payload["published"]).lower(),
        "uploaded": str(states.count(State.UPLOADED)),
        "skipped-count": str(len(states) - states.count(State.UPLOADED)),
        "name": _same(release.display_name for release in releases),
        "version": _same(str(release.version) for release in releases),
        "files": json.dumps([{key: file[key] for key in keys} for file in payload["files"]]),
        "index-url": report.url.root,
        "project-url": _same(report.url.project_page(release.name) for release in releases),
    }


def summary_of(report: Report) -> str:
    """Return the step summary in Markdown: a table of the files, and how to install each release."""
    lines = [f"### {_heading(report)}", "", "| File | Size | SHA-256 | State |", "|---|--:|---|---|"]
    lines += [
        f"| `{file.file.text}` | {human_size(file.size or 0)} | `{file.sha256}` | {WORDS[file.state][0]} |"
        for file in report.handled
    ]
    lines += [f"| {each.display_name} {each.version} | | | {WORDS[State.UNCHANGED][0]} |" for each in report.unchanged]
    for release in report.releases or report.unchanged:
        page = report.url.project_page(release.name)
        lines += ["", f"[{release.display_name} {release.version} on the index]({page})", ""]
        lines += ["```console", *report.install_lines(release), "```"]
    return "\n".join([*lines, ""])


def _heading(report: Report) -> str:
    releases = ", ".join(f"{release.display_name} {release.version}" for release in report.releases or report.unchanged)
    if not releases:
        return "✅ Nothing to publish"
    if report.dry_run:
        return f"🔍 Dry run, nothing was sent: {releases}"
    if any(file.state is State.UPLOADED for file in report.files):
        return f"✅ Published {releases}"
    return f"✅ Nothing new: {releases} is already on the index"


def _same(values: Iterable[str]) -> str:
    """Return the value that all have, or nothing where they differ."""
    found = set(values)
    return found.pop() if len(found) == 1 else ""
