"""Refusals of trusted publishing, with the codes that publishing clients know from the public index."""

from enum import StrEnum


class RefusalCode(StrEnum):
    """The reason for which no token is minted, as clients read it."""

    PAYLOAD = "invalid-payload"
    TOKEN = "invalid-token"  # noqa: S105 - a code
    REUSE = "invalid-reuse-token"
    PUBLISHER = "invalid-publisher"
    PENDING = "invalid-pending-publisher"
    UNAVAILABLE = "issuer-unavailable"


class MintingRefusedError(Exception):
    """No token is minted; ``description`` is the sentence for the author of the workflow."""

    def __init__(self, code: RefusalCode, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


class InvalidJwtError(Exception):
    """A JSON web token or a key that can't be relied upon; the text says why."""


class IssuerUnavailableError(Exception):
    """An issuer's keys can't be fetched; the text says why."""


class ClaimMismatchError(Exception):
    """The claims of a token are not those of a publisher; the text names the first that differs."""


class InvalidPublisherError(ValueError):
    """A publisher that can't be registered; the text says why."""


class UnknownPublisherError(Exception):
    """There is no publisher of that name."""
