"""The peers that pass public packages on: nginx with a cache, proxpi, and devpi, each over the fake public index."""

import base64
import json
import os
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.public_index import Corpus, free_port, wait_for


@contextmanager
def _running(command: list[str], port: int, env: dict[str, str] | None = None) -> Iterator[int]:
    process = subprocess.Popen(
        command, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def nginx(folder: Path, upstream: str, _: Corpus) -> Iterator[tuple[str, int]]:
    """Run nginx with a cache, and the links rewritten to itself."""
    port = free_port()
    folder.mkdir()
    (folder / "nginx.conf").write_text(f"""
        daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; user root;
        events {{ worker_connections 512; }}
        http {{
            access_log off; sendfile on; keepalive_requests 1000000000;
            client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
            uwsgi_temp_path {folder}; scgi_temp_path {folder};
            proxy_cache_path {folder}/cache keys_zone=all:10m max_size=10g inactive=7d use_temp_path=off;
            upstream public {{ server {urlsplit(upstream).netloc}; keepalive 32; }}
            server {{
                listen 127.0.0.1:{port} reuseport;
                proxy_cache all; proxy_cache_valid 200 10m; proxy_cache_lock on; proxy_http_version 1.1;
                proxy_set_header Connection ""; proxy_set_header Accept-Encoding ""; proxy_cache_key "$uri$http_accept";
                location / {{ proxy_pass http://public; }}
                location /simple/ {{
                    proxy_pass http://public; sub_filter_once off; sub_filter_types *;
                    sub_filter '{upstream}' 'http://127.0.0.1:{port}';
                }}
            }}
        }}
    """)
    with _running(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], port) as pid:
        yield f"http://127.0.0.1:{port}/", pid


def proxpi(venv: Path) -> Callable[..., Any]:
    @contextmanager
    def run(folder: Path, upstream: str, _: Corpus) -> Iterator[tuple[str, int]]:
        port = free_port()
        folder.mkdir()
        env = {
            "PROXPI_INDEX_URL": f"{upstream}/simple/",
            "PROXPI_CACHE_DIR": str(folder),
            "PROXPI_CACHE_SIZE": "10000000000",
        }
        command = [
            str(venv / "bin/gunicorn"),
            "--preload",
            "--threads",
            "12",
            "-b",
            f"127.0.0.1:{port}",
            "proxpi.server:app",
        ]
        with _running(command, port, env) as pid:
            yield f"http://127.0.0.1:{port}/index/", pid

    return run


def devpi(venv: Path) -> Callable[..., Any]:
    @contextmanager
    def run(folder: Path, upstream: str, _: Corpus) -> Iterator[tuple[str, int]]:
        port = free_port()
        subprocess.run(
            [venv / "bin/devpi-init", "--serverdir", folder],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        command = [str(venv / "bin/devpi-server"), "--serverdir", str(folder), "--port", str(port)]
        with _running(command, port, {"PIP_INDEX_URL": f"{upstream}/simple/"}) as pid:
            _create_mirror(f"http://127.0.0.1:{port}", f"{upstream}/simple/")
            yield f"http://127.0.0.1:{port}/root/public/+simple/", pid

    return run


def _create_mirror(url: str, upstream: str) -> None:
    def ask(method: str, path: str, values: dict[str, Any], headers: dict[str, str]) -> Any:
        request = urllib.request.Request(
            url + path, json.dumps(values).encode(), {"Content-Type": "application/json", **headers}, method=method
        )
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    token = ask("POST", "/+login", {"user": "root", "password": ""}, {})["result"]["password"]
    auth = {"X-Devpi-Auth": base64.b64encode(f"root:{token}".encode()).decode()}
    values = {"type": "mirror", "mirror_url": upstream, "mirror_web_url_fmt": "", "volatile": True}
    ask("PUT", "/root/public", values, auth)
