"""The URLs of trusted publishing: an issuer's, and the audience that follows from the index's own."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from publisher.server.auth.oidc.errors import InvalidPublisherError

_HTTPS = 443
_PORTS = {"http": 80, "https": _HTTPS}


def audience_of(public_url: str) -> str:
    """Return the audience of an index: the host of its URL, with the port where it is not 443."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = parts.port or _PORTS[parts.scheme.lower()]
    return host if port == _HTTPS else f"{host}:{port}"


def check_url(url: object, *, here: bool = True) -> None:
    """Return for an https URL, or where ``here`` an http one of this machine; raise InvalidPublisherError otherwise."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        host = parts.hostname if parts else None
    except ValueError:
        parts, host = None, None
    if parts is None or not host or parts.username or parts.query or parts.fragment:
        raise InvalidPublisherError(f"{url!r} is not the URL of an issuer.")
    if parts.scheme != "https" and not (here and parts.scheme == "http" and _is_here(host)):
        raise InvalidPublisherError(f"{url!r}: an issuer's URL begins with https://.")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
