"""
Print a release's section of CHANGELOG.md, for its notes.

Usage: python .github/release_notes.py TAG
"""

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"


def release_notes(changelog: str, version: str) -> str:
    """
    Return the text below the heading of a version.

    Raises LookupError if the heading is missing or has no date.
    """
    found = re.search(rf"^## {re.escape(version)} \(([^)]*)\)\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if found is None:
        raise LookupError(f"CHANGELOG.md has no heading '## {version} (YYYY-MM-DD)'.")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", found[1]):
        raise LookupError(f"CHANGELOG.md has no date for {version}: replace '({found[1]})' with '(YYYY-MM-DD)'.")
    return found[2].strip()


def main() -> None:
    """Print the notes, or an error, and exit with 1."""
    (tag,) = sys.argv[1:]
    try:
        print(release_notes(CHANGELOG.read_text("utf-8"), tag.removeprefix("v")))
    except LookupError as error:
        sys.exit(f"::error file=CHANGELOG.md::{error}")


if __name__ == "__main__":
    main()
