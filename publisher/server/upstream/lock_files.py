"""Sets of packages that people have already: requirements.txt, uv.lock and pylock.toml."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from publisher.errors import ConfigurationError
from publisher.server.upstream.pages.render import PREFIX

_INCLUDED = re.compile(r"(?:-r|--requirement)[\s=]*(\S.*)")
_HASH = re.compile(r"--hash[= ]\s*sha256:([0-9a-fA-F]{64})")


class PinnedPackage(NamedTuple):
    """A package in one version, with the SHA-256 of the files that are wanted; without any, all files are."""

    name: str
    version: str
    digests: frozenset[str]


def read_pinned(path: Path) -> list[PinnedPackage]:
    """
    Return the packages of a lock file or of a requirements file with pinned versions.

    Raises ConfigurationError for a file that can't be read, or a requirement without ``==``.
    """
    return list(_read(path, set()))


def _read(path: Path, seen: set[Path]) -> list[PinnedPackage]:
    """Return the packages of a file and of files that it includes, except those in ``seen``."""
    try:
        text = path.read_text("utf-8")
        if path.suffix == ".toml" or path.name == "uv.lock":
            return list(_locked(tomllib.loads(text)))
        seen.add(path.resolve())
        return list(_required(text, path, seen))
    except OSError as error:
        raise ConfigurationError(f"Can't read {path}: {error.strerror or error}") from error
    except (ValueError, InvalidRequirement) as error:
        raise ConfigurationError(
            f"Can't use {path}: {error}", hint="Expected uv.lock, pylock.toml, or requirements with NAME==VERSION."
        ) from error


def _locked(found: Mapping[str, Any]) -> Iterator[PinnedPackage]:
    """Yield the public packages of a uv.lock (``package``) or pylock.toml (``packages``) that come from an index."""
    packages = found.get("package", found.get("packages"))
    if not isinstance(packages, list):
        raise ValueError("it lists no packages")  # noqa: TRY004 - one kind of error for one file
    passed_on = f"{PREFIX}/"  # packages of such a lock file that have no file below it are private
    files_of = [[*each.get("wheels", []), *([each["sdist"]] if "sdist" in each else [])] for each in packages]
    locked_here = any(passed_on in str(file.get("url", "")) for files in files_of for file in files)
    for package, files in zip(packages, files_of, strict=True):
        if locked_here and not any(passed_on in str(file.get("url", "")) for file in files):
            continue
        digests = frozenset(digest for file in files if (digest := _digest(file)))
        if "version" in package and digests and "registry" in package.get("source", {"registry": ""}):
            yield PinnedPackage(canonicalize_name(package["name"]), package["version"], digests)


def _digest(file: Mapping[str, Any]) -> str:
    if "hashes" in file:
        return str(file["hashes"].get("sha256", ""))
    kind, _, digest = str(file.get("hash", "")).partition(":")
    return digest if kind == "sha256" else ""


def _required(text: str, path: Path, seen: set[Path]) -> Iterator[PinnedPackage]:
    for line in text.replace("\\\n", " ").splitlines():
        plain = re.sub(r"(^|\s)#.*", "", line).strip()
        if included := _INCLUDED.fullmatch(plain):
            named = path.parent / included[1]
            if named.resolve() not in seen:
                yield from _read(named, seen)
            continue
        if not plain or plain.startswith("-"):
            continue
        requirement = Requirement(plain.partition(" --")[0])
        pins = [each for each in requirement.specifier if each.operator in {"==", "==="} and "*" not in each.version]
        if not pins:
            raise ValueError(f"{requirement} has no exact version")
        digests = frozenset(digest.lower() for digest in _HASH.findall(plain))
        yield PinnedPackage(canonicalize_name(requirement.name), pins[0].version, digests)
