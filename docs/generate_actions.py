"""
Write docs/reference/github-actions.md from the actions themselves.

Usage: python docs/generate_actions.py [--check]
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from sentences import reflow

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "github-actions.md"

_INTRODUCTION = """\
<!-- Written by docs/generate_actions.py (`make docs`); change the descriptions in github-actions/ instead. -->

# The GitHub actions

The inputs and outputs of the two actions. Other pages show how to [publish](../how-to/publish-from-github.md) and
[install](../how-to/install-in-ci.md) with them.

All inputs are strings. Flags accept `true`, `yes`, `on` and `1`, or `false`, `no`, `off` and `0`, in upper or lower
case.
"""


def main() -> None:
    text = reflow("\n".join([_INTRODUCTION, *(line for name in ("publish", "configure") for line in _section(name))]))
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text("utf-8") != text)
    PAGE.write_text(text, "utf-8")


def _section(name: str) -> Iterator[str]:
    path = ROOT / "github-actions" / name / "action.yml"
    action = yaml.safe_load(path.read_text("utf-8"))
    yield f"## `github-actions/{name}`\n"
    yield f"{action['description']}.\n"
    yield from ("| input | default | meaning |", "|---|---|---|")
    for key, said in action["inputs"].items():
        default = f"`{said['default']}`" if said.get("default") else ""
        yield f"| `{key}` | {default} | {_meaning(said)} |"
    yield from ("", "| output | meaning |", "|---|---|")
    for key, said in action["outputs"].items():
        yield f"| `{key}` | {_meaning(said)} |"
    yield ""


def _meaning(said: Any) -> str:
    return " ".join(said["description"].split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
