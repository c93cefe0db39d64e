"""The variables of build hooks: whatever could publish or show a password stays out."""

import os
from pathlib import Path

import pytest

from publisher.building.hooks import SubprocessHookRunner, hook_variables, open_runner


@pytest.mark.parametrize(
    "name",
    [
        *(
            f"{tool}X_{part}_Y"
            for tool in ("PIP_", "UV_", "TWINE_", "POETRY_", "PDM_", "HATCH_INDEX_", "FLIT_")
            for part in ("PASSWORD", "TOKEN")
        ),
        *(
            f"{tool}X_{end}"
            for tool in ("PIP_", "UV_", "TWINE_", "POETRY_", "PDM_", "HATCH_INDEX_", "FLIT_")
            for end in ("INDEX", "URL", "FIND_LINKS", "USERNAME", "AUTH")
        ),
        *("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_OTHER", "SIGSTORE_ID_TOKEN", "GITLAB_ID_TOKEN"),
        *("PYPI_PUBLISH_PASSWORD", "AUTH_TOKEN", "PYPI_PUBLISH_ADMIN_TOKEN", "auth_token", "uv_publish_token"),
        *("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"),
    ],
)
def test_secrets_and_other_repositories_are_left_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "hidden")
    assert name not in hook_variables()


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "SOURCE_DATE_EPOCH",
        "PIP_CACHE_DIR",
        "UV_CACHE_DIR",
        "HATCH_BUILD_HOOKS_ENABLE",
        "HATCH_URL",
        "ACME_PASSWORD",
        "CI_TOKEN",
        "MY_UV_INDEX",
        "UV_INDEX_STRATEGY",
        "PIP_URLS",
        "ID_TOKEN",
        "MY_ID_TOKENS",
    ],
)
def test_other_variables_reach_the_backend(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "kept")
    assert hook_variables()[name] == "kept"


def test_a_runner_that_starts_interpreters_remembers_nothing() -> None:
    runner = SubprocessHookRunner({})
    runner.preload(["json"])
    assert list(runner.imported()) == []
    runner.close()  # nothing runs


def test_a_hook_s_files_have_the_usual_permissions(tmp_path: Path) -> None:
    runner = SubprocessHookRunner({})
    before = os.umask(0o077)
    try:
        runner(["/bin/sh", "-c", 'echo x > "$NAME"'], cwd=str(tmp_path), extra_environ={"NAME": "file"})
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_the_fastest_runner_of_this_system_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.building.hooks.CAN_FORK", False)
    runner = open_runner("/no/python", {"A": "1"})
    assert isinstance(runner, SubprocessHookRunner)
    seen: list[bytes] = []
    runner.on_output = seen.append
    runner(["/bin/sh", "-c", 'echo "$A"; echo two >&2'])
    assert seen == [b"1\n", b"two\n"]
