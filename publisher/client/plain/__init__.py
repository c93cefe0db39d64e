"""Requests to one origin with the standard library alone: importing `requests` takes longer than most answers do."""
