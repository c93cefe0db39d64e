"""Signed URLs of files in a bucket, each the same for most of its life, so that the caches of installers work."""

import time
from collections import OrderedDict
from typing import NamedTuple

from publisher.server.storage.bucket.objects import Objects

LIFETIME = 900
"""Seconds that a URL can be used."""

KEPT = 600.0
"""Seconds that a URL is given out."""

KEPT_FOR_ROLE = 240.0
"""The same for a URL with a role's credentials, which may end five minutes after they were read."""

_REMEMBERED = 20_000
_ROLE_PARAMETER = "X-Amz-Security-Token"


class SignedUrl(NamedTuple):
    """A URL, and the monotonic time until which it is given out."""

    url: str
    until: float

    @property
    def rest(self) -> int:
        """The seconds for which the URL is still given out."""
        return max(0, int(self.until - time.monotonic()))


class SignedUrls:
    """Signs keys, and remembers the URLs; signing takes no request where the credentials are known."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: OrderedDict[str, SignedUrl] = OrderedDict()

    def recall(self, key: str) -> SignedUrl | None:
        """Return the URL that is given out for a key, None where it has to be signed."""
        known = self._known.get(key)
        return known if known is not None and known.rest else None

    def sign(self, key: str) -> SignedUrl:
        """Return a new URL; may block while the credentials of a role are read."""
        url = self._objects.sign(key, LIFETIME)
        kept = KEPT_FOR_ROLE if _ROLE_PARAMETER in url else KEPT
        return SignedUrl(url, time.monotonic() + kept)

    def remember(self, key: str, signed: SignedUrl) -> None:
        """Give a URL out from now on."""
        self._known.pop(key, None)
        self._known[key] = signed
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
