"""Containers as Modal runs them: its own entry point in a process, and a front door that makes requests its inputs."""

import asyncio
import json
import os
import pickle
import random
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import grpclib.server
from aiohttp import web
from google.protobuf.empty_pb2 import Empty
from modal._serialization import _deserialize_asgi, _serialize_asgi
from modal_proto import api_pb2

from tests.helpers.secret_search import SEARCH
from tests.modal.api import LoopbackModal, Workspace, listen, new_api
from tests.modal.volumes import Mount, Volume

IMAGE = Path(sys.executable).parents[1] / "image"
HOP_BY_HOP = {"transfer-encoding", "connection", "keep-alive"}
TOKEN = "made-up-admin-token"
_Result = TypeVar("_Result")


def build_image(deployed: Workspace, folder: Path) -> Path:
    """Unpack the uploaded files below a folder, run the image's compile command there, and return the home folder."""
    for files in deployed.mounts.values():
        for name, digest in files.items():
            target = folder / name.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(deployed.files[digest])
    for image in deployed.images.values():
        for command in image.dockerfile_commands:
            if command.startswith("RUN python -m compileall "):
                arguments = shlex.split(command.removeprefix("RUN python "))
                arguments[-1] = f"{folder}{arguments[-1]}"
                subprocess.run([IMAGE / "bin" / "python", *arguments], check=True, timeout=60)
    return folder / "root"


class Platform:
    """A deployed app: the home folder of its image, its volumes, and one event loop that serves all containers."""

    def __init__(self, deployed: Workspace, root: Path, folder: Path) -> None:
        self.workspace = deployed
        self.folder = folder
        self.root = root
        self.volumes = {volume: Volume(folder / "volumes" / volume) for volume in deployed.volumes.values()}
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="platform")
        self._thread.start()
        self._containers: list[Container] = []
        self._numbers = count(1)

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine in the platform's event loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def start(self, function: str) -> "Container":
        """Start a container of a function and return it once it takes requests."""
        container = Container(self, function, self.folder / f"container-{next(self._numbers)}")
        self._containers.append(container)
        container.start()
        return container

    def commit_to(self, volume: str, name: str, data: bytes) -> None:
        """Put a file into a volume from outside."""
        target = self.volumes[f"vo-{volume}"].store / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def committed(self, volume: str) -> set[str]:
        """Return the names of the files that are committed to a volume, but for the hidden ones."""
        store = self.volumes[f"vo-{volume}"].store
        names = {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()}
        return {name for name in names if not name.startswith(".pypi-publish")}

    def close(self) -> None:
        for container in self._containers:
            container.kill()
        for container in self._containers:
            self.run(container.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


class Call:
    """One request on its way through a container."""

    def __init__(self, item: api_pb2.FunctionGetInputsItem) -> None:
        self.item = item
        self.incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.outgoing: asyncio.Queue[Any] = asyncio.Queue()
        self.ended = False

    async def put(self, message: Any) -> None:
        """Hand a message to the client, not faster than it reads."""
        while self.outgoing.qsize() > 4 and not self.ended:  # noqa: ASYNC110 - two conditions, and a test
            await asyncio.sleep(0.01)
        self.outgoing.put_nowait(message)


class Container:
    """A process that runs one function, its API, its folders, and its URL."""

    def __init__(self, platform: Platform, function: str, folder: Path) -> None:
        self.platform = platform
        self.function = platform.workspace.functions[function]
        self.folder = folder
        self.url = ""
        self.request_limit = 150.0
        self._inputs: asyncio.Queue[api_pb2.FunctionGetInputsItem] = asyncio.Queue()
        self._calls: dict[str, Call] = {}
        self._numbers = count(1)
        self.mounts: dict[str, Mount] = {
            each.volume_id: platform.volumes[each.volume_id].mount(
                folder / each.mount_path.strip("/").replace("/", "-")
            )
            for each in self.function.volume_mounts
        }
        self.api = self._new_api()
        self._ready = threading.Event()
        self.failure = ""

    def mount(self, volume: str) -> Mount:
        return self.mounts[f"vo-{volume}"]

    def start(self) -> None:
        api_url = self.platform.run(self._serve())
        port = _free_port()
        arguments = self._arguments(port)
        path = self.folder / "arguments"
        path.write_bytes(arguments.SerializeToString())
        places = {each.mount_path: str(self.mounts[each.volume_id].folder) for each in self.function.volume_mounts}
        places.setdefault("/data/packages", str(self.folder / "unused"))
        environment = {
            "MODAL_IS_REMOTE": "1",
            "MODAL_TASK_ID": arguments.task_id,
            "MODAL_SERVER_URL": api_url,
            "MODAL_CONTAINER_ARGUMENTS_PATH": str(path),
            "MODAL_CONFIG_PATH": os.devnull,
            "AUTH_TOKEN": TOKEN,
            "CONTAINER_PLACES": json.dumps({**places, "port": port}),
            "PYTHONPATH": str(self.platform.root),
            "TMPDIR": str(self.folder / "tmp"),
            "PATH": os.environ["PATH"],
            **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},  # of another secret
            **_image_variables(self.platform.workspace, self.function.image_id),
        }
        (self.folder / "tmp").mkdir()
        self.log = self.folder / "log"
        SEARCH.note_log(self.log)
        SEARCH.note(TOKEN, "AUTH_TOKEN")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [IMAGE / "bin" / "python", Path(__file__).with_name("container_main.py")],
                env=environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        for mount in self.mounts.values():
            mount.pid = self.process.pid
        deadline = time.monotonic() + 30
        while not self._ready.wait(0.05):
            if self.process.poll() is not None or self.failure or time.monotonic() > deadline:
                raise RuntimeError(f"the container did not start: {self.failure}\n{self.log.read_text()}")

    def interrupt(self) -> None:
        """Send what Modal sends before it takes a container away."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    async def close(self) -> None:
        await self._front.cleanup()
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self) -> str:
        self._server = grpclib.server.Server([self.api])
        port = await listen(self._server)
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._front = web.AppRunner(app, access_log=None)
        await self._front.setup()
        site = web.TCPSite(self._front, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._front.addresses[0][1]}/"
        return f"http://127.0.0.1:{port}"

    def _new_api(self) -> LoopbackModal:
        api = new_api()
        api.workspace = self.platform.workspace
        api.answers |= {
            "ContainerHello": lambda _: Empty(),
            "ContainerHeartbeat": lambda _: api_pb2.ContainerHeartbeatResponse(),
            "FunctionGetDynamicConcurrency": lambda _: api_pb2.FunctionGetDynamicConcurrencyResponse(concurrency=200),
            "FunctionGetInputs": self._get_inputs,
            "FunctionCallGetDataIn": self._data_in,
            "FunctionCallPutDataOut": self._data_out,
            "FunctionPutOutputs": self._put_outputs,
            "TaskResult": self._task_result,
            "VolumeCommit": self._commit,
            "VolumeReload": self._reload,
        }
        return api

    def _arguments(self, port: int) -> api_pb2.ContainerArguments:
        function = api_pb2.Function()
        function.CopyFrom(self.function)
        if function.webhook_config.web_server_port:
            function.webhook_config.web_server_port = port
        return api_pb2.ContainerArguments(
            task_id=f"ta-{self.folder.name}",
            function_id=self.platform.workspace.function_ids[function.function_name],
            app_id="ap-1",
            function_def=function,
            app_layout=self.platform.workspace.layout(),
            environment_name="main",
        )

    async def _commit(self, ask: Any) -> Any:
        await asyncio.to_thread(self.mounts[ask.volume_id].commit)
        return api_pb2.VolumeCommitResponse()

    async def _reload(self, ask: Any) -> Any:
        await asyncio.to_thread(self.mounts[ask.volume_id].reload)
        return Empty()

    async def _get_inputs(self, _: Any) -> Any:
        self._ready.set()
        try:
            item = await asyncio.wait_for(self._inputs.get(), 5)
        except TimeoutError:
            return api_pb2.FunctionGetInputsResponse()
        return api_pb2.FunctionGetInputsResponse(inputs=[item])

    async def _data_in(self, ask: Any) -> AsyncIterator[Any]:
        call = self._calls.get(ask.function_call_id)
        if call is None:  # the client went away before the container looked
            return
        queue = call.incoming
        for index in count(1):
            message = await queue.get()
            if message is None:
                return
            data = _serialize_asgi(message).SerializeToString()
            yield api_pb2.DataChunk(data_format=api_pb2.DATA_FORMAT_ASGI, data=data, index=index)

    async def _data_out(self, ask: Any) -> Any:
        call = self._calls.get(ask.function_call_id)
        for chunk in ask.data_chunks:
            if call is not None and chunk.data_format == api_pb2.DATA_FORMAT_ASGI:
                await call.put(_deserialize_asgi(api_pb2.Asgi.FromString(chunk.data)))
        return Empty()

    def _put_outputs(self, ask: Any) -> Any:
        for output in ask.outputs:
            call = next((each for each in self._calls.values() if each.item.input_id == output.input_id), None)
            if call is not None:
                call.outgoing.put_nowait(output.result)
        return Empty()

    def _task_result(self, ask: Any) -> Any:
        self.failure = f"{ask.result.exception}\n{ask.result.traceback}"
        return Empty()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """Make a request an input of the container, and its output the response."""
        number = next(self._numbers)
        headers = [
            (name.lower().encode(), value.encode())
            for name, value in request.headers.items()
            if name.lower() not in HOP_BY_HOP
        ]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": request.method,
            "scheme": "https",
            "path": request.path,
            "query_string": request.query_string.encode(),
            "headers": [*headers, (b"x-forwarded-proto", b"http")],
            "client": ("192.0.2.1", 12345),
        }
        item = api_pb2.FunctionGetInputsItem(input_id=f"in-{number}", function_call_id=f"fc-{number}")
        item.input.args = pickle.dumps(((scope,), {}))
        item.input.data_format = api_pb2.DATA_FORMAT_PICKLE
        call = self._calls[item.function_call_id] = Call(item)
        self._inputs.put_nowait(item)
        feeding = asyncio.create_task(_feed(request, call))
        try:
            return await self._respond(request, call)
        finally:
            feeding.cancel()
            call.ended = True
            call.incoming.put_nowait({"type": "http.disconnect"})
            call.incoming.put_nowait(None)
            del self._calls[item.function_call_id]

    async def _respond(self, request: web.Request, call: Call) -> web.StreamResponse:
        try:
            start = await asyncio.wait_for(self._next(call), self.request_limit)
        except TimeoutError:
            result = f"/?__modal_function_call_id={call.item.function_call_id}"
            return web.Response(status=303, headers={"location": result})
        if not isinstance(start, dict):
            return web.Response(status=500, text="modal-http: internal error: the input failed")
        response = web.StreamResponse(status=start["status"])
        for name, value in start["headers"]:
            if name.decode().lower() not in HOP_BY_HOP:
                response.headers.add(name.decode(), value.decode())
        await response.prepare(request)
        while True:
            message = await self._next(call)
            if not isinstance(message, dict):
                raise ConnectionResetError("the input ended in the middle of its response")
            await response.write(message.get("body", b""))
            if not message.get("more_body", False):
                await response.write_eof()
                return response

    async def _next(self, call: Call) -> Any:
        """Return the next message of a call; None when the container is gone."""
        while True:
            try:
                return await asyncio.wait_for(call.outgoing.get(), 0.2)
            except TimeoutError:
                if self.process.poll() is not None:
                    return None


def _free_port() -> int:
    """Return a free port that no connection of another program is given while the container starts."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as free, suppress(OSError):
            free.bind(("0.0.0.0", port))
            return port


async def _feed(request: web.Request, call: Call) -> None:
    async for chunk in request.content.iter_chunked(2**18):
        call.incoming.put_nowait({"type": "http.request", "body": chunk, "more_body": True})
    call.incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})


def _image_variables(workspace: Workspace, image_id: str) -> dict[str, str]:
    """Return what the layers of an image set as environment."""
    image = workspace.images[image_id]
    found: dict[str, str] = {}
    for base in image.base_images:
        found |= _image_variables(workspace, base.image_id)
    for command in image.dockerfile_commands:
        if command.startswith("ENV "):
            name, _, value = command.removeprefix("ENV ").partition("=")
            found[name] = value.strip("'")
    return found
