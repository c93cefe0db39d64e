"""The session of a person's browser: its cookie, and the principal that it stands for."""

from publisher.server.auth.sessions.sessions import IDLE, Session, Sessions
from publisher.server.http.messages import Request

_SESSION = "publisher.session"
_PRINCIPAL = "publisher.session.principal"
_NAME = "pypi-publish-session"
FORM_COOKIE = "pypi-publish-form"


async def recognize(request: Request, sessions: Sessions) -> None:
    """Note the session of a request's cookie, and its principal, where there is one that is in force."""
    cookie = read_cookie(request, _NAME)
    session = await sessions.recall(cookie) if cookie else None
    if session is not None:
        request.scope[_SESSION] = session
        request.scope[_PRINCIPAL] = await sessions.principal(session)


async def renewed_cookie(request: Request, sessions: Sessions) -> str | None:
    """Return a new cookie for a request's session, None where that has ended while the request was answered."""
    return await sessions.renew(read_cookie(request, _NAME))


def session_of(request: Request) -> Session | None:
    """Return the session that was recognized."""
    found = request.scope.get(_SESSION)
    return found if isinstance(found, Session) else None


def session_principal(request: Request) -> object:
    """Return the principal of the session that was recognized, None without one."""
    return request.scope.get(_PRINCIPAL)


def read_cookie(request: Request, name: str) -> str:
    """
    Return a cookie's value, empty without one.

    Ours are never quoted, so the header is only split: `http.cookies` takes the square of a quoted value's length.
    """
    header = request.header(b"cookie")
    if name not in header:
        return ""
    wanted = _full_name(request, name)
    for piece in header.split(";"):
        found, _, value = piece.strip().partition("=")
        if found == wanted:
            return value
    return ""


def session_cookie(request: Request, value: str) -> tuple[bytes, bytes]:
    """Return the header that gives a browser its session."""
    return write_cookie(request, _NAME, value, int(IDLE))


def no_session_cookie(request: Request) -> tuple[bytes, bytes]:
    """Return the header that takes a browser's session away."""
    return write_cookie(request, _NAME, "", 0)


def write_cookie(request: Request, name: str, value: str, seconds: int) -> tuple[bytes, bytes]:
    """Return the header that sets a cookie, which scripts can't read and other sites' forms don't send."""
    path = request.root_path or "/"
    secure = "; Secure" if _is_secure(request) else ""
    text = f"{_full_name(request, name)}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    return b"set-cookie", text.encode("latin-1")


def _full_name(request: Request, name: str) -> str:
    """Return a cookie's name; behind TLS one that neighbors below the same domain can't set."""
    if not _is_secure(request):
        return name
    return f"__Secure-{name}" if request.root_path else f"__Host-{name}"


def _is_secure(request: Request) -> bool:
    return bool(request.scope.get("scheme") == "https")
