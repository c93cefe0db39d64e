"""Load balancers before several servers: nginx, and one that hands each new connection to the next server."""

import itertools
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off; client_max_body_size 0; server_tokens off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream indexes {{ {servers} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://indexes; proxy_http_version 1.1; proxy_set_header Host $http_host;
            proxy_request_buffering off; proxy_buffering off;
        }}
    }}
}}
"""


@contextmanager
def behind_nginx(folder: Path, urls: Sequence[str]) -> Iterator[str]:
    """Serve a URL behind which the servers take turns by nginx's round robin; by `round_robin` without nginx."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        with round_robin(urls) as url:
            yield url
        return
    folder.mkdir()
    servers = " ".join(f"server {urlsplit(url).netloc};" for url in urls)
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, servers=servers, port=port))
    with subprocess.Popen([program, "-e", folder / "error.log", "-c", config]) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.01)
    raise AssertionError("nginx did not start")


@contextmanager
def round_robin(urls: Sequence[str]) -> Iterator[str]:
    """Serve a URL behind which the servers take turns."""
    servers = itertools.cycle((str(parts.hostname), int(parts.port or 0)) for parts in map(urlsplit, urls))
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):  # it is closed at the end
            while True:
                client, _ = listener.accept()
                threading.Thread(target=_connect, args=(client, next(servers)), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _connect(client: socket.socket, address: tuple[str, int]) -> None:
    """Pass bytes on in both directions until one side ends."""
    with client, suppress(OSError), socket.create_connection(address) as server:
        back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
        back.start()
        _pass_on(client, server)
        back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
