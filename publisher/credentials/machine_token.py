"""The token of this machine, which `login --token` saves instead of a password."""

import secrets
import socket

from publisher.client.access import AccessClient
from publisher.client.http import BasicAuth
from publisher.client.url import IndexUrl
from publisher.secret import Credentials, Secret

_RIGHTS = ["read", "publish"]
"""Rights of the token: enough for everyday use; creating and managing projects needs the password."""


def machine_token(url: IndexUrl, proven: Credentials) -> Credentials:
    """Create a token that is named after this machine, and return it as credentials."""
    host = "".join(each for each in socket.gethostname()[:40] if each.isascii() and each.isalnum()) or "machine"
    body = {"name": f"login-{host}-{secrets.token_hex(3)}", "rights": _RIGHTS, "projects": ["*"]}
    index = AccessClient(url, BasicAuth(proven.username, proven.password))
    try:
        found = index.ask("POST", "-/tokens", body)
    finally:
        index.close()
    return Credentials("__token__", Secret(str(found["token"])), source="the login")
