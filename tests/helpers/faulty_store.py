"""A way to an object store on which requests are refused, or their answers lost, as a test orders."""

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

ERRORS = {
    "SlowDown": (503, "Please reduce your request rate."),
    "ServiceUnavailable": (503, "Service is unavailable."),
    "InternalError": (500, "We encountered an internal error."),
    "RequestTimeTooSkewed": (403, "The difference between the request time and the current time is too large."),
    "InvalidAccessKeyId": (403, "The access key does not exist."),
}

_TIME = re.compile(rb"<LastModified>([^<]+)</LastModified>")


class FaultyStore:
    """Hands requests on as they are, since they are signed; the orders are for the requests that come next."""

    def __init__(self, behind: str) -> None:
        self.behind = urlsplit(behind).netloc
        self.refuse: list[str] = []
        """The codes of errors that requests get in place of an answer."""
        self.lose = 0
        """How many requests are done whose answers get lost."""
        self.refuse_path = ""
        """Part of a path that makes a request fail; empty for none."""
        self.asked: list[str] = []
        """The methods and paths of all requests."""
        self.refused: list[str] = []
        """The paths of requests that got an error."""
        self.ahead = 0.0
        """Seconds by which the store's clock is ahead of ours."""
        self.cut = False
        """Whether every connection breaks."""
        self.url = ""


class _Handler(BaseHTTPRequestHandler):
    """Answers for a way to a store, which a subclass names."""

    protocol_version = "HTTP/1.1"
    store: FaultyStore

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.store.asked.append(f"{self.command} {self.path}")
        if self.store.cut:
            self.close_connection = True
        elif self.store.refuse_path and self.store.refuse_path in self.path:
            self._refuse("InvalidAccessKeyId")
        elif self.store.refuse:
            self._refuse(self.store.refuse.pop(0))
        else:
            self._hand_on(body)

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815 - the library's names

    def _hand_on(self, body: bytes) -> None:
        with closing(http.client.HTTPConnection(self.store.behind, timeout=30)) as connection:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            data = answer.read()
        if self.store.lose > 0:
            self.store.lose -= 1
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() in {"date", "last-modified"}:
                self.send_header(name, self._on_its_clock(value))
            elif name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        data = _TIME.sub(self._time_on_its_clock, data)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        if length is not None:
            self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(data)

    def _on_its_clock(self, text: str) -> str:
        return formatdate(parsedate_to_datetime(text).timestamp() + self.store.ahead, usegmt=True)

    def _time_on_its_clock(self, found: re.Match[bytes]) -> bytes:
        time = datetime.fromisoformat(found[1].decode()) + timedelta(seconds=self.store.ahead)
        return f"<LastModified>{time.isoformat()}</LastModified>".encode()

    def _refuse(self, code: str) -> None:
        status, text = ERRORS[code]
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{text}</Message></Error>".encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.store.refused.append(self.path)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    """Ignores clients that go away, as aborted uploads do."""

    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def faulty_way(behind: str) -> Iterator[FaultyStore]:
    """Serve a way to the store at a URL."""
    store = FaultyStore(behind)
    handler = type("Handler", (_Handler,), {"store": store})
    server = _Server(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    store.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
