"""How one index is to behave: decided once, at the edge."""

import enum
from dataclasses import dataclass, field
from pathlib import Path

from publisher.secret import Secret
from publisher.server.storage.base import LocalDisk, Storage

MEGABYTE = 2**20


class Right(enum.StrEnum):
    """What a user may do, named as pypiserver's ``--authenticate`` names it."""

    DOWNLOAD = "download"
    LIST = "list"
    UPDATE = "update"


@dataclass(frozen=True)
class Limits:
    """
    The bounds that keep one client from using up the index; sizes in bytes, times in seconds.

    ``open_uploads`` may have begun, and ``parallel_uploads`` of them may be at work on what came, at the same time.
    """

    upload_size: int = 2048 * MEGABYTE
    parallel_uploads: int = 16
    open_uploads: int = 64
    stalled_upload: float = 60.0
    stalled_download: float = 60.0
    slow_head: float = 30.0
    head_size: int = 64 * 2**10
    waiting_for_folder: float = 20.0
    page_memory: int = 256 * MEGABYTE
    file_memory: int = 64 * MEGABYTE


@dataclass(frozen=True)
class ServerSettings:
    """
    Everything that `publisher.server.app.create_app` needs to know.

    ``roots`` are the package folders; uploads go to the first. ``authenticate`` names what needs an account; the rest
    is open to everybody. ``admin_token`` opens the account API; without it the API refuses everybody. ``fallback_url``
    is the index that unknown names are sent to, None for none; names that match ``reserved`` (``acme-*``) never are.
    ``scheme`` is that of the URL that clients use, where what stands in front ends TLS without saying so.
    """

    roots: tuple[Path, ...]
    htpasswd: Path | None = None
    authenticate: frozenset[Right] = frozenset(Right)
    admin_token: Secret | None = field(default=None, repr=False)
    overwrite: bool = False
    fallback_url: str | None = None
    reserved: tuple[str, ...] = ()
    scheme: str | None = None
    limits: Limits = Limits()
    packages_storage: Storage = field(default_factory=LocalDisk)
    credentials_storage: Storage = field(default_factory=LocalDisk)
