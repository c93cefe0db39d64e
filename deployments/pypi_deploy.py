"""
The index on Modal: its image, its volumes, and its two public functions.

`modal deploy deployments/pypi_deploy.py` puts it there. Every setting is an environment variable ``PYPI_DEPLOY_...`` at
that time; docs/reference/modal.md lists them.
"""

# the types of FastAPI, which only the image has, stay text until a container reads them
from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import modal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from publisher.server.routes.accounts import AccountRoutes
    from publisher.server.storage.volume import VolumeStorage

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "publisher"
PACKAGES = Path("/data/packages")
CREDENTIALS = Path("/credentials")
PUBLIC_CACHE = Path("/var/cache/pypi-publish")  # the container's own disk: lost files are fetched again
PORT = 8080
REVISION = "PYPI_INDEX_REVISION"
"""The variable of a container that has the revision."""

COMMIT_TIMEOUT = 60
"""Seconds; Modal ends a web request after 150, and its client would go on trying for much longer."""


@dataclass(frozen=True)
class DeploySettings:
    """An operator's choices; the name of each in capitals after ``PYPI_DEPLOY_`` is its variable."""

    app: str = "pypiserver"
    data_volume: str = "pypiserver-data"
    credentials_volume: str = "pypiserver-credentials"
    secret: str = "pypi-auth-token"  # noqa: S105 - the secret's name
    min_containers: int = 0
    max_containers: int = 1
    scaledown_window: int = 300
    cpu: float = 0.5
    memory: int = 512
    region: str = ""
    domain: str = ""
    fallback_url: str = ""
    upstream: str = ""
    cooldown: str = ""
    reserve: str = ""
    client_uploaders: str = ""
    bucket: str = ""
    bucket_secret: str = ""

    PREFIX = "PYPI_DEPLOY_"

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> DeploySettings:
        """Return the settings of an environment; raise ValueError for one that does not exist or can't be read."""
        kinds: dict[str, tuple[str, Callable[[str], Any]]] = {
            cls.PREFIX + field.name.upper(): (field.name, type(getattr(cls, field.name))) for field in fields(cls)
        }
        chosen: dict[str, Any] = {}
        for variable, text in environment.items():
            if not variable.startswith(cls.PREFIX) or not text:  # an unset variable of a workflow is empty
                continue
            if variable not in kinds:
                raise ValueError(f"{variable} is not a setting of this deployment; these are: {', '.join(kinds)}")
            name, kind = kinds[variable]
            try:
                chosen[name] = kind(text)
            except ValueError:
                raise ValueError(f"{variable} must be a number, not {text!r}") from None
        return cls(**chosen)

    def variables(self) -> dict[str, str]:
        """Return the variables that make `read` choose the same: the container reads this file again."""
        return {self.PREFIX + field.name.upper(): str(getattr(self, field.name)) for field in fields(self)}


def revision(environment: Mapping[str, str]) -> str:
    """Return the first digits of the commit that is deployed: the workflow's, else the checkout's; "" outside git."""
    commit = environment.get(REVISION) or environment.get("GITHUB_SHA", "")
    if not commit:
        command = [shutil.which("git") or "git", "rev-parse", "HEAD"]
        with suppress(OSError):  # git is not installed
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
            commit = done.stdout.strip()
    return commit[:12]


@cache
def imported_sources() -> frozenset[Path]:
    """Return the modules below `SOURCES` that containers import, at once or later; none of them is run for this."""
    from modulefinder import ModuleFinder

    finder = ModuleFinder([str(ROOT)])
    finder.run_script(__file__)
    files = (getattr(module, "__file__", None) for module in finder.modules.values())
    return frozenset(Path(file).relative_to(SOURCES) for file in files if file and Path(file).is_relative_to(SOURCES))


def is_left_out(file: Path) -> bool:
    """Return whether containers don't need a file: they need the modules that they import, and the index's data."""
    if file.suffix == ".py":
        return file not in imported_sources()
    return file.parts[0] != "server" or file.suffix == ".pyc" or any(part.startswith(".") for part in file.parts)


deployment = DeploySettings.read(os.environ)
app = modal.App(deployment.app)
packages_volume = modal.Volume.from_name(deployment.data_volume, create_if_missing=True)
credentials_volume = modal.Volume.from_name(deployment.credentials_volume, create_if_missing=True)
leases = modal.Dict.from_name(f"{deployment.credentials_volume}-leases", create_if_missing=True)
changes = modal.Dict.from_name(f"{deployment.credentials_volume}-changes", create_if_missing=True)
secrets = [modal.Secret.from_name(deployment.secret, required_keys=["AUTH_TOKEN"])]
if deployment.bucket_secret:
    secrets.append(modal.Secret.from_name(deployment.bucket_secret))
image = (
    modal.Image.debian_slim(python_version="3.12")
    .pip_install_from_requirements(str(ROOT / "requirements" / "modal.txt"), extra_options="--require-hashes")
    .add_local_dir(SOURCES, "/root/publisher", ignore=is_left_out, copy=True)
    # otherwise each container would compile them when it starts
    .run_commands("python -m compileall -q --invalidation-mode unchecked-hash /root/publisher")
    .env({**deployment.variables(), REVISION: revision(os.environ)})  # last, so that a change rebuilds no other layer
)

with image.imports():  # type: ignore[no-untyped-call]
    from fastapi import Body, Depends, Request, Response
    from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
    from pydantic import WithJsonSchema


class SharedDict:
    """A modal.Dict as the dictionary that the containers share (`publisher.server.storage.notices.SharedDict`)."""

    async def get(self, key: str) -> Any:
        """Return the value of a key, None without one."""
        return await _dict_of(key).get.aio(key)

    async def put(self, key: str, value: Any) -> None:
        """Set the value of a key."""
        await _dict_of(key).put.aio(key, value)

    async def create(self, key: str, value: Any) -> bool:
        """Set the value of a key that has none; return whether it had none."""
        return await _dict_of(key).put.aio(key, value, skip_if_exists=True)

    async def items(self, prefix: str) -> dict[str, Any]:
        """Return all entries whose keys begin with a prefix."""
        return {key: value async for key, value in _dict_of(prefix).items.aio() if key.startswith(prefix)}


def _dict_of(key: str) -> modal.Dict:
    """Return the dictionary of a key: notices of changes are listed often, and must not lie among the leases."""
    return changes if key.startswith("changes/") else leases


def open_volume(volume: modal.Volume, folder: Path, name: str) -> VolumeStorage:
    """Return a mounted volume as a storage of the index."""
    import asyncio

    from publisher.server.storage.volume import VolumeStorage

    async def commit() -> None:
        """Commit; when only the reload that follows was refused because a file is open, the commit has succeeded."""
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT):
                await volume.commit.aio()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            if "open files" not in str(error):
                raise

    async def reload() -> None:
        await volume.reload.aio()  # type: ignore[no-untyped-call]

    return VolumeStorage(folder, name, commit=commit, reload=reload, entries=SharedDict())


@app.function(
    image=image,
    volumes={str(PACKAGES): packages_volume, str(CREDENTIALS): credentials_volume},
    secrets=secrets,
    min_containers=deployment.min_containers,
    max_containers=deployment.max_containers,
    scaledown_window=deployment.scaledown_window,
    cpu=deployment.cpu,
    memory=deployment.memory,
    region=deployment.region.split(",") if deployment.region else None,
    timeout=600,
)
@modal.concurrent(max_inputs=200, target_inputs=100)
@modal.web_server(PORT, startup_timeout=60, custom_domains=deployment.domain.split(",") if deployment.domain else None)
def server() -> None:
    """Serve the index in this process, which can commit and reload its volumes."""
    from publisher.secret import Secret
    from publisher.server.app import create_app
    from publisher.server.run import listen, serve_in_background
    from publisher.server.settings import ServerSettings
    from publisher.server.upstream.options import UpstreamChoices, upstream_settings

    fallback_url = deployment.fallback_url or None
    choices = UpstreamChoices(deployment.upstream, deployment.cooldown, PUBLIC_CACHE, fallback_url=fallback_url)
    settings = ServerSettings(
        **(in_bucket() if deployment.bucket else on_volumes()),
        admin_token=Secret(os.environ["AUTH_TOKEN"]),
        fallback_url=fallback_url,
        upstream=upstream_settings(choices, os.environ),
        reserved=tuple(pattern.strip() for pattern in deployment.reserve.split(",") if pattern.strip()),
        client_uploaders=tuple(filter(None, map(str.strip, deployment.client_uploaders.split(",")))),
        public_url=public_url(),
        revision=os.environ.get(REVISION, ""),
        scheme="https",
        trusted_proxies=("*",),  # Modal's proxy is the only way in
    )
    serve_in_background(create_app(settings, "json"), listen("0.0.0.0", PORT))  # noqa: S104 - Modal connects to eth0


def on_volumes() -> dict[str, Any]:
    """Return the settings of an index on two volumes."""
    return {
        "roots": (PACKAGES,),
        "htpasswd": CREDENTIALS / ".htpasswd",
        "packages_storage": open_volume(packages_volume, PACKAGES, "packages"),
        "credentials_storage": open_volume(credentials_volume, CREDENTIALS, "credentials"),
    }


def in_bucket() -> dict[str, Any]:
    """Return the settings of an index whose packages and accounts are in a bucket."""
    return {"roots": (), "htpasswd": Path(".htpasswd"), "bucket": deployment.bucket}


def public_url() -> str | None:
    """Return the URL of the index: the first custom domain, else the one that Modal gave the deployment."""
    if deployment.domain:
        return f"https://{deployment.domain.split(',')[0].strip()}/"
    with suppress(modal.exception.Error):  # outside a deployment, a function has no URL
        return server.get_web_url()
    return None


@app.function(
    image=image,
    volumes={str(CREDENTIALS): credentials_volume},
    secrets=secrets,
    region=deployment.region.split(",") if deployment.region else None,
    max_containers=1,
    timeout=150,
)
@modal.concurrent(max_inputs=20)
@modal.fastapi_endpoint(method="POST", docs=True)
async def register_user(
    request: Request,
    account: Annotated[Any, Body(), WithJsonSchema(ACCOUNT_SCHEMA)],
    _token: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> Response:
    """
    Create an account (201), or change its password (200); the answer's `status` is created, changed or unchanged.

    Needs the admin token as `Authorization: Bearer TOKEN`. 422 says which rule the name or password breaks.
    """
    from publisher.server.http.messages import Request as IndexRequest

    async def body() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(account).encode()}

    answer = await _accounts().answer_registration(IndexRequest(request.scope, body))
    return Response(answer.body, answer.status, {name.decode(): value.decode() for name, value in answer.headers})


ACCOUNT_SCHEMA = {
    "type": "object",
    "title": "Account",
    "required": ["username", "password"],
    "properties": {
        "username": {"type": "string", "maxLength": 128},
        "password": {"type": "string", "format": "password", "minLength": 8, "maxLength": 72, "writeOnly": True},
    },
}


@cache
def _accounts() -> AccountRoutes:
    """Return the account API of this container."""
    from publisher.secret import Secret
    from publisher.server.routes.accounts import create_accounts
    from publisher.server.settings import ServerSettings

    settings = ServerSettings(
        roots=(),
        htpasswd=CREDENTIALS / ".htpasswd",
        admin_token=Secret(os.environ["AUTH_TOKEN"]),
    )
    if deployment.bucket:
        from publisher.server.storage.bucket.opening import open_storages_in

        return create_accounts(settings, open_storages_in(deployment.bucket)[1])
    return create_accounts(settings, open_volume(credentials_volume, CREDENTIALS, "credentials"))
