"""Failures of the operating system, with a cause and a remedy."""

import errno
import os

from publisher.errors import PublishError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class SystemFailureError(PublishError):
    """The operating system refused something that no other failure is about."""

    title = "The system failed"


def explain_system_failure(error: OSError) -> SystemFailureError:
    """Return the failure that names cause and remedy of an error of the operating system."""
    if _is_folder_gone():
        return SystemFailureError("The current folder no longer exists.", hint="Change to another one: `cd`.")
    place = f"{error.filename}: " if error.filename else ""
    reason = error.strerror or str(error)
    if "temporary directory" in str(error):
        return SystemFailureError(
            "No writable folder for temporary files.",
            hint="Free space in /tmp, or name another folder in TMPDIR.",
        )
    if error.errno in _FULL:
        return SystemFailureError(f"{place}{reason}.", hint="Free space on the disk, then run the same command again.")
    if error.errno in _FORBIDDEN:
        return SystemFailureError(f"{place}{reason}.", hint="Check the owner and the permissions of this file.")
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return SystemFailureError(f"{reason}.", hint="Raise the limit (`ulimit -n 4096`), or lower --jobs.")
    return SystemFailureError(f"{place}{reason}.", hint="Run it again with -vv for a traceback.")


def _is_folder_gone() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - starts without pathlib
    except FileNotFoundError:
        return True
    return False
