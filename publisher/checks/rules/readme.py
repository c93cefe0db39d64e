"""Rules about the README, which becomes the project's page on the index."""

from publisher.checks.violations import Enforcement, Rule, Severity

RULES = (
    Rule(
        "PP401",
        Severity.ERROR,
        "The README exists",
        "The build fails without it.",
        "Add the file, or correct its name.",
    ),
    Rule(
        "PP402",
        Severity.ERROR,
        "The README has a known type",
        "Backends refuse a file of unknown type.",
        "Name it `.md`, `.rst` or `.txt`, or add `content-type`.",
    ),
    Rule(
        "PP403",
        Severity.ERROR,
        "The README is UTF-8",
        "The build fails, or the page shows wrong letters.",
        "Save it as UTF-8.",
    ),
    Rule(
        "PP404",
        Severity.ERROR,
        "The README renders",
        "Public indexes refuse reStructuredText that does not render; your index would show its source.",
        "Correct the line that the message names. Indexes do not know Sphinx's directives.",
        publish=Enforcement.WARNING,
    ),
    Rule(
        "PP405",
        Severity.WARNING,
        "The README is not empty",
        "The project's page on the index is empty.",
        "Describe the project and its use.",
    ),
    Rule(
        "PP406",
        Severity.NOTE,
        "There is a README",
        "The project's page on the index is empty.",
        'Add `readme = "README.md"` to `[project]`.',
    ),
    Rule(
        "PP407",
        Severity.NOTE,
        "Pictures in the README have complete URLs",
        "There are no files beside the project's page on an index.",
        "Use the picture's URL in the repository.",
    ),
    Rule(
        "PP408",
        Severity.ERROR,
        "The README has at most 4 MB",
        "It becomes part of the metadata, and indexes and this tool refuse longer metadata.",
        "Move parts of it to the documentation, and link to them.",
    ),
)
