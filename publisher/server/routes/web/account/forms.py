"""Forms of pages: read with a bound, and only where they are this index's own."""

import secrets
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from publisher.server.auth.sessions.sessions import Session, Sessions
from publisher.server.http.messages import HttpError, Request
from publisher.server.routes.failures import DomainError, http_error
from publisher.server.routes.web.account.cookies import FORM_COOKIE, read_cookie, write_cookie

PLACE = "-/account/"
"""The path that everything of a person's account is below."""

TOKEN = "token"  # noqa: S105 - a field's name
_FIELDS = 50


class Refusal(NamedTuple):
    """A form that was refused, which its page shows again as it was filled in, with the reason."""

    form: str
    fields: Mapping[str, str]
    problem: str
    status: int = 422

    @property
    def key(self) -> str:
        """The path of the form below the account, and the name of the thing that it is about, if it is in a list."""
        return f"{self.form} {self.fields.get('name', '')}" if "/" in self.form else self.form


def refusal(form: str, fields: Mapping[str, str], error: HttpError | DomainError) -> Refusal:
    """Return the refusal of a form; raise the error again where it needs another page than the form's."""
    answer = http_error(error)
    if answer.status == 401 or answer.status >= 500:
        raise error
    return Refusal(form, fields, answer.message, answer.status)


class OwnForms:
    """Gives forms their tokens, and takes no form without one."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def token(self, session: Session) -> str:
        """Return the token of the forms of a session."""
        return await self._sessions.form_token(session.id)

    async def guest_token(self, request: Request) -> tuple[str, tuple[bytes, bytes]]:
        """Return the token of a form for a visitor without a session, and the header with the cookie it belongs to."""
        number = read_cookie(request, FORM_COOKIE) or secrets.token_urlsafe(12)
        return await self._sessions.form_token(number), write_cookie(request, FORM_COOKIE, number, 3600)

    async def read(self, request: Request, session: Session | None) -> Mapping[str, str]:
        """Return the fields of a form; raise HttpError 403 for one that is not of this index and this browser."""
        if request.header(b"content-type").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
            raise HttpError(415, "Forms are sent as application/x-www-form-urlencoded.")
        try:
            fields = dict(
                parse_qsl((await request.body()).decode("utf-8"), keep_blank_values=True, max_num_fields=_FIELDS)
            )
        except ValueError as error:
            raise HttpError(400, f"The body is not a valid form: {error}.") from error
        of = session.id if session is not None else read_cookie(request, FORM_COOKIE)
        if not of or not await self._sessions.is_form_token(fields.pop(TOKEN, ""), of):
            raise HttpError(403, "The form is too old, or not of this index. Open the page again.")
        return fields
