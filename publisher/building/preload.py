"""Modules that hooks of build backends import, remembered to import them once for all hooks."""

import hashlib
import json
import sys
from collections.abc import Collection

from publisher.files.cache import FileCache, open_cache

_STANDARD = sys.stdlib_module_names - {"distutils"}  # setuptools has its own
_LIMIT = 200
"""Number of requirement sets to remember."""


class HookImports:
    """
    The modules by the environment's requirements and the backend's module.

    Importing a module needlessly costs a moment; missing modules are skipped.
    """

    def __init__(self) -> None:
        self._cache: FileCache = open_cache("imports", _LIMIT)
        self._known: dict[str, list[str]] = {}
        self._new: set[str] = set()

    def recall(self, requirements: Collection[str], backend: str) -> list[str]:
        """Return the modules to import beforehand, at least the backend's."""
        key = _key(requirements, backend)
        if key not in self._known:
            self._known[key] = _parse(self._cache.read(key)) or [backend]
        return self._known[key]

    def recall_standard(self, requirements: Collection[str], backend: str) -> list[str]:
        """Return those of the modules that no installed package can replace, to import while packages are installed."""
        return [name for name in self.recall(requirements, backend) if name.partition(".")[0] in _STANDARD]

    def learn(self, requirements: Collection[str], backend: str, modules: Collection[str]) -> None:
        """Record modules that hooks imported."""
        key = _key(requirements, backend)
        known = self.recall(requirements, backend)
        self._known[key] = list(dict.fromkeys([*known, *modules]))
        if len(self._known[key]) > len(known):
            self._new.add(key)

    def keep(self) -> None:
        """Save new modules for later runs."""
        for key in self._new:
            self._cache.write(key, json.dumps(self._known[key]).encode())
        self._new.clear()
        self._cache.trim()


def _key(requirements: Collection[str], backend: str) -> str:
    what = [sys.implementation.cache_tag, backend, *sorted(requirements)]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def _parse(content: bytes | None) -> list[str]:
    try:
        match json.loads(content or b"[]"):
            case [*names] if all(isinstance(name, str) for name in names):
                return names
    except ValueError:
        pass
    return []
