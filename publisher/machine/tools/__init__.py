"""The tools that install from an index or publish to it, and what their configuration files are told."""
