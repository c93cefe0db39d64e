"""The tools that install from an index or publish to it, and their configuration files."""
