import pytest

from publisher.errors import (
    HOW_TO_LOG_IN,
    ConfigurationError,
    ConflictError,
    CredentialsError,
    ForbiddenError,
    NoCredentialsError,
    PublishError,
    RefusedCredentialsError,
)
from publisher.github.event import Event
from publisher.github.hints import workflow_hint
from publisher.publish.plan import CONFLICT_HINT, RESERVED_HINT

PUSHED = Event("push", "v1.0", "v1.0")


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("Pass --index-url URL, set X, or more.", "Set the input `index-url`, set X, or more."),
        ("Tag 1, or change `tag-prefix` or --tag-prefix.", "Tag 1, or change `tag-prefix` or the input `tag-prefix`."),
        ("Commit them, or give --allow-dirty.", "Commit them, or give `allow-dirty: true`."),
        ("See above; -v shows it.", "See above; `verbose: true` shows it."),
        ("uv does not, and `--installer pip` does.", "uv does not, and `--installer pip` does."),
        (None, None),
    ],
)
def test_options_of_hints_become_inputs(hint: str | None, expected: str | None) -> None:
    assert workflow_hint(ConfigurationError("x", hint=hint), PUSHED) == expected


@pytest.mark.parametrize(
    "error", [RefusedCredentialsError("x", hint="Run `pypi-publish login`."), NoCredentialsError("x")]
)
def test_credentials_are_inputs_and_secrets(error: PublishError) -> None:
    hint = workflow_hint(error, PUSHED) or ""
    assert "pypi-publish login" not in hint
    assert "inputs username and password" in hint
    assert "gh secret set PYPI_PUBLISH_PASSWORD" in hint


def test_a_right_that_is_missing_is_not_blamed_on_the_secrets() -> None:
    error = ForbiddenError("the name is reserved", hint="Ask the index's administrator.")
    assert workflow_hint(error, PUSHED) == "Ask the index's administrator."


def test_other_trouble_with_credentials_keeps_its_remedy() -> None:
    assert workflow_hint(CredentialsError("netrc", hint="Fix the file."), PUSHED) == "Fix the file."
    assert "gh secret set" in (workflow_hint(CredentialsError("a password?", hint=HOW_TO_LOG_IN), PUSHED) or "")


def test_a_conflict_names_the_input() -> None:
    assert "`skip-existing: true`" in (workflow_hint(ConflictError("x", hint=CONFLICT_HINT), PUSHED) or "")
    assert workflow_hint(ConflictError("x", hint=RESERVED_HINT), PUSHED) == RESERVED_HINT
