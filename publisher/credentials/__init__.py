"""Credentials: finding, proving, storing and changing them."""
