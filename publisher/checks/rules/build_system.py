"""Rules about the build system and this tool's own table."""

from publisher.checks.violations import Enforcement, Rule, Severity

RULES = (
    Rule(
        "PP501",
        Severity.NOTE,
        "There is a `[build-system]`",
        "Without it the newest setuptools builds the project.",
        "Name the backend and its version.",
    ),
    Rule(
        "PP502",
        Severity.ERROR,
        "`[build-system]` has `requires`",
        "Build tools refuse the table without it (PEP 518).",
        'Write it like `requires = ["hatchling"]`.',
    ),
    Rule(
        "PP503",
        Severity.ERROR,
        "The build requirements are valid",
        "The build environment can't be created.",
        "Write dependencies, as in `[project]`.",
    ),
    Rule(
        "PP504",
        Severity.ERROR,
        "`backend-path` is inside the project",
        "Build tools refuse other folders (PEP 517).",
        "Name existing folders, relative to the project.",
    ),
    Rule(
        "PP505",
        Severity.ERROR,
        "The build requires its backend",
        "The build's environment contains only what `requires` lists. Without `build-backend`, setuptools is the "
        "backend.",
        "Add the backend's package to `requires`, or name the backend.",
    ),
    Rule(
        "PP506",
        Severity.ERROR,
        "`[tool.pypi-publish]` is valid",
        "An unknown key is a setting without effect.",
        "Correct what the message names; the keys are in the [configuration](configuration.md).",
    ),
    Rule(
        "PP507",
        Severity.ERROR,
        "`index-url` is the URL of an index",
        "Nothing can be published to it.",
        "Give the index's root, beginning with `https://`.",
    ),
    Rule(
        "PP508",
        Severity.ERROR,
        "Rules are turned off with a reason",
        "Later, readers can't know whether the reason is still valid.",
        'Write it like `ignore = { PP304 = "grouped by topic" }`.',
        publish=Enforcement.WARNING,
    ),
    Rule(
        "PP509",
        Severity.WARNING,
        "uv_build has an upper bound",
        "Its versions follow uv's, whose next minor version may build differently or not at all; uv warns about it.",
        'Write it like `requires = ["uv_build>=0.8,<0.9"]`.',
    ),
)
