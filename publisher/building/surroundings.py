"""Environment variables of build hooks and of the installers that set up their environments."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from publisher.project.child_environment import OWN_SECRETS, without_own_secrets
from publisher.project.git import repository_variables

_TOOLS = ("PIP_", "UV_", "TWINE_", "POETRY_", "PDM_", "HATCH_INDEX_", "FLIT_")
_SECRET_ENDINGS = ("PASSWORD", "TOKEN", "INDEX", "INDEX_URL", "FIND_LINKS", "USERNAME", "AUTH")

_OTHER_PURPOSES = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PIP_DRY_RUN")
"""pip's settings that say where the person's own packages go, not where a build's go."""

_HIDDEN = (*_OTHER_PURPOSES, *OWN_SECRETS)

_environment_lock = threading.RLock()


def hook_variables() -> dict[str, str]:
    """Return the variables of build hooks: without credentials, and without git's pointers to another repository."""
    foreign = repository_variables()
    own = without_own_secrets(os.environ)
    return {name: value for name, value in own.items() if name not in foreign and not _is_secret(name)}


def installer_variables() -> dict[str, str]:
    """Return the variables of uv while it installs build requirements."""
    variables = without_own_secrets(os.environ)
    variables.pop("PYTHONPATH", None)
    if shutil.which("keyring"):
        variables.setdefault("UV_KEYRING_PROVIDER", "subprocess")
    return variables


@contextmanager
def installer_settings() -> Iterator[None]:
    """Hide settings for other purposes, and our secrets, from an installer that is started meanwhile."""
    with _environment_lock:
        hidden = {name: value for name in _HIDDEN if (value := os.environ.pop(name, None)) is not None}
        try:
            yield
        finally:
            os.environ.update(hidden)


def _is_secret(name: str) -> bool:
    name = name.upper()
    return name.startswith(_TOOLS) and name.endswith(_SECRET_ENDINGS)
