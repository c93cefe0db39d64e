"""Answers that need nothing but memory, so that no task is started for them."""
