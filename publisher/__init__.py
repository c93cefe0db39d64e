"""Publish Python packages to a private index, and run that index."""

__version__ = "0.1.0"
