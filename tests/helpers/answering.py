"""An HTTP server with the answers of a test, for indexes that fail and servers that are not indexes."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def of_json(found: object, status: int = 200) -> Answer:
    """Return an answer in JSON."""
    return Answer(status, json.dumps(found).encode(), {"Content-Type": "application/json"})


def of_text(status: int, text: str = "no", **headers: str) -> Answer:
    """Return an answer in plain text."""
    return Answer(status, text.encode(), {"Content-Type": "text/plain", **headers})


@contextmanager
def answering(answer: Callable[[Request], Answer | None], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve on a free port and yield the URL; where there is no answer, the connection is closed."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = answer(Request(self.command, self.path, dict(self.headers), body))
            if found is None:
                self.close_connection = True
                return
            self.send_response_only(found.status)
            for name, value in {"Content-Length": str(len(found.body)), **found.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(found.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - the names that http.server calls

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *arguments: object) -> None:
            """Log nothing: tests make clients close connections."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
