"""What the rules found in well-known projects, as `real_projects.py` recorded it: no false alarm."""

import json
from collections import Counter

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from publisher.checks.backend_quirks import find_backend
from publisher.checks.rules import RULES
from tests.checks.real_projects import PROJECTS, RECORD, Facts

RECORDED: list[Facts] = json.loads(RECORD.read_text("utf-8"))


def test_they_are_many_and_of_every_kind() -> None:
    backends = [find_backend({"build-system": {"build-backend": facts["backend"]}}) for facts in RECORDED]
    known = Counter(backend.package for backend in backends if backend is not None)
    assert len({facts["name"] for facts in RECORDED}) >= 80
    assert set(known) == {
        "flit-core", "hatchling", "maturin", "meson-python", "pdm-backend", "poetry-core", "scikit-build-core",
        "setuptools", "uv-build",
    }  # fmt: skip
    assert {facts["license"] for facts in RECORDED} == {None, "expression", "table"}
    assert {facts["readme"] for facts in RECORDED} >= {None, ".md", ".rst"}
    assert {key for facts in RECORDED for key in facts["dynamic"]} >= {"version", "readme", "dependencies", "license"}
    assert any("project" not in facts["tables"] for facts in RECORDED)


def test_every_project_that_is_named_was_looked_at() -> None:
    named = Counter(canonicalize_name(Requirement(text).name) for text in PROJECTS)
    assert named == Counter(canonicalize_name(facts["name"]) for facts in RECORDED)


@pytest.mark.parametrize("facts", RECORDED, ids=lambda facts: f"{facts['name']}-{facts['version']}")
def test_no_false_alarm_and_the_severities_of_today(facts: Facts) -> None:
    # a rule that is graver or milder than it was when the record was made has to be tried with them again
    assert facts["found"] == {code: RULES[code].severity.value for code in facts["found"]}
    assert "error" not in facts["found"].values()
