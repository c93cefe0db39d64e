"""The exchange of tokens at ``/_/oidc/...``, in the format that publishing clients know from the public index."""

import logging

from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.audit.trail import AuditEvent, AuditTrail
from publisher.server.auth.oidc.errors import MintingRefusedError, RefusalCode
from publisher.server.auth.oidc.service import TrustedPublishing
from publisher.server.http.json_body import parse_object
from publisher.server.http.messages import HttpError, Request, Response, json_response

WITHOUT_URL = (
    "This index has no trusted publishing: its URL is not configured (serve --public-url URL, or "
    "PYPI_INDEX_PUBLIC_URL)."
)

_log = logging.getLogger(__name__)


class OidcRoutes:
    """Answers ``/_/oidc/...``, which needs no account; 404 on an index that does not know its own URL."""

    def __init__(self, publishing: TrustedPublishing | None, access: AccessControl, audit: AuditTrail) -> None:
        self._publishing = publishing
        self._access = access
        self._audit = audit

    async def audience(self, _request: Request, _rest: str = "") -> Response:
        """Name the audience that tokens for this index have."""
        publishing = self._required()
        publishing.warm()
        return json_response({"audience": publishing.audience})

    async def mint(self, request: Request, _rest: str = "") -> Response:
        """Exchange an issuer's token for one of this index."""
        publishing = self._required()
        await self._access.bring_up_to_date()
        self._access.require_changes()  # before the issuer's token is used up for one that could change nothing
        try:
            minted = await publishing.mint(await _token(request))
        except MintingRefusedError as error:
            _log.warning("no token is minted for %s: %s %s", request.client, error.code, ascii(error.description))
            return _refusal(error)
        await self._audit.record(AuditEvent("token-minted", minted.principal, request.client))
        return json_response({"success": True, "token": minted.text, "expires": minted.expires})

    async def burn(self, request: Request, _rest: str = "") -> Response:
        """End a minted token; the answer does not say whether it was one."""
        publishing = self._required()
        try:
            burnt = await publishing.burn(await _token(request))
        except MintingRefusedError as error:
            return _refusal(error)
        if burnt is not None:
            await self._audit.record(AuditEvent("token-burnt", burnt, request.client))
        return json_response({"message": "Accepted"}, 202)

    def _required(self) -> TrustedPublishing:
        if self._publishing is None:
            raise HttpError(404, WITHOUT_URL)
        return self._publishing


async def _token(request: Request) -> str:
    """Return the token of a body in JSON, whatever its content type, as the public index does."""
    try:
        token = parse_object(await request.body()).get("token")
    except ValueError:
        token = None
    if not isinstance(token, str) or not token.isascii() or not token:
        raise MintingRefusedError(RefusalCode.PAYLOAD, "The body must be a JSON object whose key 'token' has a text.")
    return token


def _refusal(error: MintingRefusedError) -> Response:
    unavailable = error.code is RefusalCode.UNAVAILABLE
    payload = {
        "message": "Token request failed",
        "errors": [{"code": error.code.value, "description": error.description}],
    }
    answer = json_response(payload, 503 if unavailable else 422)
    return Response(answer.status, answer.body, [*answer.headers, (b"retry-after", b"5")]) if unavailable else answer
