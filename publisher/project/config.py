"""The validated ``[tool.pypi-publish]`` table of a project."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from publisher.errors import ConfigurationError
from publisher.project.pyproject import FILENAME, read_pyproject

TABLE = "tool.pypi-publish"


class ProjectConfig(NamedTuple):
    """The keys of ``[tool.pypi-publish]``; None where the table does not have the key."""

    index_url: str | None = None
    username: str | None = None
    require_tag: bool | None = None
    skip_existing: bool | None = None
    tag_prefix: str | None = None
    trusted_publishing: str | None = None
    packages: tuple[str, ...] | None = None
    """Of a workspace's root only; projects never combine theirs."""
    check: Mapping[str, Any] | None = None
    """Rules that `check` skips; each project has its own."""


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_text(each) for each in value)


def _mode(value: Any) -> bool:
    return value in {"auto", "always", "never"}


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _switches(value: Any) -> bool:
    return isinstance(value, dict) and set(value) <= {"ignore"} and isinstance(value.get("ignore", {}), dict)


_KEYS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "index-url": (_text, "a string"),
    "username": (_text, "a string"),
    "require-tag": (_flag, "true or false"),
    "skip-existing": (_flag, "true or false"),
    "tag-prefix": (_text, "a string"),
    "trusted-publishing": (_mode, "auto, always or never"),
    "packages": (_texts, "a list of folders and patterns"),
    "check": (_switches, "a table with `ignore`, a table of codes and reasons"),
}


def read_project_config(project: Path) -> ProjectConfig:
    """
    Return the configuration in a project's pyproject.toml; an empty one without file or table.

    Raises ConfigurationError when the file can't be read or is not valid TOML, when the table has an unknown key or a
    value of the wrong type, and when it contains a password.
    """
    path = project / FILENAME
    table = read_pyproject(project).get("tool", {})
    table = table.get("pypi-publish", {}) if isinstance(table, dict) else {}
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: [{TABLE}] must be a table.", path=path)
    for key, value in table.items():
        _check_key(path, key, value)
    values: dict[str, Any] = {key.replace("-", "_"): value for key, value in table.items()}
    if "packages" in values:
        values["packages"] = tuple(values["packages"])
    return ProjectConfig(**values)


def _check_key(path: Path, key: str, value: Any) -> None:
    if key == "password":
        raise ConfigurationError(
            f"{path}: [{TABLE}] contains a password, which everyone with access to the repository can read.",
            hint="Remove it, change it on the index, and use `pypi-publish login` or PYPI_PUBLISH_PASSWORD.",
            path=path,
        )
    if key not in _KEYS:
        from difflib import get_close_matches  # noqa: PLC0415 - only for mistakes

        close = get_close_matches(key, _KEYS, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"The keys are {', '.join(_KEYS)}."
        raise ConfigurationError(f"{path}: [{TABLE}] has the unknown key {key!r}.", hint=hint, path=path)
    proven, words = _KEYS[key]
    if not proven(value):
        raise ConfigurationError(f"{path}: {key!r} in [{TABLE}] must be {words}, not {value!r}.", path=path)


def combine_configs(projects: Sequence[ProjectConfig], fallback: ProjectConfig) -> ProjectConfig:
    """
    Return the common configuration of projects that one run publishes; ``fallback`` where none has any.

    Raises ConfigurationError when two of them say different things.
    """
    combined: dict[str, Any] = {}
    for name in ProjectConfig._fields:
        if name in {"packages", "check"}:
            continue
        said = {value for project in projects if (value := getattr(project, name)) is not None}
        if len(said) > 1:
            key = name.replace("_", "-")
            values = " and ".join(sorted(map(repr, said)))
            raise ConfigurationError(
                f"The projects disagree about {key!r}: {values}.",
                hint="Publish them separately, or set it on the command line or in the environment.",
            )
        combined[name] = said.pop() if said else getattr(fallback, name)
    return ProjectConfig(**combined)
