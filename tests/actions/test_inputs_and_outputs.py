"""Every input of the actions reaches the code, and every output comes from it."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from publisher.cli.display import step_summary
from publisher.cli.run import action
from publisher.github import inputs
from tests.conftest import PASSWORD, USER
from tests.helpers.dists import make_wheel
from tests.helpers.index import RunningIndex, running_index
from tests.helpers.projects import make_project
from tests.helpers.tool import pypi_publish

ROOT = Path(__file__).parents[2]
NAMES = ["publish", "configure"]
ACCEPTED = {"verify-metadata", "verify_metadata", "attestations"}
"""Inputs of another action that mean nothing here; without them, GitHub would warn of an unexpected input."""


def _action(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "github-actions" / name / "action.yml").read_text("utf-8"))
    return document


def _read_by_the_code() -> set[str]:
    """Return the variables that `read_inputs` looks at."""
    tree = ast.parse(inspect.getsource(inputs.read_inputs))
    names = {
        argument.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in {"text", "flag"}
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }
    return {inputs.variable(str(name)) for name in names} | {inputs.PASSWORD_VARIABLE}


def _environment(document: dict[str, Any]) -> dict[str, str]:
    return {name: value for step in document["runs"]["steps"] for name, value in step.get("env", {}).items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_input_is_used(name: str) -> None:
    document = _action(name)
    steps = yaml.safe_dump(document["runs"]["steps"], width=1000)
    used = set(re.findall(r"inputs\.([\w-]+)", steps))
    assert used == set(document["inputs"]) - ACCEPTED


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_holds_the_input_of_its_name_and_is_read(name: str) -> None:
    handed_on = {key: value for key, value in _environment(_action(name)).items() if key.startswith("INPUT_")}
    assert handed_on
    for variable, value in handed_on.items():
        for used in re.findall(r"inputs\.([\w-]+)", value):
            assert inputs.variable(used) == variable
    assert set(handed_on) <= _read_by_the_code()


def test_the_code_reads_nothing_that_no_action_has() -> None:
    assert _read_by_the_code() == {
        variable for name in NAMES for variable in _environment(_action(name)) if variable.startswith("INPUT_")
    }


@pytest.mark.parametrize(
    ("name", "sources"),
    [("publish", [step_summary.outputs_of, action]), ("configure", [action.configure_step])],
)
def test_every_output_is_that_of_its_name_and_is_set(name: str, sources: list[Any]) -> None:
    document = _action(name)
    trees = [ast.parse(inspect.getsource(source)) for source in sources]
    keys = {key.value for tree in trees for key in ast.walk(tree) if isinstance(key, ast.Constant)}
    for output, details in document["outputs"].items():
        assert re.match(rf"\$\{{\{{ steps\.{name}\.outputs\.{output}( \|\| 'false')? \}}\}}$", details["value"]), output
        assert output in keys
    assert name in {step.get("id") for step in document["runs"]["steps"]}


@pytest.mark.parametrize("password", ["wrong", None])
def test_a_failure_sets_the_output_published(index: RunningIndex, tmp_path: Path, password: str | None) -> None:
    (tmp_path / "dist").mkdir()
    make_wheel(tmp_path / "dist", "not_published", "1.0")
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "INPUT_INDEX_URL": index.url,
        "INPUT_PACKAGES_DIR": str(tmp_path / "dist"),
        "INPUT_USERNAME": "ada",
        "INPUT_REQUIRE_TAG": "false",
        "INPUT_PASSWORD": password or "",
        "PYPI_PUBLISH_PASSWORD": "",
    }
    done = pypi_publish("action", "publish", env=env)
    assert done.code == 4, done.stderr
    assert re.fullmatch(r"published<<(\S+)\nfalse\n\1\n", (tmp_path / "output").read_text())
    assert "::error title=Not authenticated" in done.stderr


@pytest.mark.parametrize("offered", ["true", "false"])
def test_build_requirements_on_the_index(tmp_path: Path, offered: str) -> None:
    """A build requirement that is on the index alone is found with `build-index`, and only with it."""
    requires = '["hatchling", "acme-build-helper"]'
    project = make_project(tmp_path / "project", requires=requires)
    with running_index(tmp_path / "index", USER, PASSWORD) as index:
        make_wheel(index.root, "acme_build_helper", "1.0")
        env = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "INPUT_INDEX_URL": index.url,
            "INPUT_PACKAGE_DIR": str(project),
            "INPUT_USERNAME": USER,
            "INPUT_PASSWORD": PASSWORD,
            "INPUT_REQUIRE_TAG": "false",
            "INPUT_BUILD_INDEX": offered,
            "UV_DEFAULT_INDEX": f"{index.url}simple/",
        }
        done = pypi_publish("action", "publish", env=env)
    assert (done.code == 0) is (offered == "true"), done.everything
    assert "::add-mask::" + PASSWORD in done.everything
