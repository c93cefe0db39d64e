"""Rules about classifiers and the license."""

from publisher.checks.violations import Enforcement, Rule, Severity

RULES = (
    Rule(
        "PP301",
        Severity.ERROR,
        "Classifiers exist where the backend knows the list",
        "hatchling refuses to build with an unknown one, and public indexes refuse the file.",
        "Use the one that the message proposes. Private ones begin with `Private ::`.",
    ),
    Rule(
        "PP302",
        Severity.WARNING,
        "Classifiers are current",
        "Indexes will refuse deprecated ones one day.",
        "Use the replacement. `--fix` does it if there is exactly one.",
        fixable=True,
    ),
    Rule(
        "PP303",
        Severity.WARNING,
        "Each classifier is listed once",
        "Some indexes refuse repeated ones.",
        "Remove one. `--fix` does it.",
        fixable=True,
    ),
    Rule(
        "PP304",
        Severity.NOTE,
        "Classifiers are sorted",
        "In a sorted list, a missing or repeated one is easy to see.",
        "Sort them. `--fix` does it.",
        fixable=True,
    ),
    Rule(
        "PP305",
        Severity.ERROR,
        "The license is an SPDX expression",
        "Backends and indexes refuse anything else (PEP 639).",
        "Write it like `MIT` or `Apache-2.0 OR BSD-3-Clause`; https://spdx.org/licenses/ has the names. For any other "
        "license, use `LicenseRef-Proprietary`.",
    ),
    Rule(
        "PP306",
        Severity.WARNING,
        "The license has SPDX's spelling",
        "Programs that look for `MIT` do not find `mit`.",
        "Use the form that the message shows. `--fix` does it.",
        fixable=True,
    ),
    Rule(
        "PP307",
        Severity.ERROR,
        "No license classifiers beside a license expression if the backend refuses them",
        "setuptools, flit, pdm-backend, meson-python and scikit-build-core then refuse to build (PEP 639).",
        "Remove the `License ::` classifiers.",
    ),
    Rule(
        "PP308",
        Severity.NOTE,
        "The license is a string, not a table",
        "A table is deprecated, and newer backends refuse it (PEP 639).",
        'Write `license = "MIT"` and `license-files = ["LICENSE"]`. `--fix` does it if the text is an SPDX name.',
        fixable=True,
    ),
    Rule(
        "PP309",
        Severity.ERROR,
        "The license file exists",
        "The build fails without it, or the package has no license.",
        "Add the file, or correct its name.",
    ),
    Rule(
        "PP310",
        Severity.ERROR,
        "Each pattern of `license-files` matches a file",
        "Backends refuse a pattern without a match (PEP 639).",
        "Correct it: relative to the project, with `/`, and without `..`.",
    ),
    Rule(
        "PP311",
        Severity.WARNING,
        "Classifiers and `requires-python` agree",
        "They disagree about a version of Python.",
        "Remove the classifier, or widen `requires-python`.",
    ),
    Rule(
        "PP312",
        Severity.WARNING,
        "The license is given once",
        "License classifiers are deprecated beside a license expression (PEP 639). This backend accepts them; others "
        "refuse them ([PP307](#pp307)).",
        "Remove the `License ::` classifiers.",
    ),
    Rule(
        "PP313",
        Severity.WARNING,
        "The license's identifier is current",
        "SPDX has deprecated it: `GPL-3.0` leaves open whether later versions are allowed.",
        "Use the identifier that the message shows.",
    ),
    Rule(
        "PP314",
        Severity.ERROR,
        "Classifiers exist",
        "Public indexes refuse the file for an unknown one. This backend accepts it; others refuse it "
        "([PP301](#pp301)).",
        "Use the one that the message proposes. Private ones begin with `Private ::`.",
        publish=Enforcement.WARNING,
    ),
)
