"""Runs Modal's own container entry point, with what a machine without Modal's mounts and network interface lacks."""

import json
import os
import runpy
from pathlib import Path

import pypi_deploy
from modal._runtime import asgi

places = json.loads(os.environ["CONTAINER_PLACES"])
pypi_deploy.PACKAGES = Path(places["/data/packages"])
pypi_deploy.CREDENTIALS = Path(places["/credentials"])
pypi_deploy.PORT = places["port"]
asgi.get_ip_address = lambda ifname: "127.0.0.1"  # noqa: ARG005 - Modal's signature

runpy.run_module("modal._container_entrypoint", run_name="__main__", alter_sys=True)
