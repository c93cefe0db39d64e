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
    """
    Return for an https URL; one of this machine may be http, and is allowed only where ``here``.

    Raises InvalidPublisherError for all others: an issuer elsewhere must not have the index ask its own machine.
    """
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        host = parts.hostname if parts else None
    except ValueError:
        parts, host = None, None
    if parts is None or not host or parts.username or parts.query or parts.fragment:
        raise InvalidPublisherError(f"{url!r} is not the URL of an issuer.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise InvalidPublisherError(f"{url!r}: an issuer's URL begins with https://.")
    if _is_loopback(host) and not here:
        raise InvalidPublisherError(f"{url!r}: only an issuer on the index's own machine may name its URLs.")


def is_here(url: str) -> bool:
    """Return whether a URL is one of this machine, by its address or as ``localhost``."""
    return _is_loopback(urlsplit(url).hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
