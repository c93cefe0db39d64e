"""The URL of an index, and the URLs below it."""

from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from publisher.errors import ConfigurationError
from publisher.secret import Secret, is_unicode, mask_urls, trimmed

_ENDPOINTS = ("/simple", "/+simple", "/legacy")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_EXAMPLE = "Give the index's root, for example https://acme--pypiserver-server.modal.run/"


class IndexUrl(NamedTuple):
    """
    The root of an index without credentials, with its trailing slash: uploads go to it, `simple` is below it.

    ``username`` and ``password`` come from the part before the ``@`` of the given URL.
    """

    root: str
    username: str | None = None
    password: Secret | None = None

    @property
    def simple(self) -> str:
        """The list of projects (PEP 503), which installers are pointed at."""
        return self.root + "simple/"

    @property
    def keyring_services(self) -> tuple[str, ...]:
        """
        The names under which keyring holds the credentials.

        twine asks for the first, pip and uv for the second, poetry for the third, pdm for the host; the host alone
        means an index only where nothing else is served there.
        """
        parts = urlsplit(self.root)
        return (self.root, self.simple, self.simple.rstrip("/"), *([parts.netloc] if parts.path == "/" else []))

    @property
    def host(self) -> str:
        """The host alone, as a netrc file names it."""
        return urlsplit(self.root).hostname or ""

    @property
    def audience(self) -> str:
        """The audience of ID tokens for the index: its host, with the port where it is not 443."""
        parts = urlsplit(self.root)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        return host if port == _DEFAULT_PORTS["https"] else f"{host}:{port}"

    def is_meant_by(self, name: str) -> bool:
        """
        Return whether a name in a request for credentials means this index: a URL at or below the root, or the host.

        The host stands alone or with its port, as pip and uv ask for it when they find nothing under a URL. A URL must
        have the same scheme, host and port: credentials kept for https are not sent over http.
        """
        own = urlsplit(self.root)
        if "://" not in name:
            return name.lower() in {own.netloc, f"{own.netloc}:{_DEFAULT_PORTS.get(own.scheme)}"}
        if not is_same_origin(self.root, name):
            return False
        path = urlsplit(name).path
        climbs = not {".", ".."}.isdisjoint(unquote(path).split("/"))
        return not climbs and f"{path.rstrip('/')}/".startswith(own.path)

    def project_api(self, name: str) -> str:
        """Return the URL of a project's files (PEP 503)."""
        return f"{self.simple}{quote(name)}/"

    def project_page(self, name: str) -> str:
        """Return the URL of a project's page for people."""
        return f"{self.root}projects/{quote(name)}/"

    def endpoint(self, path: str) -> str:
        """Return the URL of one of the index's own endpoints."""
        return self.root + path

    def __str__(self) -> str:
        return self.root


def parse_index_url(text: str) -> IndexUrl:
    """
    Return the index that a person named by its root, or by its ``simple`` or ``legacy`` URL.

    Raises ConfigurationError when the text is not an http or https URL.
    """
    if not is_unicode(text):
        raise ConfigurationError("The index URL is not valid UTF-8.", hint=_EXAMPLE)
    shown = mask_urls(text)
    try:
        parts = urlsplit(trimmed(text).strip())
        port = parts.port
    except ValueError as error:
        reason = "" if "@" in text else f": {error}"  # which may quote a part of the password
        raise ConfigurationError(f"Invalid index URL {shown!r}{reason}.", hint=_EXAMPLE) from None
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"Invalid index URL {shown!r}: expected http(s)://HOST/.", hint=_EXAMPLE)
    if parts.query or parts.fragment:
        raise ConfigurationError(f"Invalid index URL {shown!r}: it has a query or fragment.", hint=_EXAMPLE)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port is None else f"{host}:{port}"
    path = parts.path.rstrip("/")
    for endpoint in _ENDPOINTS:
        path = path.removesuffix(endpoint)
    return IndexUrl(
        urlunsplit((parts.scheme.lower(), netloc, path.rstrip("/") + "/", "", "")),
        unquote(parts.username) if parts.username else None,
        Secret(unquote(parts.password)) if parts.password else None,
    )


def is_same_origin(one: str, other: str) -> bool:
    """Return whether two absolute URLs have the same scheme, host and port; False when one of them is not valid."""
    try:
        return _origin(urlsplit(one)) == _origin(urlsplit(other))
    except ValueError:
        return False


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    scheme = parts.scheme.lower()
    return scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(scheme)
