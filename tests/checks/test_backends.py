"""The backend of a project by its pyproject.toml, without building with it."""

from typing import Any

import pytest

from publisher.checks.backend_quirks import find_backend


@pytest.mark.parametrize(
    ("named", "package"),
    [
        ("flit_core.buildapi", "flit-core"),
        ("hatchling.build", "hatchling"),
        ("maturin", "maturin"),
        ("mesonpy", "meson-python"),
        ("pdm.backend", "pdm-backend"),
        ("poetry.core.masonry.api", "poetry-core"),
        ("scikit_build_core.build", "scikit-build-core"),
        ("setuptools.build_meta:__legacy__", "setuptools"),
        ("setuptools:build", "setuptools"),
        ("uv_build", "uv-build"),
    ],
)
def test_a_backend_is_known_by_the_first_part_of_its_module(named: str, package: str) -> None:
    found = find_backend({"build-system": {"build-backend": named}})
    assert found is not None
    assert found.package == package


@pytest.mark.parametrize("data", [{}, {"build-system": {}}, {"build-system": {"requires": ["wheel"]}}, {"project": {}}])
def test_without_a_name_setuptools_builds(data: dict[str, Any]) -> None:
    found = find_backend(data)
    assert found is not None
    assert found.package == "setuptools"


@pytest.mark.parametrize("named", ["own", "", "my.setuptools", "setuptoolsx", 3, ["setuptools"]])
def test_a_backend_of_the_projects_own_is_unknown(named: object) -> None:
    assert find_backend({"build-system": {"build-backend": named}}) is None


@pytest.mark.parametrize(
    ("named", "keys", "licenses", "classifiers"),
    [("mesonpy", False, True, False), ("scikit_build_core", True, True, False), ("maturin", False, False, False)],
)
def test_what_backends_that_need_compilers_refuse(named: str, *, keys: bool, licenses: bool, classifiers: bool) -> None:
    """The others are tried in `test_backend_quirks`."""
    found = find_backend({"build-system": {"build-backend": named}})
    assert found is not None
    assert found.refuses_unknown_keys is keys
    assert found.refuses_license_classifiers is licenses
    assert found.refuses_unknown_classifiers is classifiers
