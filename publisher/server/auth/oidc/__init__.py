"""Trusted publishing: identities that a CI system vouches for, and the short-lived tokens they are exchanged for."""
