"""Safe automatic fixes to the text of a `pyproject.toml`."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from publisher.checks.licensing import in_order, replacements, spdx_name
from publisher.errors import ConfigurationError
from publisher.files.tables import table_at
from publisher.files.toml import read_toml, set_keys


def fix(text: str, ignored: Collection[str]) -> str:
    """
    Return a text with normalized name and version, SPDX's spelling of the license, and classifiers in order.

    Comments and everything else stay, including findings of rules in ``ignored`` and lists that contain comments.

    Raises ConfigurationError when the text is not valid TOML.
    """
    project = table_at(read_toml(text), "project")
    for key, value in _values(project, ignored).items():
        if value != project[key]:
            with suppress(ConfigurationError):
                text = set_keys(text, ["project"], {key: value})
    return text


def _values(project: Mapping[str, Any], ignored: Collection[str]) -> dict[str, str | Sequence[str]]:
    """Return the right values of the keys in ``[project]``, where they can be derived."""
    found: dict[str, str | Sequence[str]] = {}
    name, version, license_ = (project.get(key) for key in ("name", "version", "license"))
    if isinstance(name, str) and "PP104" not in ignored:
        with suppress(InvalidName):
            found["name"] = str(canonicalize_name(name, validate=True))
    if isinstance(version, str) and "PP107" not in ignored:
        with suppress(InvalidVersion):
            found["version"] = str(Version(version))
    if isinstance(license_, str) and "PP306" not in ignored:
        with suppress(InvalidLicenseExpression):
            found["license"] = str(canonicalize_license_expression(license_))
    if isinstance(license_, Mapping) and set(license_) == {"text"} and "PP308" not in ignored:
        found |= {"license": known} if (known := spdx_name(license_["text"])) else {}
    classifiers = project.get("classifiers")
    if isinstance(classifiers, list) and all(isinstance(each, str) for each in classifiers):
        found["classifiers"] = _classifiers(classifiers, ignored)
    return found


def _classifiers(classifiers: list[str], ignored: Collection[str]) -> list[str]:
    if "PP302" not in ignored:
        classifiers = [_current(classifier) for classifier in classifiers]
    if "PP303" not in ignored:
        classifiers = list(dict.fromkeys(classifiers))
    return classifiers if "PP304" in ignored else in_order(classifiers)


def _current(classifier: str) -> str:
    """Return the replacement of a deprecated classifier if there is exactly one, else the classifier."""
    others = replacements(classifier)
    return others[0] if len(others) == 1 else classifier
