"""The settings of one index, decided once, at the edge."""

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from publisher.limits import LIMITS, MEGABYTE, Limits, UpstreamLimits
from publisher.secret import Credentials, Secret
from publisher.server.siblings.files import SiblingFiles
from publisher.server.storage.base import Storage

CLIENT_NAME = "pypi-publish"
"""The project of the index's own client, which no other index may answer for."""


class Activity(enum.StrEnum):
    """Activities that may need an account, named as by pypiserver's ``--authenticate``."""

    DOWNLOAD = "download"
    LIST = "list"
    UPDATE = "update"


class UpstreamSource(NamedTuple):
    """
    An index whose packages are passed on: its simple API's URL, and patterns of the names that belong to it.

    ``first_seen`` lets a file without upload time ripen from when it was first seen here. ``label`` names it in the
    environment's variables. ``credentials`` go to this URL's origin and to no other.
    """

    url: str
    names: tuple[str, ...] = ("*",)
    first_seen: bool = False
    label: str = ""
    credentials: Credentials | None = None


class Denial(NamedTuple):
    """Public files that are never passed on: a pattern of names, a version specifier (empty for all), and why."""

    name: str
    versions: str = ""
    reason: str = ""


class UpstreamSettings(NamedTuple):
    """
    Which public packages are passed on, and where they are cached.

    The first source with a matching pattern is the one that a name belongs to. ``cooldown`` is the age in seconds that
    a public file must have, 0 for none. ``malicious`` is a file with one ``NAME`` or ``NAME==VERSION`` a line.
    """

    sources: tuple[UpstreamSource, ...]
    cache: Path
    cooldown: float = 0.0
    denials: tuple[Denial, ...] = ()
    malicious: Path | None = None
    cache_size: int = 20 * 10**9
    limits: UpstreamLimits = LIMITS.upstream


@dataclass(frozen=True)
class ServerSettings:
    """
    Everything that `publisher.server.app.create_app` needs to know.

    ``roots`` are the package folders; uploads go to the first. ``authenticate`` names the activities that need an
    account; the rest is open to everybody. ``admin_token`` opens the account API; without it only the role admin does.
    ``fallback_url`` is the index that unknown names are sent to, None for none; names that match ``reserved``
    (``acme-*``) never are. ``client_uploaders`` are the accounts that may change the index's own client,
    `pypi-publish`. ``scheme`` is that of the URL that clients use, where a proxy ends TLS without saying so. ``state``
    is the file with the list of owned names, beside the accounts where it is None. The storages are folders on a disk
    where they are None: the first root, and the folder of the htpasswd file. ``allow_plaintext`` accepts entries of
    the htpasswd file that are not hashes as passwords in clear text. ``accept_legacy`` accepts uploads in pypiserver's
    formats (eggs, ``.tar.bz2``, installers), unchecked. ``public_url`` is the index's URL as clients and
    issuers of trusted publishing know it, None where it is not known. ``revision`` names the deployed commit, for
    `/health`; it is not secret. ``audit_days`` is the retention of the audit trail. ``siblings`` is what this
    process shares with others that serve the same index, None where it is alone. ``bucket`` is the URL of the bucket
    that has the packages and all that belongs to accounts; there are no ``roots`` then. ``signed_from`` is the size in
    bytes from which files are fetched from the bucket itself, None for never. ``htpasswd_is_foreign`` takes the
    accounts from that file of this machine, and never changes it. ``trusted_proxies`` are the addresses and networks
    whose ``X-Forwarded-*`` count, ``*`` for every peer.
    """

    roots: tuple[Path, ...]
    htpasswd: Path | None = None
    authenticate: frozenset[Activity] = frozenset(Activity)
    admin_token: Secret | None = field(default=None, repr=False)
    overwrite: bool = False
    fallback_url: str | None = None
    reserved: tuple[str, ...] = ()
    client_uploaders: tuple[str, ...] = ()
    upstream: UpstreamSettings | None = None
    scheme: str | None = None
    allow_plaintext: bool = False
    accept_legacy: bool = False
    trusted_proxies: tuple[str, ...] = ()
    limits: Limits = LIMITS
    state: Path | None = None
    public_url: str | None = None
    revision: str = ""
    audit_days: int = 400
    bucket: str | None = None
    htpasswd_is_foreign: bool = False
    signed_from: int | None = MEGABYTE
    packages_storage: Storage | None = None
    credentials_storage: Storage | None = None
    siblings: SiblingFiles | None = None

    @property
    def never_public(self) -> tuple[str, ...]:
        """The patterns of the names that are never answered from elsewhere, published here or not."""
        return (CLIENT_NAME, *self.reserved)

    @property
    def passes_on(self) -> bool:
        """Whether installers find public packages under this index's URL, so that they need no other."""
        return self.upstream is not None or self.fallback_url is not None
