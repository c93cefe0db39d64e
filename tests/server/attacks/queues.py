"""Attacks on queues: a client that fills all places must leave one to the others."""

import base64
from pathlib import Path

from tests.helpers.dists import make_wheel
from tests.server.attacks.attacked import AUTHORIZATION, Attack, Attacked, form, upload_head, upload_request


def idle_uploads(it: Attacked) -> None:
    for _ in range(80):
        it.connect(upload_head(1000) + b"------attack\r\n")


def many_uploads(it: Attacked) -> None:
    """Complete uploads of one account, all at once, none of whose answers is waited for."""
    for number in range(60):
        content = _wheel(it.folder, f"many{number}")
        it.connect(upload_request(form(content, f"many{number}-1.0-py3-none-any.whl")))


def unfinished_calls(it: Attacked) -> None:
    head = b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
    for _ in range(12):
        it.connect(head + AUTHORIZATION + b"\r\n<a>")


def many_calls(it: Attacked) -> None:
    """Many searches at once; each looks at every name."""
    body = b"<methodCall><methodName>search</methodName><params><param><value><string>quiet</string></value></param>"
    body += b"</params></methodCall>"
    head = b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n" % len(body)
    for _ in range(60):
        it.connect(head + AUTHORIZATION + b"\r\n" + body)


def many_lists(it: Attacked) -> None:
    """Lists of all files, which pypiserver makes anew for each request."""
    for _ in range(60):
        it.connect(b"GET /packages/ HTTP/1.1\r\nHost: x\r\n" + AUTHORIZATION + b"\r\n")


def wrong_passwords(it: Attacked) -> None:
    for number in range(60):
        wrong = base64.b64encode(f"ada:wrong {number}".encode())
        it.connect(b"GET /simple/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + wrong + b"\r\n\r\n")


def wrong_users(it: Attacked) -> None:
    """Each guess is for another user, so that none waits in the lane of another."""
    for number in range(40):
        wrong = base64.b64encode(f"nobody{number}:wrong".encode())
        it.connect(b"GET /simple/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + wrong + b"\r\n\r\n")


def wrong_tokens(it: Attacked) -> None:
    for number in range(80):
        it.connect(b"GET /users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong%d\r\n\r\n" % number)


def _wheel(folder: Path, name: str) -> bytes:
    return make_wheel(folder, name).read_bytes()


QUEUES = {
    "idle uploads": Attack(idle_uploads, 2, 250),
    "many uploads at once": Attack(many_uploads, 2, 250),
    "unfinished calls": Attack(unfinished_calls, 2, 60),
    "many calls at once": Attack(many_calls, 2, 60),
    "many lists at once": Attack(many_lists, 2, 60),
    "wrong passwords": Attack(wrong_passwords, 2, 30),
    "passwords of unknown users": Attack(wrong_users, 3, 30),
    "wrong tokens of admins": Attack(wrong_tokens, 1, 20),
}
