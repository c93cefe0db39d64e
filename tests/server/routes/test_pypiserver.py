"""pypiserver behind our routes: its private configuration as we extend it, and calls that it does not expect."""

import asyncio
import importlib
from pathlib import Path
from typing import Any

import pytest

from publisher.server.app import create_app
from publisher.server.settings import ServerSettings
from tests.helpers.http import Client


@pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ImportWarning")
def test_pypiservers_private_configuration_takes_our_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configurations: list[Any] = []
    ours = importlib.import_module("publisher.server.routes.legacy.pypiserver")
    make_app = importlib.import_module("pypiserver").app_from_config

    def app_from_config(config: Any) -> Any:
        configurations.append(config)
        return make_app(config)

    monkeypatch.setattr("pypiserver.app_from_config", app_from_config)
    settings = ServerSettings(roots=(tmp_path,), overwrite=True)
    app = create_app(settings)

    async def mount() -> None:
        ours.mount(settings, app._catalog, app._changes, 1)

    asyncio.run(mount())
    (config,) = configurations
    assert isinstance(config.backend, ours.StoreBackend)
    assert config.get_backend("simple-dir") is config.backend
    assert (list(config.roots), list(config.authenticate)) == ([tmp_path], [])
    assert (config.overwrite, config.disable_fallback) == (True, True)


@pytest.mark.parametrize(
    "body",
    [
        b"<methodCall/>",
        b"<methodCall><methodName/></methodCall>",
        b"<methodCall><methodName><b/></methodName></methodCall>",
        b"<methodCall><methodName>search</methodName></methodCall>",
        b"<methodCall><methodName>search</methodName><string/></methodCall>",
        b"<methodCall",
        b"",
    ],
)
def test_an_invalid_call_is_refused(client: Client, body: bytes) -> None:
    assert client.request("POST", "RPC2", data=body).status_code == 400
