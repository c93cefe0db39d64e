"""Trusted publishing over HTTP."""
