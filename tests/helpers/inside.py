"""An index that is served by a thread of the test's own process, for settings that no option offers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from passlib.apache import HtpasswdFile

from publisher.limits import Limits
from publisher.server.app import IndexApp, create_app
from publisher.server.run import listen, serving_server
from publisher.server.settings import ServerSettings


@contextmanager
def serving(
    folder: Path, settings: dict[str, Any] | None = None, **limits: Any
) -> Iterator[tuple[tuple[str, int], Path]]:
    """Serve ``folder/packages`` with an account, and yield the address and the root."""
    with serving_app(folder, settings, **limits) as (url, _):
        parts = urlsplit(url)
        yield (str(parts.hostname), int(parts.port or 0)), folder / "packages"


@contextmanager
def serving_app(folder: Path, settings: dict[str, Any] | None = None, **limits: Any) -> Iterator[tuple[str, IndexApp]]:
    """Serve ``folder/packages`` with an account, and yield the URL and the application."""
    root, htpasswd = folder / "packages", folder / "htpasswd"
    root.mkdir()
    users = HtpasswdFile(default_scheme="apr_md5_crypt")
    users.set_password("ada", "correct horse")
    users.save(str(htpasswd))
    listener = listen("127.0.0.1", 0)
    chosen = {"roots": (root,), **(settings or {})}
    app = create_app(ServerSettings(htpasswd=htpasswd, limits=Limits(**limits), **chosen), "none")
    ready = threading.Event()
    server = serving_server(app, "", ready.set)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        assert ready.wait(30)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", app
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
