"""The entry of a repository's hooks in .pre-commit-config.yaml."""

import re
from collections.abc import Sequence
from typing import Any

import yaml  # noqa: TID251 - the only door to yaml

from publisher.errors import ConfigurationError

FILENAME = ".pre-commit-config.yaml"

STAGES = ("pre-commit", "pre-push")
_STAGES_KEY = "default_install_hook_types"
_STAGES_LINE = f"{_STAGES_KEY}: [{', '.join(STAGES)}]"

_ITEM = re.compile(r"^( *)- +repo:", re.MULTILINE)
_REPOS = re.compile(r"^repos:[ \t]*(#.*)?\r?$", re.MULTILINE)
_TOP_LEVEL = re.compile(r"^[^\s#-]", re.MULTILINE)
_COMMENTS_ABOVE = re.compile(r"(?:^#[^\n]*\n)+\Z", re.MULTILINE)
_ADDRESS = re.compile(r"(?:\w+://)?(?:[^@/]*@)?([^/:]+)[/:](.+?)(?:\.git)?/*")


def add_hooks(text: str | None, repository: str, revision: str, version: str | None, hooks: Sequence[str]) -> str:
    """
    Return a configuration with a repository's hooks, pinned as ``pre-commit autoupdate --freeze`` does it.

    ``pre-commit install`` installs hooks of the stages in `STAGES`, unless the configuration names others. A repository
    that is there already is left alone, and so is everything else, byte for byte.

    Raises ConfigurationError when the text is not such a configuration, or is written in a way that can't be added to.
    """
    if text is None or all(line.strip()[:1] in {"", "#"} for line in text.splitlines()):
        return f"{text or ''}{_STAGES_LINE}\nrepos:\n{_entry('  ', repository, revision, version, hooks)}"
    text = _add_stages(text)
    before = _parse(text)
    if any(isinstance(repo, dict) and _same(repo.get("repo"), repository) for repo in before["repos"]):
        return text
    place = _REPOS.search(text)
    if place is None:
        raise _by_hand("`repos:` is not on a line of its own")
    following = _TOP_LEVEL.search(text, place.end())
    section = _COMMENTS_ABOVE.sub("", text[: following.start()]) if following else text
    end = len(section.rstrip())
    items = _ITEM.findall(text, place.end(), end)
    newline = "\r\n" if "\r\n" in text else "\n"
    entry = _entry(items[-1] if items else "  ", repository, revision, version, hooks).replace("\n", newline)
    after = f"{text[:end]}{newline}{entry}{text[end:].removeprefix(newline)}"
    added = {"repo": repository, "rev": revision, "hooks": [{"id": hook} for hook in hooks]}
    if _parse(after) != {**before, "repos": [*before["repos"], added]}:
        raise _by_hand("its `repos` list is in an unusual format")
    return after


def _add_stages(text: str) -> str:
    """Return a configuration that names the stages of hooks to install, above its `repos` and their comments."""
    before = _parse(text)
    place = _REPOS.search(text)
    if _STAGES_KEY in before or place is None:
        return text
    start = len(_COMMENTS_ABOVE.sub("", text[: place.start()]))
    newline = "\r\n" if "\r\n" in text else "\n"
    after = f"{text[:start]}{_STAGES_LINE}{newline}{text[start:]}"
    if _parse(after) != {**before, _STAGES_KEY: list(STAGES)}:
        raise _by_hand(f"`{_STAGES_KEY}` can't be inserted")
    return after


def _same(url: Any, other: str) -> bool:
    """Return whether two URLs, https or ssh, with .git or without, name the same repository on a host like GitHub."""
    parts = [_ADDRESS.fullmatch(text) for text in (str(url).lower(), other.lower())]
    return url == other or (None not in parts and len({found.groups() for found in parts if found}) == 1)


def _entry(indent: str, repository: str, revision: str, version: str | None, hooks: Sequence[str]) -> str:
    frozen = f"  # frozen: {version}" if version else ""
    lines = [f"- repo: {repository}", f"  rev: {revision}{frozen}", "  hooks:"]
    return "".join(f"{indent}{line}\n" for line in [*lines, *(f"    - id: {hook}" for hook in hooks)])


def _parse(text: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _by_hand(f"it is not valid YAML ({error})") from error
    if not isinstance(document, dict) or not isinstance(document.get("repos"), list):
        raise _by_hand("it has no list of `repos`")
    return document


def _by_hand(reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The hooks can't be added to {FILENAME}: {reason}.", hint="Fix it, or leave the hooks out with --no-hooks."
    )
