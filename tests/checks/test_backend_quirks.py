"""
Documented quirks of backends, tried with the backends themselves.

Each test builds with a real backend in an environment of its own, which takes some seconds. meson-python,
scikit-build-core and maturin are not tried: they need compilers.
"""

from pathlib import Path

import pytest

from publisher.checks.backend_quirks import Backend, find_backend
from publisher.project.pyproject import read_pyproject
from tests.helpers.cases import main_and_wide
from tests.helpers.projects import make_project
from tests.helpers.tool import pypi_publish

BACKENDS = ("flit_core", "hatchling", "pdm_backend", "poetry_core", "setuptools", "uv_build")
UNKNOWN_KEY = 'repository = "https://acme.example"\n'
UNKNOWN_CLASSIFIER = 'classifiers = ["Typing :: Typd"]\n'
ABOUT_THEM = ("PP111", "PP301", "PP307")
"""The rules that end such a build before the backend is asked."""

LICENSE_TWICE = 'license = "MIT"\nclassifiers = ["License :: OSI Approved :: MIT License"]\n'


def is_refused(folder: Path, backend: str, lines: str) -> bool:
    """Return whether a project with these lines in ``[project]`` can't be built."""
    project = make_project(folder, backend=backend)
    file = project / "pyproject.toml"
    reasons = ", ".join(f"{code} = 'tried'" for code in ABOUT_THEM)
    ignored = f"[tool.pypi-publish.check]\nignore = {{ {reasons} }}\n"
    file.write_text(file.read_text().replace("[project]\n", f"[project]\n{lines}") + ignored)
    done = pypi_publish("build", project, "--out-dir", folder / "dist")
    assert done.code in {0, 3}, done.everything
    return done.code == 3


@pytest.mark.parametrize("backend", main_and_wide(BACKENDS, "hatchling", "setuptools"))
def test_backends_refuse_the_documented_values(tmp_path: Path, backend: str) -> None:
    assert not is_refused(tmp_path / "good", backend, "")
    known = find_backend(read_pyproject(tmp_path / "good"))
    assert known == Backend(
        backend.replace("_", "-"),
        refuses_unknown_keys=is_refused(tmp_path / "key", backend, UNKNOWN_KEY),
        refuses_license_classifiers=is_refused(tmp_path / "license", backend, LICENSE_TWICE),
        refuses_unknown_classifiers=is_refused(tmp_path / "classifier", backend, UNKNOWN_CLASSIFIER),
    )
