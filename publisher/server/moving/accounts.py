"""Data of accounts, copied from one store to another: passwords, roles, tokens, publishers, the audit trail."""

from contextlib import suppress

from publisher.server.storage.base import Files, put
from publisher.server.storage.errors import AbsentError

FILES = ("access.toml", "tokens.json", "tokens/revoked", "trust/publishers.json", "trust/keys.json")
"""Keys of files, besides the htpasswd file and the copy of the roles in force that is named after it."""

FOLDERS = ("sessions",)
"""Folders whose files are copied, whatever their names."""

LOGS = ("tokens.used",)
LOG_FOLDERS = ("audit",)


def copy_accounts(source: Files, htpasswd: str, target: Files, target_htpasswd: str) -> int:
    """Copy everything, and return how many files and logs there were; copies of an earlier try are replaced."""
    keys = [(htpasswd, target_htpasswd), (f"{htpasswd}.access", f"{target_htpasswd}.access")]
    keys += [(key, key) for key in FILES]
    keys += [(f"{folder}/{name}",) * 2 for folder in FOLDERS for name in source.list(folder)]
    copied = sum(_copy_file(source, key, target, to) for key, to in keys)
    logs = [*LOGS, *(f"{folder}/{name}" for folder in LOG_FOLDERS for name in _logs(source, folder))]
    return copied + sum(_copy_log(source, log, target) for log in logs)


def copy_folder(source: Files, target: Files, folder: str) -> None:
    """Copy the files below a folder, two levels deep, as the records about public packages lie."""
    for kind in source.list(folder):
        for name in source.list(f"{folder}/{kind}"):
            _copy_file(source, f"{folder}/{kind}/{name}", target, f"{folder}/{kind}/{name}")


def _copy_file(source: Files, key: str, target: Files, to: str) -> bool:
    with suppress(AbsentError):
        put(target, to, source.read(key))
        return True
    return False


def _logs(source: Files, folder: str) -> list[str]:
    return sorted({name.removesuffix("~") for name in source.list(folder)})


def _copy_log(source: Files, log: str, target: Files) -> bool:
    """Add the lines that the target's log lacks, in their order."""
    there = set(target.lines(log))
    missing = [line for line in source.lines(log) if line not in there]
    if missing:
        target.append(log, b"".join(line + b"\n" for line in missing))
    return bool(there or missing)
