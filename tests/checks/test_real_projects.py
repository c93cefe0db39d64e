"""The rules on the metadata of well-known projects: what was built, published and installed is not broken."""

import json
from collections import Counter
from email.utils import getaddresses
from pathlib import Path
from typing import Any

import pytest
from packaging.metadata import parse_email
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from publisher.checks.backend_quirks import find_backend
from publisher.checks.engine import enforce_files, enforce_source
from publisher.checks.violations import Violation
from publisher.files.toml import to_toml
from publisher.project.distributions import read_distribution
from tests.checks import real_metadata, real_projects
from tests.helpers.dists import make_wheel

STORED: list[real_metadata.Facts] = json.loads(real_metadata.RECORD.read_text("utf-8"))
RECORDED: list[real_projects.Facts] = json.loads(real_projects.RECORD.read_text("utf-8"))
HARMLESS = {
    "PP716",  # descriptions are not stored
    "PP717",  # older files, which the public index has carried for years
}


def _name(facts: real_metadata.Facts) -> str:
    headers = dict(facts["headers"])
    return f"{headers['Name']}-{headers['Version']}"


def _metadata(facts: real_metadata.Facts) -> bytes:
    return "".join(f"{name}: {value}\n" for name, value in facts["headers"]).encode()


def _project(facts: real_metadata.Facts) -> dict[str, Any]:
    """Return the `[project]` table that says the same as a project's metadata."""
    fields, _ = parse_email(_metadata(facts))
    extras: dict[str, list[str]] = {name: [] for name in fields.get("provides_extra", [])}
    requires = [text for text in fields.get("requires_dist", []) if "extra ==" not in text]
    people = {
        key: [{"name": name, "email": email} if name else {"email": email} for name, email in getaddresses([text])]
        for key, text in (("authors", fields.get("author_email")), ("maintainers", fields.get("maintainer_email")))
        if text
    }
    table = {
        "name": fields["name"],
        "version": fields["version"],
        "description": fields.get("summary"),
        "requires-python": fields.get("requires_python"),
        "license": fields.get("license_expression"),
        "keywords": fields.get("keywords"),
        "dependencies": requires,
        "classifiers": fields.get("classifiers"),
        "optional-dependencies": extras,
        "urls": fields.get("project_urls"),
        "scripts": facts["scripts"],
        **people,
    }
    return {key: value for key, value in table.items() if value}


def _codes(found: list[Violation]) -> set[str]:
    return {violation.rule.code for violation in found}


def test_they_are_many_and_of_every_kind() -> None:
    names = [facts["headers"] for facts in STORED]
    fields = Counter(name for headers in names for name, _ in headers)
    assert len(STORED) >= 150
    assert all(fields[name] >= 50 for name in ("Author-email", "Requires-Dist", "Project-URL", "License-Expression"))
    assert sum(bool(facts["scripts"]) for facts in STORED) >= 30
    backends = [find_backend({"build-system": {"build-backend": facts["backend"]}}) for facts in RECORDED]
    assert len({backend.package for backend in backends if backend is not None}) == 9


def test_every_project_that_is_named_was_looked_at() -> None:
    named = Counter(canonicalize_name(Requirement(text).name) for text in real_projects.PROJECTS)
    assert named == Counter(canonicalize_name(facts["name"]) for facts in RECORDED)


@pytest.mark.parametrize("facts", STORED, ids=_name)
def test_built_files_are_not_called_broken(tmp_path: Path, facts: real_metadata.Facts) -> None:
    headers = dict(facts["headers"])
    name = canonicalize_name(headers["Name"]).replace("-", "_")
    wheel = make_wheel(tmp_path, name, headers["Version"], metadata_bytes=_metadata(facts))
    assert _codes(enforce_files([read_distribution(wheel)])) <= HARMLESS


@pytest.mark.parametrize("facts", STORED, ids=_name)
def test_sources_are_not_called_broken(tmp_path: Path, facts: real_metadata.Facts) -> None:
    build = {"requires": ["setuptools"], "build-backend": "setuptools.build_meta"}
    table = _project(facts)
    if "license" in table:  # which license classifiers may not stand beside
        table["classifiers"] = [text for text in table.get("classifiers", []) if not text.startswith("License ::")]
    (tmp_path / "pyproject.toml").write_text(to_toml({"build-system": build, "project": table}), "utf-8")
    assert enforce_source([tmp_path]) == []
