"""Bounded work: turns that are shared fairly, and threads for what strangers send."""
