"""An index with trusted publishing, a job of GitHub's or GitLab's that publishes to it, and TLS in front for uv."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.helpers.index import ADMIN_TOKEN, RunningIndex
from tests.helpers.issuer import REPOSITORY, Issuer
from tests.helpers.tool import Result, pypi_publish


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def trusting_index(folder: Path, public_url: str | None = None, *options: str) -> Iterator[RunningIndex]:
    """Run an index that knows its URL, with one account."""
    port = free_port()
    url = public_url or f"http://127.0.0.1:{port}/"
    index = RunningIndex.start(folder, "--port", str(port), "--public-url", url, *options)
    index.add_user("ada", "correct horse")
    try:
        yield index
    finally:
        if index.process.poll() is None:
            assert index.stop() == 0


def trust(index: RunningIndex, issuer: Issuer, *options: str, kind: str = "github") -> Result:
    """Register a publisher as an admin does."""
    words = ["trust", "add", kind]
    words += [REPOSITORY] if kind != "oidc" else []
    words += ["--workflow", "publish.yml"] if kind == "github" else []
    words += ["--issuer", issuer.url, "--index-url", index.url, *options]
    done = pypi_publish(*words, env={"PYPI_PUBLISH_ADMIN_TOKEN": ADMIN_TOKEN})
    assert done.code == 0, done.stderr
    return done


def github_job(issuer: Issuer) -> dict[str, str]:
    """Return the variables of a job with ``id-token: write``."""
    return {
        "GITHUB_ACTIONS": "true",
        "CI": "true",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_REPOSITORY_ID": "1001",
        "GITHUB_REPOSITORY_OWNER_ID": "42",
        "GITHUB_WORKFLOW_REF": f"{REPOSITORY}/.github/workflows/publish.yml@refs/tags/v1.0",
        **issuer.runner_variables,
    }


def secrets_of(index: RunningIndex, issuer: Issuer) -> list[str]:
    """Return the secrets that no log may contain: ID tokens, the runner's secret, and signing keys."""
    keys = json.loads((index.folder / "trust" / "keys.json").read_text())["keys"]
    return [*issuer.issued, issuer.runner_secret, *(key["secret"] for key in keys)]


@dataclass(frozen=True)
class Tls:
    """An address that speaks TLS, and the file with the authority that its clients have to trust."""

    url: str
    authority: Path

    @property
    def variables(self) -> Mapping[str, str]:
        """The variables by which tools trust the authority."""
        return {"SSL_CERT_FILE": str(self.authority), "REQUESTS_CA_BUNDLE": str(self.authority)}


@contextmanager
def tls_in_front(folder: Path, port: int, behind: int) -> Iterator[Tls]:
    """Speak TLS on a port of this machine, and forward the data to another one."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    listener = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=_accept, args=(listener, context, behind), daemon=True).start()
    try:
        yield Tls(f"https://localhost:{port}/", folder / "authority.pem")
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _accept(listener: socket.socket, context: ssl.SSLContext, behind: int) -> None:
    with suppress(OSError):
        while True:
            plain, _ = listener.accept()
            threading.Thread(target=_pass_on, args=(plain, context, behind), daemon=True).start()


def _pass_on(plain: socket.socket, context: ssl.SSLContext, behind: int) -> None:
    with (
        suppress(OSError),
        context.wrap_socket(plain, server_side=True) as client,
        socket.create_connection(("127.0.0.1", behind)) as server,
    ):
        back = threading.Thread(target=_copy, args=(server, client), daemon=True)
        back.start()
        _copy(client, server)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
