"""The choices of an operator as settings: the common part of `serve` and a deployment on Modal."""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from publisher.errors import ConfigurationError
from publisher.secret import Credentials, Secret
from publisher.server.settings import UpstreamSettings, UpstreamSource
from publisher.server.upstream.bottle_finder import remove_bottle_finder
from publisher.server.upstream.policy.policy_file import PolicyFile, check_url, read_policy

VARIABLES = "PYPI_INDEX_UPSTREAM"
"""Prefix of the variables with an upstream's user name and password."""

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_LONGEST_AGE = 3650 * 86400
"""Seconds in ten years."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?B)", re.IGNORECASE)
_BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


class UpstreamChoices(NamedTuple):
    """
    An operator's choices, as text.

    ``upstream`` is ``public`` or a URL, empty for none; ``cooldown`` an age like ``3d``, empty for none; ``cache`` a
    folder of this machine; ``cache_size`` a size like ``20GB``; ``policy`` a policy file.
    """

    upstream: str
    cooldown: str
    cache: Path
    cache_size: str = "20GB"
    policy: Path | None = None
    fallback_url: str | None = None


def upstream_settings(choices: UpstreamChoices, environment: Mapping[str, str]) -> UpstreamSettings | None:
    """Return the settings, None without an upstream; raises ConfigurationError for invalid ones."""
    if not choices.upstream and choices.policy is None:
        if choices.cooldown:
            raise ConfigurationError("--cooldown needs an upstream.", hint="Add --upstream public.")
        return None
    if choices.fallback_url is not None:
        raise ConfigurationError(
            "--upstream and --fallback-url can't be combined.",
            hint="--upstream passes packages on and caches them; --fallback-url redirects. Choose one.",
        )
    policy = read_policy(choices.policy) if choices.policy is not None else PolicyFile()
    sources = (*policy.sources, *([UpstreamSource(_url(choices.upstream))] if choices.upstream else []))
    if not sources:
        raise ConfigurationError(
            f"The upstream policy {choices.policy} names no upstream.", hint="Add --upstream public, or [[upstream]]."
        )
    _require_writable(choices.cache)
    return UpstreamSettings(
        tuple(_with_credentials(source, environment) for source in sources),
        choices.cache,
        seconds_of(choices.cooldown) if choices.cooldown else 0.0,
        policy.denials,
        policy.malicious,
        bytes_of(choices.cache_size),
    )


def seconds_of(text: str) -> float:
    """Return an age like ``3d`` in seconds; raises ConfigurationError."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise ConfigurationError(f"Invalid --cooldown {text!r}: expected an age like 3d, 12h or 1w.")
    seconds = float(found[1]) * _SECONDS[found[2].lower()]
    if seconds > _LONGEST_AGE:
        raise ConfigurationError(f"Invalid --cooldown {text!r}: expected at most ten years (3650d).")
    return seconds


def bytes_of(text: str) -> int:
    """Return a size like ``20GB`` in bytes; raises ConfigurationError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ConfigurationError(f"Invalid --cache-size {text!r}: expected a size like 20GB or 500MB.")
    return int(float(found[1]) * _BYTES[found[2].lower()])


def _url(text: str) -> str:
    if text == "public":
        from pypiserver.config import DEFAULTS  # noqa: PLC0415, TID251 - its URL is all that is needed, at start

        remove_bottle_finder()
        return check_url(DEFAULTS.FALLBACK_URL)
    try:
        return check_url(text)
    except ValueError as error:
        raise ConfigurationError(
            f"Invalid --upstream: {error}",
            hint=f"Give credentials in {VARIABLES}_USERNAME and {VARIABLES}_PASSWORD, or store them in keyring.",
        ) from error


def _with_credentials(source: UpstreamSource, environment: Mapping[str, str]) -> UpstreamSource:
    """Add the credentials of two variables; those of a source with a label have it in their names."""
    label = re.sub(r"[^A-Z0-9]", "_", source.label.upper())
    prefix = f"{VARIABLES}_{label}" if label else VARIABLES
    for_name, for_password = f"{prefix}_USERNAME", f"{prefix}_PASSWORD"
    username, password = environment.get(for_name, ""), environment.get(for_password, "")
    if not username and not password:
        return source
    return source._replace(credentials=Credentials(username, Secret(password), for_name))


def _require_writable(cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"The cache {cache} can't be written: {error.strerror or os.strerror(error.errno or 0)}",
            hint="Name a folder on this machine's disk with --upstream-cache DIR.",
        ) from error
