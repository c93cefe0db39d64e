"""
Hold well-known projects, as they are published, to the rules about sources, and record what is found.

What was built and published is not broken, so an error that is found in one is a false alarm, and a warning is one that
its maintainers would agree with. Recorded are facts, no lines: which project and version, how it is built, which codes.

Needs the public index, which no test of the suite does, so it is run by hand, after `make .venv/clients/.ready`, whose
tools fetch and unpack sdists without building them. It takes a minute or two:

    .venv/bin/python tests/checks/real_projects.py          # writes real_projects.json, and prints what was found
    .venv/bin/python -m pytest tests/checks/real_projects.py  # compares with it: newer releases may differ from it

Projects with a version are there for how they were built then.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from publisher.checks.engine import check_source
from publisher.checks.violations import Severity, Violation
from publisher.files.tables import table_at
from publisher.project.pyproject import read_pyproject

RECORD = Path(__file__).with_suffix(".json")
CLIENTS = Path(__file__).parents[2] / ".venv" / "clients" / "bin" / "python"

PROJECTS = (
    # setuptools: [project], setup.cfg or setup.py beside it, what is dynamic, wrappers of the project's own
    "aiohttp", "anyio", "astropy", "attrs==22.2.0", "cattrs", "celery", "cffi", "charset-normalizer", "coverage",
    "dask", "django", "django-cors-headers", "gunicorn", "hypothesis", "importlib-metadata", "ipython", "keyring",
    "lxml", "markupsafe", "maturin", "meson", "mypy", "networkx", "pillow", "pluggy", "prompt-toolkit", "psutil",
    "pytest", "pyyaml", "requests", "setuptools", "setuptools-rust", "setuptools-scm", "sqlalchemy",
    "trove-classifiers", "trio", "twine", "whenever", "yarl",
    # hatchling, hatch-vcs, hatch-fancy-pypi-readme
    "attrs", "black", "fastapi==0.95.2", "filelock", "griffe", "hatch", "httpx==0.28.1", "isort", "jsonschema",
    "jupyterlab", "nox", "pydantic==2.11.7", "pygments", "scikit-build-core", "structlog", "tox", "urllib3", "uvicorn",
    "virtualenv",
    # flit, with [project] and with its own table
    "arrow", "build", "click", "docutils", "flask", "flask==2.3.3", "marshmallow", "packaging", "pip", "ptyprocess",
    "sphinx", "wheel",
    # poetry-core, with [tool.poetry] and with [project]
    "isort==5.13.2", "poetry", "poetry-core", "poetry-core==1.9.1", "rich", "textual", "tomlkit",
    # pdm-backend
    "asyncer", "fastapi", "pdm", "sqlmodel", "typer", "unearth",
    # uv_build
    "dnspython", "narwhals", "pytest-randomly",
    # maturin, meson-python, scikit-build-core, and others
    "cryptography", "orjson", "pendulum", "pydantic-core", "rpds-py", "watchfiles",
    "contourpy", "meson-python", "numpy", "pandas", "scikit-learn",
    "nanobind", "ninja", "pybind11", "pyzmq",
    "pyqt6", "stevedore",
)  # fmt: skip

Facts = dict[str, Any]


def examine(requirement: str) -> tuple[Facts, list[Violation]]:
    """Fetch and unpack the sdist of a project; return the facts about it, and what the rules find."""
    with TemporaryDirectory() as work:
        command = [str(CLIENTS), "-m", "unearth", "--no-binary", "--download", work, requirement]
        done = subprocess.run(command, check=True, capture_output=True, timeout=300)
        fetched = json.loads(done.stdout)
        folder = Path(fetched["local_path"])
        findings = check_source(folder)
        facts = {"name": fetched["name"], "version": fetched["version"], **_style(read_pyproject(folder))}
    found = sorted({(finding.rule.code, finding.rule.severity.value) for finding in findings})
    return {**facts, "found": dict(found)}, findings


def _style(data: Mapping[str, Any]) -> Facts:
    """Return in which way a project says what it is."""
    project = table_at(data, "project")
    readme, license_ = project.get("readme"), project.get("license")
    file = readme.get("file", "") if isinstance(readme, Mapping) else readme or ""
    return {
        "backend": table_at(data, "build-system").get("build-backend"),
        "tables": [name for name in ("project", "tool.flit", "tool.poetry") if table_at(data, name)],
        "dynamic": project.get("dynamic", []),
        "readme": Path(file).suffix or None,
        "license": None if license_ is None else "expression" if isinstance(license_, str) else "table",
    }


def examine_all() -> Iterator[tuple[Facts, list[Violation]]]:
    """Examine all projects, a few at a time, in the order of their names."""
    with ThreadPoolExecutor(4) as threads:
        yield from sorted(threads.map(examine, PROJECTS), key=lambda found: (found[0]["name"], found[0]["version"]))


def test_no_real_project_is_called_broken() -> None:
    found = [finding for _, findings in examine_all() for finding in findings]
    assert [str(finding) for finding in found if finding.rule.severity is Severity.ERROR] == []


def main() -> None:
    """Write the record, and print what is more than a note, to be looked at by hand."""
    recorded = []
    for facts, findings in examine_all():
        recorded.append(json.dumps(facts))
        for finding in findings:
            if finding.rule.severity is not Severity.NOTE:
                place = f"{facts['name']} {facts['version']}, line {finding.line}"
                print(f"{place}: {finding.rule.severity} {finding.rule.code} {finding.message}")  # noqa: T201 - a script
    RECORD.write_text("[\n" + ",\n".join(recorded) + "\n]\n", "utf-8")


if __name__ == "__main__":
    main()
