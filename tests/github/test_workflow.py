"""The workflow that publishes, for one project and for several, as GitHub reads it."""

from typing import Any

import pytest
import yaml

from publisher.errors import ConfigurationError
from publisher.github.provenance import ActionRef, parse_action_ref
from publisher.github.workflow import Workflow

ACTION = ActionRef("acme/index", "0a" * 20)
VERSIONS = ["v[0-9]+.[0-9]+*", "[0-9]+.[0-9]+*"]


def _workflow(*folders: str, **values: Any) -> Workflow:
    return Workflow(
        ACTION, values.pop("version", None), values.pop("environment", "release"), [*folders] or ["."], **values
    )


def _read(workflow: Workflow) -> dict[Any, Any]:
    found = yaml.safe_load(workflow.render())
    assert isinstance(found, dict)
    return found


def _step(workflow: Workflow) -> dict[str, Any]:
    found: dict[str, Any] = _read(workflow)["jobs"]["publish"]["steps"][-1]
    return found


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        ({}, VERSIONS),
        ({"tag_prefix": ""}, VERSIONS),
        ({"tag_prefix": "release-"}, [f"release-{version}" for version in VERSIONS]),
        ({"tag_prefix": "a\\b", "has_several_projects": True}, [f"a\\\\b{version}" for version in VERSIONS]),
        (
            {"has_several_projects": True},
            [*VERSIONS, *(f"*{separator}{version}" for separator in "-/@" for version in VERSIONS)],
        ),
    ],
)
def test_the_tags_that_start_it(values: dict[str, Any], tags: list[str]) -> None:
    workflow = _workflow(**values)
    assert workflow.tags == tags
    assert _read(workflow)[True]["push"]["tags"] == tags


def test_a_job_has_only_the_rights_that_it_needs() -> None:
    found = _read(_workflow(environment="pypi"))
    assert found["permissions"] == {}
    assert found["concurrency"] == {"group": "publish-${{ github.ref }}", "cancel-in-progress": False}
    job = found["jobs"]["publish"]
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert job["environment"] == "pypi"
    assert job["steps"][0]["with"] == {"persist-credentials": False, "fetch-depth": 0}


def test_the_action_is_pinned_to_a_commit_with_its_version_as_comment() -> None:
    pinned = f"acme/index/github-actions/publish@{'0a' * 20}"
    assert _step(_workflow())["uses"] == pinned
    assert f"{pinned}\n" in _workflow().render()
    assert f"{pinned} # v1.0\n" in _workflow(version="v1.0").render()


@pytest.mark.parametrize(
    ("folders", "given"),
    [
        (["."], None),
        (["python"], "python"),
        (["with space"], "with space"),
        (["true"], "true"),
        (["1.10"], "1.10"),
        (["a", "b/c"], "a\nb/c\n"),
        ([".", "b"], ".\nb\n"),
        (["a b", "c: d"], "a b\nc: d"),
        (["ä", "b"], "ä\nb"),
    ],
)
def test_folders_reach_the_action_as_they_are(folders: list[str], given: str | None) -> None:
    step = _step(_workflow(*folders))
    assert step.get("with") == (None if given is None else {"package-dir": given})


def test_an_account_is_handed_on_where_it_is_wanted() -> None:
    account = {
        "username": "${{ secrets.PYPI_PUBLISH_USERNAME }}",
        "password": "${{ secrets.PYPI_PUBLISH_PASSWORD }}",
    }
    assert _step(_workflow(secrets=True))["with"] == account
    assert _step(_workflow("python", secrets=True))["with"] == {**account, "package-dir": "python"}


@pytest.mark.parametrize(
    "word", ["release", "on", "ON", "off", "yes", "y", "null", "1.0", "with space", 'quo"te', "ä", "#"]
)
def test_every_environment_is_read_back_as_text(word: str) -> None:
    assert _read(_workflow(environment=word))["jobs"]["publish"]["environment"] == word


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "a\tb", "${{ secrets.X }}"])
def test_a_name_that_a_workflow_can_not_hold_is_refused(name: str) -> None:
    for workflow in (_workflow(environment=name), _workflow(name), _workflow("a", name)):
        with pytest.raises(ConfigurationError, match="A workflow can't contain the name") as caught:
            workflow.render()
        assert repr(name) in caught.value.message


@pytest.mark.parametrize("text", [f"acme/index@{'0a' * 20}", f"a-b/c.d_e@{'f' * 40}"])
def test_a_commit_of_an_action_is_read(text: str) -> None:
    found = parse_action_ref(text)
    assert f"{found.repository}@{found.commit}" == text
    assert found.url == f"https://github.com/{found.repository}"


@pytest.mark.parametrize(
    "text",
    [
        "acme/index",
        "acme/index@v1.0",
        f"acme/index@{'0a' * 19}0",
        f"acme/index@{'0a' * 20}0",
        f"acme/index@{'0A' * 20}",
        f"index@{'0a' * 20}",
        f"-acme/index@{'0a' * 20}",
        f"acme/index/more@{'0a' * 20}",
        f"acme/index@{'0a' * 20}\n",
        "",
    ],
)
def test_a_tag_or_a_branch_is_no_commit(text: str) -> None:
    with pytest.raises(ConfigurationError, match="does not name the commit of an action") as caught:
        parse_action_ref(text)
    assert "git rev-parse" in str(caught.value.hint)
