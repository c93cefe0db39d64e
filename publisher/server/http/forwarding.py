"""Forwarded requests: address, scheme, host and prefix of the client count when a trusted proxy names them."""

import ipaddress
import logging
import re
from collections.abc import Sequence
from functools import lru_cache

from publisher.server.http.messages import Headers, Scope

EVERYBODY = "*"
"""Trusts every peer, and of the forwarded addresses the last one: for a host that only a proxy can reach."""

UNTRUSTED = "publisher.untrusted_proxy"
"""Set in the scope of a request that came with forwarded headers from an address that is not trusted."""

_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
_PATH = re.compile(r"[A-Za-z0-9._~%+@:/-]{1,500}")
_HOPS = 50
"""Proxies that a request may have passed: the header may have ten thousand."""

_PREFIX = b"x-forwarded-"
_log = logging.getLogger(__name__)


class Forwarding:
    """Applies ``X-Forwarded-For``, ``-Proto``, ``-Host`` and ``-Prefix`` of trusted proxies to requests."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._everybody = EVERYBODY in trusted
        self._networks = [ipaddress.ip_network(each, strict=False) for each in trusted if each != EVERYBODY]
        self._told = False
        self._trusts = lru_cache(maxsize=1024)(self._is_trusted)

    def apply(self, scope: Scope) -> None:
        """Rewrite a request as its client sent it to the first trusted proxy; others' headers are taken away."""
        headers: Headers = scope["headers"]
        for name, _ in headers:  # the hot path: most requests have none
            if name[:12] == _PREFIX:
                break
        else:
            return
        forwarded: dict[bytes, str] = {}
        for name, value in headers:
            if name.startswith(_PREFIX):
                text = value.decode("latin-1")
                forwarded[name] = f"{forwarded[name]}, {text}" if name in forwarded else text
        rest = [(name, value) for name, value in headers if not name.startswith(_PREFIX)]
        peer = (scope.get("client") or ("", 0))[0]
        if self._everybody or self._trusts(peer):
            rest = self._apply(scope, forwarded, rest)
        else:
            scope[UNTRUSTED] = True
            self._tell(peer, forwarded)
        scope["headers"] = rest

    def _apply(self, scope: Scope, forwarded: dict[bytes, str], headers: Headers) -> Headers:
        client = self._client(_items(forwarded.get(b"x-forwarded-for", "")))
        if client is not None:
            scope["client"] = (client, 0)
        scheme = _first(forwarded.get(b"x-forwarded-proto", "")).lower()
        if scheme in {"http", "https"}:
            scope["scheme"] = scheme
        host, _, path = _first(forwarded.get(b"x-forwarded-host", "")).partition("/")
        prefixes = [path, *_items(forwarded.get(b"x-forwarded-prefix", ""))]
        prefix = "/".join(stripped for each in prefixes if (stripped := each.strip("/")))
        if _PATH.fullmatch(prefix):
            scope["root_path"] = f"/{prefix}"
        if _HOST.fullmatch(host):
            headers = [(name, value) for name, value in headers if name != b"host"]
            headers.append((b"host", host.encode()))
        return headers

    def _client(self, addresses: list[str]) -> str | None:
        """Return the last address that is not a trusted proxy's: clients may have made up those before it."""
        found: str | None = None
        for each in reversed(addresses[-_HOPS:]):
            address = _address(each)
            if address is None:
                continue
            found = address
            if self._everybody or not self._trusts(address):
                break
        return found

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None) or parsed
        return any(mapped in network for network in self._networks)

    def _tell(self, peer: str, forwarded: dict[bytes, str]) -> None:
        """Log once how to trust a proxy that is not trusted yet."""
        if not self._told:
            self._told = True
            names = ", ".join(sorted(name.decode() for name in forwarded))
            _log.warning(
                "ignoring headers from %s: %s; if that is your proxy, start the index with --trusted-proxy %s",
                peer,
                names[:200],
                peer,
            )


def is_trustable(text: str) -> bool:
    """Return whether a text names proxies to trust: an address, a network, or ``*``."""
    try:
        return text == EVERYBODY or bool(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return False


def place_of(address: str) -> str:
    """Return the place to which attempts are counted: an IPv4 address, or the network of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _first(text: str) -> str:
    return text.partition(",")[0].strip()


def _address(text: str) -> str | None:
    """Return an address without the port that some proxies add, None for anything else."""
    bare = text.strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        return str(ipaddress.ip_address(bare.partition("%")[0]))
    except ValueError:
        return None
