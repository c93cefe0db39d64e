"""pypiserver behind our routes: its private configuration as we extend it, and calls that it does not expect."""

import asyncio
import importlib
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xmlrpc.client import ServerProxy

import pytest

from publisher.server.app import create_app
from publisher.server.settings import ServerSettings
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.server.conftest import PASSWORD, USER, OwnIndex


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
        b"<?xml version='1.0' encoding='unheard-of'?><methodCall/>",
        b"<methodCall><methodName>list_packages</methodName></methodCall>",
        b"<methodCall><methodName>search</methodName><string>a</string>" + b"<a/>" * 100 + b"</methodCall>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><methodCall><methodName>search</methodName><string>&b;</string></methodCall>",
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


def test_a_search_finds_the_newest_versions_of_at_most_a_hundred_projects(own: OwnIndex) -> None:
    index, _ = own.start()
    wheel = make_wheel(index.root, "found_0", "1.9")
    for number in range(120):
        for version in ("1.9", "1.10"):
            (index.root / wheel.name.replace("_0-1.9", f"_{number}-{version}")).write_bytes(wheel.read_bytes())
    make_wheel(index.root, "other")
    server = ServerProxy(index.url.replace("http://", f"http://{USER}:{quote(PASSWORD)}@") + "RPC2")
    with server:
        found: Any = server.search({"name": ["Found_1"], "summary": ["Found_1"]}, "or")
        several: Any = server.search({"name": ["found"]})
    assert {(each["name"], each["version"]) for each in found} >= {("found-1", "1.10"), ("found-119", "1.10")}
    assert {each["name"] for each in found} == {f"found-{n}" for n in range(120) if str(n).startswith("1")}
    assert (len(several), {each["version"] for each in several}) == (100, {"1.10"})
