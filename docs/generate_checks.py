"""
Write docs/reference/checks.md from the rules themselves.

Usage: python docs/generate_checks.py [--check]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from publisher.checks.rules import GROUPS, RULES

PAGE = Path(__file__).parent / "reference" / "checks.md"

_INTRODUCTION = """\
<!-- Written by docs/generate_checks.py (`make docs`); change publisher/checks/rules.py instead. -->

# The checks

`pypi-publish check` holds a project and its built files to the rules below. What it finds stands in a line each,
`file:line: CODE message`, on stderr, and as a list on stdout with `--json`. `--only source` looks at the groups PP1 to
PP5, `--only version` at PP6, `--only build` at PP7. The hooks of [pre-commit](../how-to/pre-commit.md) are these three.

| severity | it means | exit code |
|---|---|---|
| error | an index, a build backend or an installer refuses it, or does not what is meant | 7 |
| warning | it works, and is probably not meant | 7 with `--strict` |
| note | it could be better | 0 |

A rule that does not fit a project is turned off there, with a reason that says why:

```toml
[tool.pypi-publish.check]
ignore = { PP304 = "grouped by topic" }
```

Each code is named in full. An entry without a reason, or with a code that does not exist, is itself a finding
([PP508](#pp508)). In a repository with several projects each has its own table.

What was built and published is not broken, so no rule about sources may call an error in it.
`tests/checks/real_projects.py` fetches a hundred releases of well-known projects, with nine build backends, and holds
the rules against them; what they found is recorded beside it.

`--fix` mends in `pyproject.toml` what needs no thought, and leaves everything else in the file as it is.
"""


def main() -> None:
    text = "\n".join([_INTRODUCTION, *_table(), *(line for prefix in GROUPS for line in _group(prefix))])
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text("utf-8") != text)
    PAGE.write_text(text, "utf-8")


def _table() -> Iterator[str]:
    yield from ("## All rules\n", "| code | severity | `--fix` | rule |", "|---|---|---|---|")
    for rule in RULES.values():
        fix = "yes" if rule.fixable else ""
        yield f"| [{rule.code}](#{rule.code.lower()}) | {rule.severity} | {fix} | {rule.title} |"
    yield ""


def _group(prefix: str) -> Iterator[str]:
    yield f"## {GROUPS[prefix]}\n"
    for rule in RULES.values():
        if rule.code.startswith(prefix):
            yield from (f"### {rule.code}\n", f"**{rule.title}** ({rule.severity}). {rule.why}\n", f"{rule.remedy}\n")


if __name__ == "__main__":
    main()
