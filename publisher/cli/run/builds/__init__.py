"""Builds: their options, and their start before the rest of the program is loaded."""
