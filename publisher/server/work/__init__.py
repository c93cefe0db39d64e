"""Bounded work: turns that are shared fairly, and threads for input from strangers."""
