"""The import finder that pypiserver's copy of bottle leaves behind: removed, as nothing needs it."""

import sys


def remove_bottle_finder() -> None:
    """
    Remove from ``sys.meta_path`` the finder that importing pypiserver adds, for the extensions of bottle.

    Python 3.11 asks it about every absent module, and warns each time that it has no ``find_spec``.
    """
    for finder in list(sys.meta_path):
        if type(finder).__module__.startswith("pypiserver."):
            sys.meta_path.remove(finder)
