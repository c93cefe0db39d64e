"""Rules about the version, compared with the index and the tag."""

from publisher.checks.violations import Enforcement, Rule, Severity

RULES = (
    Rule(
        "PP601",
        Severity.ERROR,
        "The version is not published with other contents",
        "The index keeps the file that it has, so the release would fail. `publish` ends with exit code 5. `check` "
        "asks git whether the project has changed; without a repository, only `publish` notices.",
        "Raise the version.",
    ),
    Rule(
        "PP602",
        Severity.ERROR,
        "The version is higher than the newest on the index",
        "Installers choose the highest version, so this release would never be installed.",
        "Raise it. For a release of an older branch, turn the rule off there.",
        publish=Enforcement.OFF,
    ),
    Rule(
        "PP603",
        Severity.ERROR,
        "The version matches the tag",
        "The workflow that publishes on tags refuses any other.",
        "Set the version, commit, and move the tag; or tag the version that the project has.",
    ),
    Rule(
        "PP604",
        Severity.WARNING,
        "The index can be asked",
        "Without an answer it is unknown whether the version is free.",
        "Try again when the index can be reached; `pypi-publish doctor` finds the reason.",
    ),
    Rule(
        "PP605",
        Severity.NOTE,
        "The version is known before the build",
        "A version that a plug-in finds is compared with the pushed tag only.",
        "Nothing to do; or write the version in `[project]`.",
    ),
)
