"""Answers from memory, which are sent without starting a task."""
