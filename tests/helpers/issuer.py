"""An OpenID Connect issuer on loopback with keys of its own, which plays GitHub, GitLab and any other one."""

import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.helpers.secret_search import SEARCH

REPOSITORY = "acme/widgets"
SHA = "a" * 40


def _rsa_keys() -> Iterator[Any]:
    """Yield a few keys in turn, each another one than that before: making one takes a tenth of a second."""
    yield from cycle([rsa.generate_private_key(65537, 2048) for _ in range(3)])


_RSA_KEYS = _rsa_keys()


class Issuer:
    """Issues tokens, publishes its keys, and fails in the ways that a test chooses."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"first": next(_RSA_KEYS)}
        self.key_id = "first"
        self.fault = ""
        """`down`, `slow`, `huge` or `redirect`; empty for none."""
        self.asked: list[str] = []
        self.runner_claims: dict[str, Any] = {}
        """The claims of the job whose runner asks ``/runner`` for a token."""
        self.runner_secret = uuid.uuid4().hex
        SEARCH.note(self.runner_secret, "a runner's secret")
        self.issued: list[str] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.answer(self)

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def runner_variables(self) -> dict[str, str]:
        """The variables with which GitHub lets a job with ``id-token: write`` request a token."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/runner?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.runner_secret,
        }

    def add_key(self, key_id: str, *, curve: bool = False) -> None:
        self.keys[key_id] = ec.generate_private_key(ec.SECP256R1()) if curve else next(_RSA_KEYS)
        self.key_id = key_id

    def public_key(self, key_id: str) -> dict[str, Any]:
        key = self.keys[key_id]
        kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
        return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig"}

    def token(self, claims: Mapping[str, Any], audience: Any, *, headers: Mapping[str, Any] | None = None) -> str:
        """Return a signed token; claims that are None are left out."""
        now = int(time.time())
        times = {"iat": now - 1, "nbf": now - 1, "exp": now + 300, "jti": uuid.uuid4().hex}
        every = {"iss": self.url, "aud": audience, **times, **claims}
        kept = {name: value for name, value in every.items() if value is not None}
        key = self.keys[self.key_id]
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        token = jwt.encode(kept, key, algorithm=algorithm, headers={"kid": self.key_id, **(headers or {})})
        self.issued.append(token)
        SEARCH.note(token, "an ID token")
        return token

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        parts = urlsplit(request.path)
        found: Any = {"keys": [self.public_key(key_id) for key_id in self.keys]}
        if parts.path == "/runner":
            if request.headers["Authorization"].lower() != f"bearer {self.runner_secret}":
                send(request, 401, b"{}")
                return
            found = {"value": self.token(self.runner_claims, parse_qs(parts.query)["audience"][0])}
        elif parts.path == "/.well-known/openid-configuration":
            found = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        body = json.dumps(found).encode()
        match self.fault:
            case "down":
                send(request, 503, b"")
            case "slow":
                time.sleep(3)
                send(request, 200, body)
            case "huge":
                send(request, 200, body + b" " * 300_000)
            case "redirect":
                send(request, 302, b"", {"Location": f"{self.url}{request.path}#again"})
            case _:
                send(request, 200, body)


def send(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    try:
        request.send_response_only(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)
    except OSError:
        pass  # the client closed the connection, as some tests intend


def github_claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a job that GitHub runs for a pushed tag."""
    repository = changes.get("repository", REPOSITORY)
    ref = changes.get("ref", "refs/tags/v1.0")
    workflow = f"{repository}/.github/workflows/publish.yml@{ref}"
    return {
        "sub": f"repo:{repository}:ref:{ref}",
        "repository": repository,
        "repository_id": "1001",
        "repository_owner": repository.partition("/")[0],
        "repository_owner_id": "42",
        "ref": ref,
        "sha": SHA,
        "event_name": "push",
        "run_id": "777",
        "workflow_ref": workflow,
        "job_workflow_ref": workflow,
        **changes,
    }


def gitlab_claims(issuer: Issuer, **changes: Any) -> dict[str, Any]:
    """Return the claims of a job that GitLab runs for a pushed tag."""
    path = changes.get("project_path", REPOSITORY)
    ref = changes.get("ref_path", "refs/tags/v1.0")
    return {
        "sub": f"project_path:{path}:ref_type:tag:ref:v1.0",
        "project_path": path,
        "project_id": "2002",
        "namespace_id": "84",
        "ref_path": ref,
        "sha": SHA,
        "pipeline_id": "555",
        "ci_config_ref_uri": f"{urlsplit(issuer.url).netloc}/{path}//.gitlab-ci.yml@{ref}",
        **changes,
    }


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Serve an issuer on a free port."""
    issuer = Issuer()
    thread = threading.Thread(target=issuer.server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield issuer
    finally:
        issuer.server.shutdown()
        thread.join()
        issuer.server.server_close()
