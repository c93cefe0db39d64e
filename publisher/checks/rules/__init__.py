"""All rules by code: the table from which checks, documentation and tests are made."""

from collections.abc import Mapping

from publisher.checks.rules import build_system, dependencies, files, licensing, project, readme, version
from publisher.checks.violations import Rule

GROUPS: Mapping[str, str] = {
    "PP1": "The `[project]` table",
    "PP2": "Dependencies",
    "PP3": "Classifiers and license",
    "PP4": "The README",
    "PP5": "The build system and `[tool.pypi-publish]`",
    "PP6": "The version, compared with the index and the tag",
    "PP7": "Built files",
}
"""The beginnings of the codes, and their subjects."""

RULES: Mapping[str, Rule] = {
    rule.code: rule
    for module in (project, dependencies, licensing, readme, build_system, version, files)
    for rule in module.RULES
}


def explain(rule: Rule) -> str:
    """Return a rule's section of the reference, in Markdown without its heading."""
    publishing = f"`check`: {rule.severity}, `publish` and `upload`: {rule.enforcement}"
    return f"**{rule.title}** ({publishing}). {rule.why}\n\n{rule.remedy}\n"
