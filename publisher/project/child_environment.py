"""Environment of the programs that this one starts: none of them gets its secrets."""

from collections.abc import Mapping

OWN_SECRETS = frozenset(
    {
        "AUTH_TOKEN",
        "PYPI_PUBLISH_ADMIN_TOKEN",
        "PYPI_PUBLISH_PASSWORD",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_URL",
    }
)
"""Variables with which a program could publish, or administer an index, in this person's name."""


_BARE = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SYSTEMROOT")


def bare_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that Python needs to start, for a process of ours that works on bytes of strangers."""
    return {name: environment[name] for name in _BARE if name in environment}


def without_own_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the variables of `OWN_SECRETS`, whose names some systems spell in any case."""
    return {name: value for name, value in environment.items() if name.upper() not in OWN_SECRETS}
