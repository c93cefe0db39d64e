"""Failures of passing on: each is an answer that an installer must be able to tell from the others."""


class UpstreamError(Exception):
    """Something public could not be passed on; ``message`` is the sentence for the client."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotUpstreamError(UpstreamError):
    """Upstream itself says that it has no such project or file, or the name belongs to no upstream."""


class UpstreamUnavailableError(UpstreamError):
    """Upstream could not be asked, or its answer is not believed; nothing may be concluded from it."""

    def __init__(self, message: str, retry_after: int = 10) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class WithheldError(UpstreamError):
    """The file exists and is not passed on: too young, denied, or quarantined."""


class WrongContentError(UpstreamError):
    """Upstream's bytes are not those that its page announces."""


class NotAnIndexPageError(Exception):
    """A body is not the page of the project that was asked for; the text says why."""
