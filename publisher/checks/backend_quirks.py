"""Known build backends: the package of each, and the mistakes that it refuses to build with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from publisher.files.tables import table_at

_DEFAULT = "setuptools"


@dataclass(frozen=True)
class Backend:
    """A build backend: its package, and the mistakes that it refuses."""

    package: str
    refuses_unknown_keys: bool = False
    """Fails on an unknown key in ``[project]``."""
    refuses_license_classifiers: bool = False
    """Fails on ``License ::`` classifiers beside a license expression (PEP 639 leaves it to the backend)."""
    refuses_unknown_classifiers: bool = False


_BACKENDS: Mapping[str, Backend] = {
    "flit_core": Backend("flit-core", refuses_unknown_keys=True, refuses_license_classifiers=True),
    "hatchling": Backend("hatchling", refuses_unknown_classifiers=True),
    "maturin": Backend("maturin"),
    "mesonpy": Backend("meson-python", refuses_license_classifiers=True),
    "pdm": Backend("pdm-backend", refuses_license_classifiers=True),
    "poetry": Backend("poetry-core"),
    "scikit_build_core": Backend("scikit-build-core", refuses_unknown_keys=True, refuses_license_classifiers=True),
    "setuptools": Backend("setuptools", refuses_unknown_keys=True, refuses_license_classifiers=True),
    "uv_build": Backend("uv-build"),
}
"""Backends by the first part of the module that `build-backend` names."""


def find_backend(data: Mapping[str, Any]) -> Backend | None:
    """Return the backend that builds a project; None for an unknown one, such as a project's own."""
    named = table_at(data, "build-system").get("build-backend")
    if named is None:
        return _BACKENDS[_DEFAULT]  # the default of frontends (PEP 517)
    return _BACKENDS.get(re.split(r"[.:]", named)[0]) if isinstance(named, str) else None
