"""The files that the processes of one index inherit, by their descriptors."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from publisher.server.siblings.locks import inherited_file
from publisher.server.siblings.news import NEWS_SIZE, SiblingNews


@dataclass(frozen=True)
class SiblingFiles:
    """
    Open files that the processes of one index share while they run.

    By ``log_lock`` they take turns at their log. ``failed_logins`` holds counts by a hash of user and address with
    ``key``. They announce changes to each other, of ``packages`` and of ``credentials``.
    """

    log_lock: int
    failed_logins: int
    packages: int
    credentials: int
    key: bytes = field(repr=False)

    def package_news(self) -> SiblingNews:
        """Return the news of packages, for this process."""
        return SiblingNews(self.packages)

    def credential_news(self) -> SiblingNews:
        """Return the news of accounts and rights, for this process."""
        return SiblingNews(self.credentials)


@contextmanager
def sibling_files() -> Iterator[SiblingFiles]:
    """Return the files, which are there until the block and all processes that inherit them have ended."""
    with ExitStack() as files:
        log_lock, failed_logins, packages, credentials = (files.enter_context(inherited_file()) for _ in range(4))
        for each in (packages, credentials):
            os.ftruncate(each, NEWS_SIZE)
        yield SiblingFiles(log_lock, failed_logins, packages, credentials, os.urandom(16))
