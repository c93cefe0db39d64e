"""Remedies of failures as the author of a workflow can apply them: inputs, secrets and settings of the repository."""

import re
from dataclasses import fields

from publisher.credentials.trusted import PERMISSIONS
from publisher.errors import (
    HOW_TO_LOG_IN,
    NoCredentialsError,
    PublishError,
    RefusedCredentialsError,
    TrustedPublishingError,
)
from publisher.github.event import Event
from publisher.github.inputs import Inputs

_SECRETS = "`gh secret set PYPI_PUBLISH_USERNAME` and `gh secret set PYPI_PUBLISH_PASSWORD`"
_KINDS = {field.name.replace("_", "-"): field.type for field in fields(Inputs)}
_OPTION = re.compile(r"`?(?<![\w-])--([a-z][a-z-]*)(?: [A-Z]+\b)?`?")
_VERBOSE = re.compile(r"`?(?<![\w-])-vv?(?![\w-])`?")


def workflow_hint(error: PublishError, event: Event) -> str | None:
    """Return the remedy of a failure in a workflow: no command of a person's machine, no option of a command line."""
    if isinstance(error, NoCredentialsError) or error.hint == HOW_TO_LOG_IN:
        return missing_credentials_hint(event)
    if isinstance(error, TrustedPublishingError):
        return error.hint
    if isinstance(error, RefusedCredentialsError):
        return (
            "Check the inputs username and password and the secrets that they come from, in this repository or in the "
            f"environment that the job names (--env NAME): {_SECRETS} replace them."
        )
    if error.hint is None:
        return None
    hint = _VERBOSE.sub("`verbose: true`", _OPTION.sub(_as_input, error.hint))
    return hint.replace("Pass the input", "Set the input")


def missing_credentials_hint(event: Event) -> str:
    """Return the remedy for a run without credentials."""
    if event.lacks_secrets:
        return (
            "GitHub gives no secrets to a pull request of a fork or of Dependabot: nothing is wrong with the workflow. "
            "`dry-run: true` builds and checks there."
        )
    if not event.may_identify:
        return (
            f"Without a secret: add this to the job\n{PERMISSIONS}\nand register the repository with the index "
            "(`pypi-publish trust add github`).\n"
            "With secrets: the inputs username and password are empty. Do the secrets exist in this repository, or in "
            f"the environment that the job names (--env NAME)? {_SECRETS} set them."
        )
    return (
        "Register the repository with the index (`pypi-publish trust add github`), or set the inputs username and "
        f"password from secrets: {_SECRETS}."
    )


def _as_input(option: re.Match[str]) -> str:
    """Return the input that sets an option; the option itself if no input does."""
    kind = _KINDS.get(option[1])
    if kind is None:
        return option[0]
    return f"`{option[1]}: true`" if kind in {bool, bool | None} else f"the input `{option[1]}`"
