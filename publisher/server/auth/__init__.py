"""Accounts, and the identity behind a request."""
