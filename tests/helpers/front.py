"""A server in front of an index, which hands requests on or answers all of them with one status."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

KEPT = ("Content-Type", "ETag", "Location", "WWW-Authenticate", "Cache-Control")


class Front:
    """Stands for an index under an address of its own."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.status: int | None = None
        """Response to every request; None passes it on."""
        front = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if front.status is not None:
                    self._answer(front.status, b"", {"WWW-Authenticate": "Basic"} if front.status == 401 else {})
                    return
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                url = front.behind + self.path.lstrip("/")
                response = requests.get(url, headers=headers, allow_redirects=False, timeout=30)
                kept = {name: response.headers[name] for name in KEPT if name in response.headers}
                self._answer(response.status_code, response.content, kept)

            def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response_only(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"


@contextmanager
def in_front_of(index_url: str) -> Iterator[Front]:
    """Serve on a free port, in front of an index."""
    front = Front(index_url)
    thread = threading.Thread(target=front.server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield front
    finally:
        front.server.shutdown()
        thread.join()
        front.server.server_close()
