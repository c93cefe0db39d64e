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
    TrustedPublishingError,
)
from publisher.github.event import Event
from publisher.github.hints import missing_credentials_hint, workflow_hint
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


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("See -vv.", "See `verbose: true`."),
        ("See `-v`.", "See `verbose: true`."),
        ("Pass --username NAME.", "Set the input `username`."),
        ("Use --dry-run, or `--skip-existing`.", "Use `dry-run: true`, or `skip-existing: true`."),
        ("A word--tag stays, and so does a-v.", "A word--tag stays, and so does a-v."),
    ],
)
def test_only_whole_options_become_inputs(hint: str, expected: str) -> None:
    assert workflow_hint(ConfigurationError("x", hint=hint), PUSHED) == expected


def test_a_job_without_an_identity_keeps_its_own_remedy() -> None:
    assert workflow_hint(TrustedPublishingError("x", hint="Pass --tag."), PUSHED) == "Pass --tag."
    assert workflow_hint(TrustedPublishingError("x"), PUSHED) is None


@pytest.mark.parametrize(
    ("event", "words", "not_words"),
    [
        (Event("push", "v1", "v1"), "id-token: write", "of a fork"),
        (Event("push", "v1", "v1", may_identify=True), "Register the repository with the index", "id-token: write"),
        (Event("pull_request", "3/merge", lacks_secrets=True, may_identify=True), "`dry-run: true`", "gh secret set"),
    ],
)
def test_missing_credentials_have_the_remedy_of_the_run(event: Event, words: str, not_words: str) -> None:
    for hint in (workflow_hint(NoCredentialsError("x"), event), missing_credentials_hint(event)):
        assert words in str(hint)
        assert not_words not in str(hint)
