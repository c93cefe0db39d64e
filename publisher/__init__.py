"""Publish Python packages to a private index, and run that index."""

try:
    from publisher._version import __version__
except ImportError:  # a checkout that was neither built nor installed
    __version__ = "0.0"

__all__ = ["__version__"]
