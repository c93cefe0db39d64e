"""Snapshots of a large catalog."""
