"""The upstream that `serve` and the commands on its machine are started with."""

import os
from collections.abc import Iterable
from pathlib import Path

from publisher.cli.options.server import ServeArgs
from publisher.credentials.keyring_child import find_in_child
from publisher.errors import ConfigurationError
from publisher.files.cache import cache_folder
from publisher.secret import Credentials
from publisher.server.settings import UpstreamSettings, UpstreamSource
from publisher.server.upstream.options import UpstreamChoices, upstream_settings


def chosen_upstream(args: ServeArgs) -> UpstreamSettings | None:
    """
    Return the upstream's settings, with credentials from the environment or else keyring.

    Raises ConfigurationError for invalid choices, and for a cache that is not apart from the package folders.
    """
    cache = cache_path(args.upstream_cache)
    if (args.upstream or args.upstream_policy) and not args.storage:
        _require_apart(cache, args.root)
    choices = UpstreamChoices(
        args.upstream,
        args.cooldown,
        cache,
        args.cache_size,
        args.upstream_policy,
        args.fallback_url,
    )
    settings = upstream_settings(choices, os.environ)
    if settings is None:
        return None
    public = settings.sources[-1].url if args.upstream == "public" else ""
    return settings._replace(sources=tuple(_with_keyring(source, public) for source in settings.sources))


def cache_path(chosen: Path | None) -> Path:
    """Return the folder of the cache; the user's own where none is chosen."""
    return chosen if chosen is not None else cache_folder("upstream")


def _require_apart(cache: Path, roots: Iterable[Path]) -> None:
    """Raise ConfigurationError where the files of the cache would be among the packages, or the reverse."""
    place = cache.resolve()
    for root in roots:
        packages = root.resolve()
        if place.is_relative_to(packages) or packages.is_relative_to(place):
            raise ConfigurationError(
                f"The cache {cache} and the package folder {root} must be apart.",
                hint="Name a folder outside --root with --upstream-cache DIR.",
            )


def _with_keyring(source: UpstreamSource, public: str) -> UpstreamSource:
    if source.credentials is not None or source.url == public:
        return source
    found = find_in_child([source.url], None)
    return source._replace(credentials=Credentials(*found, "keyring")) if found is not None else source
