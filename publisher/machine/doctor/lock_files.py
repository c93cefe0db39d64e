"""The check that the folder's lock files install from the index."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from publisher.client.url import IndexUrl
from publisher.machine.diagnosis import Area, Diagnosis, Reporter
from publisher.machine.doctor.credentials import Accepted

_TOOLS = Reporter(Area.TOOLS)
_INDEX_OPTION = re.compile(r"^\s*(?:-i|--index-url|--extra-index-url)[ =]\s*(\S+)", re.MULTILINE)


def check_lock_files(folder: Path, url: IndexUrl, accepted: Accepted | None) -> Iterator[Diagnosis]:
    """
    Yield the lock files that name other hosts, where the index passes on all that they need from its cache.

    Installers take such files straight from there, whatever index they are set up for.
    """
    if accepted is None or accepted.account.cooldown is None:
        return
    for name, (urls_in, remedy) in _FORMATS.items():
        for path in sorted(folder.glob(name)):
            try:
                elsewhere = Counter(host for link in urls_in(path) if (host := _host(link)) not in {"", url.host})
            except (OSError, ValueError, TypeError, AttributeError, KeyError):
                continue  # its own tool reports the error
            if elsewhere:
                hosts = ", ".join(sorted(elsewhere))
                yield _TOOLS.warning(
                    "lock-file",
                    f"{path.name} names {hosts} {elsewhere.total():,} times: these files bypass this index, its "
                    "cache and its cooldown.",
                    remedy,
                )


def _host(link: str) -> str:
    try:
        return (urlsplit(link).hostname or "").lower()
    except ValueError:
        return ""


def _locked_by_uv(path: Path) -> Iterator[str]:
    for package in _packages(path, "package"):
        if "registry" in package.get("source", {}):
            yield from _urls_of(package)


def _pylock(path: Path) -> Iterator[str]:
    for package in _packages(path, "packages"):
        yield from _urls_of(package)


def _locked_by_pdm(path: Path) -> Iterator[str]:
    """Yield the URLs of files, which `pdm lock --static-urls` writes."""
    for package in _packages(path, "package"):
        yield from (str(file["url"]) for file in package.get("files", []) if "url" in file)


def _locked_by_poetry(path: Path) -> Iterator[str]:
    """Yield the indexes of packages that have one of their own; the others come from the project's sources."""
    for package in _packages(path, "package"):
        source = package.get("source", {})
        if source.get("type") == "legacy":
            yield str(source.get("url", ""))


def _locked_by_pipenv(path: Path) -> Iterator[str]:
    yield from (str(source["url"]) for source in json.loads(path.read_text("utf-8"))["_meta"]["sources"])


def _requirements(path: Path) -> Iterator[str]:
    yield from _INDEX_OPTION.findall(path.read_text("utf-8"))


def _packages(path: Path, key: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = tomllib.loads(path.read_text("utf-8")).get(key, [])
    return found


def _urls_of(package: Mapping[str, Any]) -> Iterator[str]:
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    yield from (str(file["url"]) for file in files if "url" in file)


_FORMATS: Mapping[str, tuple[Callable[[Path], Iterator[str]], str]] = {
    "uv.lock": (_locked_by_uv, "Run `pypi-publish config uv --scope project --write` and then `uv lock --refresh`."),
    "pylock*.toml": (_pylock, "Set the tool up for this index (`pypi-publish config --all --write`), and lock again."),
    "pdm.lock": (_locked_by_pdm, "Run `pypi-publish config pdm --write` and then `pdm lock --refresh`."),
    "poetry.lock": (_locked_by_poetry, "Run `pypi-publish config poetry --write` and then `poetry lock`."),
    "Pipfile.lock": (_locked_by_pipenv, "Put this index's URL into the Pipfile's [[source]], and run `pipenv lock`."),
    "requirements*.txt": (_requirements, "Remove the line: `pypi-publish config pip --write` names the index."),
}
