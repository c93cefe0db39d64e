"""
Record the metadata of the well-known projects in this repository's own environments, for the rules to be tried on.

Kept are facts: names, versions, requirements, classifiers, links without their hosts, licenses, scripts. Of texts and
of people's names and addresses only the shape is kept, with an `a` for each letter. Needs no network; run it by hand
after `make lock`:

    .venv/bin/python tests/checks/real_metadata.py    # writes real_metadata.json
"""

import json
import re
from collections.abc import Iterator
from email.parser import HeaderParser
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

ENVIRONMENTS = Path(__file__).parents[2] / ".venv"
RECORD = Path(__file__).with_suffix(".json")

KEPT = (
    *("Metadata-Version", "Name", "Version", "Requires-Python", "Requires-Dist", "Provides-Extra", "Classifier"),
    *("Project-URL", "Home-page", "License-Expression", "License-File", "Description-Content-Type", "Dynamic"),
    *("Platform", "Keywords"),
)
SHAPED = ("Summary", "Author", "Author-email", "Maintainer", "Maintainer-email")

Facts = dict[str, Any]


def facts(distribution: Distribution) -> Facts:
    """Return what is recorded of a distribution."""
    headers = [
        (name, _without_hosts(str(value)) if name in KEPT else _shape(str(value)))
        for name, value in HeaderParser().parsestr(distribution.read_text("METADATA") or "").items()
        if name in KEPT or name in SHAPED
    ]
    groups = {"console_scripts", "gui_scripts"}
    scripts = {entry.name: entry.value for entry in distribution.entry_points if entry.group in groups}
    return {"headers": headers, "scripts": scripts}


def _without_hosts(text: str) -> str:
    return re.sub(r"(https?://)[^/\s,]+", r"\1host.invalid", text)


def _shape(text: str) -> str:
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "0", text))


def _all() -> Iterator[Facts]:
    paths = [str(path) for path in ENVIRONMENTS.glob("**/site-packages")]
    found = {distribution.metadata["Name"].lower(): distribution for distribution in distributions(path=paths)}
    for name in sorted(found):
        if name != "pypi-publish":
            yield facts(found[name])


def main() -> None:
    """Write the record."""
    RECORD.write_text("[\n" + ",\n".join(json.dumps(each, ensure_ascii=True) for each in _all()) + "\n]\n", "utf-8")


if __name__ == "__main__":
    main()
