"""Checks that the extras which a command needs are installed, with the line that installs them."""

from importlib.util import find_spec

from publisher.errors import ConfigurationError
from publisher.project.install_lines import own_requirement


def require_server() -> None:
    """Raise ConfigurationError without the extra ``[server]``."""
    if find_spec("uvicorn") is None or find_spec("pypiserver") is None:
        raise ConfigurationError("The index is not installed.", hint=f"uv tool install {own_requirement('server')}")


def require_obstore() -> None:
    """Raise ConfigurationError without the extra ``[bucket]``."""
    if find_spec("obstore") is None:
        hint = f"uv tool install {own_requirement('server,bucket')}"
        raise ConfigurationError("The library for buckets is not installed.", hint=hint)
