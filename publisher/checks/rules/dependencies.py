"""Rules about dependencies, extras and dependency groups."""

from publisher.checks.violations import Enforcement, Rule, Severity

RULES = (
    Rule(
        "PP201",
        Severity.ERROR,
        "Dependencies are valid",
        "Installers refuse the whole package for an invalid one (PEP 508).",
        "Write it like `\"attrs>=23; python_version < '3.13'\"`.",
    ),
    Rule(
        "PP202",
        Severity.WARNING,
        "Dependencies have no URL",
        "Public indexes refuse them, and no installer can choose another version.",
        "Publish that package on the index, and name its version.",
    ),
    Rule(
        "PP203",
        Severity.WARNING,
        "Each dependency is listed once",
        "Installers combine two lines about one package, which is rarely intended.",
        "Join them, or give each a marker.",
    ),
    Rule(
        "PP204",
        Severity.ERROR,
        "Extras have valid names",
        "An extra with an invalid name can't be installed.",
        "Use letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit.",
    ),
    Rule(
        "PP205",
        Severity.ERROR,
        "Extras differ in their normal form",
        "`a_b` and `a-b` are one extra; backends refuse both or take one (PEP 685).",
        "Rename one, or join them.",
    ),
    Rule(
        "PP206",
        Severity.ERROR,
        "Dependency groups contain dependencies and existing groups",
        "Tools refuse the whole table for one entry (PEP 735).",
        'Write a dependency, or `{ include-group = "name" }`.',
        publish=Enforcement.OFF,
    ),
    Rule(
        "PP207",
        Severity.ERROR,
        "Dependency groups don't include themselves",
        "Tools refuse cycles.",
        "Remove one `include-group`.",
        publish=Enforcement.OFF,
    ),
    Rule(
        "PP208",
        Severity.WARNING,
        "The project does not depend on itself",
        "Some installers loop, others choose an older release.",
        "Remove it; in extras, `name[other]` is allowed.",
    ),
    Rule(
        "PP209",
        Severity.ERROR,
        "Poetry's constraints are valid",
        "poetry-core refuses to build with an invalid one.",
        'Write it like `"^1.2"`, `">=1.2,<2"` or `{ version = "^1.2", extras = ["more"] }`.',
    ),
)
