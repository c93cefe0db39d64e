"""
Write docs/reference/checks.md from the rules themselves.

Usage: python docs/generate_checks.py [--check]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from sentences import reflow

from publisher.checks.rules import GROUPS, RULES, explain

PAGE = Path(__file__).parent / "reference" / "checks.md"

_INTRODUCTION = """\
<!-- Written by docs/generate_checks.py (`make docs`); change publisher/checks/rules/ instead. -->

# The checks

Every rule of `pypi-publish check`, with its reason and remedy.

`check` prints a line for each violation to standard error, `file:line: CODE message`.
With `--json`, it prints a list to standard output.
`pypi-publish check --explain CODE` prints a rule's section of this page.

| option | rules |
|---|---|
| `--only source` | PP1 to PP5: `pyproject.toml` and README, without a build |
| `--only version` | PP6: the version, compared with the index and the tag |
| `--only build` | PP7: the built files |

The hooks of [pre-commit](../how-to/pre-commit.md) run these three.

`check` has three severities:

| severity | meaning | exit code |
|---|---|---|
| error | an index, a build backend or an installer refuses it, or does something that you don't intend | 7 |
| warning | it works, but you probably don't intend it | 7 with `--strict` |
| note | it could be better | 0 |

`publish`, `build` and `upload` enforce the same rules only as far as an upload to the index needs it:

| enforcement | meaning |
|---|---|
| error | nothing is built or uploaded: the build would fail, the index would refuse it, or it can't be installed |
| warning | the file is uploaded, with a warning |
| off | only `check` reports it |

## Turn a rule off

Give the reason in the project's `pyproject.toml`; it counts for `check` and `publish`:

```toml
[tool.pypi-publish.check]
ignore = { PP304 = "grouped by topic" }
```

Each code is written in full.
An entry without a reason, or with an unknown code, is a violation itself ([PP508](#pp508)).
In a repository with several projects, each has its own table.

## Fix violations

`pypi-publish check --fix` applies safe fixes to `pyproject.toml`, and leaves everything else in the file as it is.
"""


def main() -> None:
    text = reflow("\n".join([_INTRODUCTION, *_table(), *(line for prefix in GROUPS for line in _group(prefix))]))
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text("utf-8") != text)
    PAGE.write_text(text, "utf-8")


def _table() -> Iterator[str]:
    yield from ("## All rules\n", "| code | `check` | `publish` | `--fix` | rule |", "|---|---|---|---|---|")
    for rule in RULES.values():
        fix = "yes" if rule.fixable else ""
        link = f"[{rule.code}](#{rule.code.lower()})"
        yield f"| {link} | {rule.severity} | {rule.enforcement} | {fix} | {rule.title} |"
    yield ""


def _group(prefix: str) -> Iterator[str]:
    yield f"## {GROUPS[prefix]}\n"
    for rule in RULES.values():
        if rule.code.startswith(prefix):
            yield from (f"### {rule.code}\n", explain(rule))


if __name__ == "__main__":
    main()
