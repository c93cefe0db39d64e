"""Rules for every workflow and action here, so that none of them can be misused."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*"))
ACTIONS = sorted(ROOT.glob("github-actions/*/action.yml"))
SET_UP = ROOT / "github-actions" / "set-up.sh"
OUR_OWN = "$/github-actions/"


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _steps(document: Any) -> Iterator[dict[str, Any]]:
    for job in document.get("jobs", {"": document.get("runs")}).values():
        yield from job.get("steps", [])


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=_name)
def test_steps_are_pinned_and_take_no_expression_into_a_shell(path: Path) -> None:
    for step in _steps(yaml.safe_load(path.read_text("utf-8"))):
        assert "${{" not in step.get("run", ""), step
        uses = step.get("uses", "")
        assert not uses or uses.startswith(OUR_OWN) or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", uses), uses
        if uses.startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
    for line in path.read_text("utf-8").splitlines():
        if "uses:" in line and OUR_OWN not in line:
            assert re.search(r"# v\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=_name)
def test_workflows_may_do_nothing_that_a_job_does_not_ask_for(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text("utf-8"))
    assert workflow["permissions"] == {}
    assert "concurrency" in workflow
    for job in workflow["jobs"].values():
        assert "permissions" in job
        assert job["timeout-minutes"] <= 60


@pytest.mark.parametrize("path", ACTIONS, ids=_name)
def test_actions_know_their_own_place_only(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "action_ref" not in text  # names the outermost action when one action calls another
    assert "action_repository" not in text
    for step in _steps(yaml.safe_load(text)):
        if "run" in step:
            assert step["shell"] == "bash"
            assert "GITHUB_ENV" not in step["run"] or "password" not in step["run"].lower()


def test_the_publish_action_brings_the_uv_that_the_tests_run() -> None:
    locked = (ROOT / "requirements/bootstrap.txt").read_text("utf-8")
    assert re.findall(r"^(\S+)==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", locked, re.MULTILINE) == ["uv"]
    script = SET_UP.read_text("utf-8")
    installs = [line for line in script.replace("\\\n", " ").splitlines() if "bootstrap.txt" in line]
    assert installs
    assert all("--require-hashes" in line for line in installs)


def test_actions_change_nothing_that_later_steps_see() -> None:
    """Only `configure` sets variables, and those are its purpose."""
    for path in [*ACTIONS, SET_UP, SET_UP.with_name("run.sh")]:
        text = path.read_text("utf-8")
        assert "GITHUB_PATH" not in text
        assert "GITHUB_ENV" not in text
        assert "actions/cache" not in text
        assert "uses:" not in text  # another action may export variables, and prepend to the path
