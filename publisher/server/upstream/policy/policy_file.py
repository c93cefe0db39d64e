"""The operator's policy file: several upstreams by name, denied versions, and a list of malicious ones."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from publisher.errors import ConfigurationError
from publisher.secret import mask_urls
from publisher.server.settings import Denial, UpstreamSource
from publisher.server.upstream.policy.decision import read_malicious

_PATTERN = re.compile(r"[A-Za-z0-9*?\[\]!._-]{1,240}")
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_KEYS = {
    "upstream": {"label", "url", "names", "first-seen"},
    "deny": {"name", "versions", "reason"},
}


class PolicyFile(NamedTuple):
    """The contents of a policy file."""

    sources: tuple[UpstreamSource, ...] = ()
    denials: tuple[Denial, ...] = ()
    malicious: Path | None = None


def read_policy(path: Path) -> PolicyFile:
    """Return a policy file's contents; raise ConfigurationError for anything in it that is not understood."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"Can't read the upstream policy {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The upstream policy {path} is not valid TOML: {error}") from error
    try:
        _expect_keys(found, {"upstream", "deny", "malicious"}, "the file")
        sources = tuple(_source(entry) for entry in _tables(found, "upstream"))
        denials = tuple(_denial(entry) for entry in _tables(found, "deny"))
        malicious = _malicious(found, path)
    except ValueError as error:
        raise ConfigurationError(
            f"Invalid upstream policy {path}: {error}", hint="See docs/reference/upstream.md for its keys."
        ) from error
    return PolicyFile(sources, denials, malicious)


def check_url(text: str) -> str:
    """Return an upstream's URL with one trailing slash; raise ValueError for one that is not a plain http(s) URL."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{mask_urls(text)!r}: expected http(s)://HOST/simple/ without user name, query or fragment")
    return text.rstrip("/") + "/"


def _tables(found: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    tables = found.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValueError(f"{key} must be written as [[{key}]]")
    for table in tables:
        _expect_keys(table, _KEYS[key], f"[[{key}]]")
    return tables


def _expect_keys(table: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise ValueError(f"{where} has the unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")


def _source(entry: Mapping[str, Any]) -> UpstreamSource:
    names = entry.get("names", ["*"])
    if not isinstance(names, list) or not names:
        raise ValueError("names must be a list of patterns like 'torch-*'")
    patterns = tuple(_pattern(name) for name in names)
    first_seen, label = entry.get("first-seen", False), entry.get("label", "")
    if not isinstance(first_seen, bool):
        raise ValueError("first-seen must be true or false")  # noqa: TRY004 - one kind of error for one file
    if not isinstance(label, str) or (label and not _LABEL.fullmatch(label)):
        raise ValueError(f"label {label!r} must be letters, digits, - and _")
    return UpstreamSource(check_url(_text(entry, "url")), patterns, first_seen, label)


def _denial(entry: Mapping[str, Any]) -> Denial:
    versions = _text(entry, "versions", "")
    try:
        SpecifierSet(versions)
    except InvalidSpecifier as error:
        raise ValueError(f"versions: {error}; write '<2' or '==1.0'") from error
    return Denial(_pattern(entry.get("name")), versions, _text(entry, "reason", ""))


def _malicious(found: Mapping[str, Any], policy: Path) -> Path | None:
    if "malicious" not in found:
        return None
    path = policy.parent / _text(found, "malicious")
    try:
        read_malicious(path)
    except OSError as error:
        raise ValueError(f"malicious: can't read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"malicious: {path}: {error}") from error
    return path


def _pattern(text: Any) -> str:
    if not isinstance(text, str) or not _PATTERN.fullmatch(text):
        raise ValueError(f"{text!r} is not a pattern of project names like 'torch-*'")
    return text


def _text(entry: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = entry.get(key, default)
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{key} must be a string")
    return value
