"""The failures that a person can act on: one class per cause, one exit code each."""

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path


class PublishError(Exception):
    """
    A failure, reported in one message: the cause, then the remedy.

    ``message`` names the failure and its cause; ``hint`` is the next step, or None if the message already says it;
    ``path`` is the project's file to fix, if known, and ``line`` the line in it, counted from 1.
    """

    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "Failed"

    def __init__(
        self, message: str, *, hint: str | None = None, path: "Path | None" = None, line: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.path = path
        self.line = line


class ConfigurationError(PublishError):
    """The project's or the command's configuration is invalid."""

    exit_code = 2
    title = "Invalid configuration"


class BuildFailedError(PublishError):
    """The build backend, or the set-up of its environment, failed; ``output`` is its output."""

    exit_code = 3
    title = "Build failed"

    def __init__(self, message: str, *, hint: str | None = None, output: str = "") -> None:
        super().__init__(message, hint=hint)
        self.output = output


class CredentialsError(PublishError):
    """There are no credentials, or the index refused them."""

    exit_code = 4
    title = "Not authenticated"


class RefusedCredentialsError(CredentialsError):
    """The index refused a password."""


class ForbiddenError(CredentialsError):
    """The index accepted the credentials and does not allow their owner to do this."""

    title = "Not allowed"


class NoCredentialsError(CredentialsError):
    """No place has credentials."""


class TrustedPublishingError(CredentialsError):
    """A CI job has no identity that the index accepts."""


class NoPublisherError(TrustedPublishingError):
    """The index trusts no publisher with the identity of this job."""


class ConflictError(PublishError):
    """The index already has this file with other contents."""

    exit_code = 5
    title = "Already published"


class IndexUnavailableError(PublishError):
    """The index cannot be reached, or failed."""

    exit_code = 6
    title = "Index unavailable"


class NotOfferedError(IndexUnavailableError):
    """The index can be reached and has no way to do this, so repeating the command changes nothing."""

    exit_code = 2
    title = "Not offered by the index"


class CheckFailedError(PublishError):
    """A check of the files or of the tag failed before anything was sent."""

    exit_code = 7
    title = "Check failed"


class InvalidDistributionError(CheckFailedError):
    """A file is not the wheel or sdist that it claims to be."""

    title = "Invalid distribution"


class OversizedDistributionError(InvalidDistributionError):
    """A distribution has more of something than the limits of the reader allow."""


class StoppedError(PublishError):
    """The command was interrupted by the user or the system."""

    exit_code = 130
    title = "Stopped"


HOW_TO_NAME_AN_INDEX = (
    "Pass --index-url URL, set PYPI_PUBLISH_INDEX_URL, or put `index-url` under [tool.pypi-publish] in pyproject.toml."
)
"""The hint when no index URL is set."""

HOW_TO_LOG_IN = (
    "Run `pypi-publish login`, which stores them in keyring; without a keyring, `pypi-publish config netrc --write "
    "--embed-credentials`; in CI set PYPI_PUBLISH_USERNAME and PYPI_PUBLISH_PASSWORD."
)
