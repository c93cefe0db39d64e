"""The event that started a run, from the runner's variables and the payload."""

import json
from pathlib import Path
from typing import Any

import pytest

from publisher.github.event import Event, read_event


def _event(folder: Path, payload: Any, **environment: str) -> Event:
    path = folder / "event.json"
    path.write_text(json.dumps(payload))
    return read_event({"GITHUB_EVENT_PATH": str(path), **environment})


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("pull_request", True),
        ("pull_request_target", True),
        ("pull_request_review", True),
        ("push", False),
        ("release", False),
        ("workflow_dispatch", False),
        ("", False),
    ],
)
def test_code_of_a_pull_request_is_not_merged(name: str, *, is_one: bool) -> None:
    assert Event(name, "main").is_pull_request is is_one


@pytest.mark.parametrize(
    ("payload", "environment", "tag"),
    [
        ({}, {"GITHUB_REF_NAME": "v1.0", "GITHUB_REF_TYPE": "tag"}, "v1.0"),
        ({}, {"GITHUB_REF_NAME": "v1.0", "GITHUB_REF_TYPE": "branch"}, None),
        ({}, {"GITHUB_REF_NAME": "v1.0"}, None),
        ({}, {"GITHUB_REF_NAME": "", "GITHUB_REF_TYPE": "tag"}, None),
        ({"release": {"tag_name": "v2.0"}}, {"GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "branch"}, "v2.0"),
        ({"release": {"tag_name": "v2.0"}}, {"GITHUB_REF_NAME": "v1.0", "GITHUB_REF_TYPE": "tag"}, "v1.0"),
        ({"release": {"tag_name": ""}}, {}, None),
        ({"release": {"tag_name": 1}}, {}, None),
        ({"release": "v2.0"}, {}, None),
        (["release"], {}, None),
        (None, {}, None),
    ],
)
def test_the_tag_is_that_of_the_ref_else_that_of_the_release(
    tmp_path: Path, payload: Any, environment: dict[str, str], tag: str | None
) -> None:
    assert _event(tmp_path, payload, **environment).tag == tag


@pytest.mark.parametrize(
    ("payload", "environment", "lacks"),
    [
        ({"pull_request": {"head": {"repo": {"fork": True}}}}, {}, True),
        ({"pull_request": {"head": {"repo": {"fork": False}}}}, {}, False),
        ({"pull_request": {"head": {"repo": {"fork": "true"}}}}, {}, False),
        ({"pull_request": {"head": {"repo": None}}}, {}, False),
        ({"pull_request": None}, {}, False),
        ({}, {"GITHUB_ACTOR": "dependabot[bot]"}, True),
        ({}, {"GITHUB_ACTOR": "dependabot"}, False),
        ({"pull_request": {"head": {"repo": {"fork": True}}}}, {"GITHUB_ACTOR": "ada"}, True),
    ],
)
def test_forks_and_dependabot_get_no_secrets(
    tmp_path: Path, payload: Any, environment: dict[str, str], *, lacks: bool
) -> None:
    assert _event(tmp_path, payload, **environment).lacks_secrets is lacks


def test_a_job_may_identify_itself_where_it_has_an_address_to_ask(tmp_path: Path) -> None:
    assert _event(tmp_path, {}, ACTIONS_ID_TOKEN_REQUEST_URL="https://token.example/").may_identify is True
    assert _event(tmp_path, {}, ACTIONS_ID_TOKEN_REQUEST_URL="").may_identify is False
    assert _event(tmp_path, {}).may_identify is False


def test_names_are_handed_on(tmp_path: Path) -> None:
    found = _event(tmp_path, {}, GITHUB_EVENT_NAME="push", GITHUB_REF_NAME="main")
    assert found == Event("push", "main", None, lacks_secrets=False, may_identify=False)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"1"])
def test_without_a_payload_the_variables_count(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "event.json").write_bytes(content)
    variables = {"GITHUB_REF_NAME": "v1", "GITHUB_REF_TYPE": "tag", "GITHUB_EVENT_NAME": "push"}
    for path in (tmp_path / "event.json", tmp_path / "missing", tmp_path):
        assert read_event({**variables, "GITHUB_EVENT_PATH": str(path)}) == Event("push", "v1", "v1")
