"""A Modal API on loopback: what `modal deploy` and containers ask for is recorded, and answered briefly."""

import asyncio
import hashlib
import socket
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpclib.server
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from grpclib import GRPCError, Status
from modal_proto import api_grpc, api_pb2

Answer = Callable[[Any], Any]


@dataclass
class Workspace:
    """Contents of one made-up workspace, by the ids that the API gave."""

    secrets: set[str] = field(default_factory=lambda: {"pypi-auth-token"})
    app_ids: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, str] = field(default_factory=dict)
    dicts: dict[str, dict[bytes, bytes]] = field(default_factory=lambda: defaultdict(dict))
    images: dict[str, api_pb2.Image] = field(default_factory=dict)
    mounts: dict[str, dict[str, str]] = field(default_factory=dict)
    """The digest of each uploaded file by its path in the container."""
    files: dict[str, bytes] = field(default_factory=dict)
    functions: dict[str, api_pb2.Function] = field(default_factory=dict)
    function_ids: dict[str, str] = field(default_factory=dict)
    url: str = ""
    """The URL of every function; a made-up one for each where it is empty."""

    def web_url(self, function: str) -> str:
        return self.url or f"https://acme--pypiserver-{function.replace('_', '-')}.modal.run"

    def layout(self) -> api_pb2.AppLayout:
        """Return the app's objects as a container sees them."""
        layout = api_pb2.AppLayout()
        for name, function_id in self.function_ids.items():
            layout.function_ids[name] = function_id
            handle = api_pb2.FunctionHandleMetadata(function_name=name, web_url=self.web_url(name))
            layout.objects.add(object_id=function_id, function_handle_metadata=handle)
        for volume_id in self.volumes.values():
            layout.objects.add(object_id=volume_id, volume_metadata=api_pb2.VolumeMetadata())
        for object_id in [*(f"st-{name}" for name in self.secrets), *self.dicts, *self.mounts, *self.images]:
            layout.objects.add(object_id=object_id)
        return layout


class LoopbackModal(api_grpc.ModalClientBase):
    """Answers calls by the method of the call's name; those that have none are refused, and all are recorded."""

    def __init__(self) -> None:
        self.workspace = Workspace()
        self.calls: list[tuple[str, Any]] = []
        self.answers: dict[str, Answer] = {
            "AppGetByDeploymentName": lambda ask: api_pb2.AppGetByDeploymentNameResponse(
                app_id=self.workspace.app_ids.get(ask.name, "")
            ),
            "AppGetLayout": lambda _: api_pb2.AppGetLayoutResponse(app_layout=self.workspace.layout()),
            "AppCreate": lambda _: api_pb2.AppCreateResponse(app_id=f"ap-{len(self.workspace.app_ids) + 1}"),
            "EnvironmentGetOrCreate": _environment,
            "AppHeartbeat": lambda _: Empty(),
            "AppClientDisconnect": lambda _: Empty(),
            "FunctionPrecreate": self._function_precreate,
            "FunctionCreate": self._function_create,
            "VolumeGetOrCreate": self._volume,
            "SecretGetOrCreate": self._secret,
            "DictGetOrCreate": self._dict,
            "DictUpdate": self._dict_update,
            "DictGet": self._dict_get,
            "DictPop": self._dict_pop,
            "DictContents": self._dict_contents,
            "ImageGetOrCreate": self._image,
            "MountGetOrCreate": self._mount,
            "MountBatchedCheckExistence": lambda ask: api_pb2.MountBatchedCheckExistenceResponse(
                missing_sha256_hex_hashes=[each for each in ask.sha256_hex_hashes if each not in self.workspace.files]
            ),
            "MountPutFile": self._put_file,
            "AppPublish": self._publish,
            "FunctionGet": self._function_get,
        }

    def asked(self, name: str) -> list[Any]:
        """Return all recorded requests of a kind."""
        return [message for call, message in self.calls if call == name]

    def _function_precreate(self, ask: Any) -> Message:
        name = ask.function_name
        known = self.workspace.function_ids.get(name)
        assert ask.existing_function_id in {"", known}
        function_id = self.workspace.function_ids.setdefault(name, f"fu-{name}")
        handle = api_pb2.FunctionHandleMetadata(function_name=name, web_url=self.workspace.web_url(name))
        return api_pb2.FunctionPrecreateResponse(function_id=function_id, handle_metadata=handle)

    def _function_create(self, ask: Any) -> Message:
        self.workspace.functions[ask.function.function_name] = ask.function
        name = ask.function.function_name
        handle = api_pb2.FunctionHandleMetadata(function_name=name, web_url=self.workspace.web_url(name))
        answer = api_pb2.FunctionCreateResponse(
            function_id=ask.existing_function_id, handle_metadata=handle, function=ask.function
        )
        answer.function_data.ranked_functions.add(function=ask.function)
        return answer

    def _function_get(self, ask: Any) -> Message:
        assert ask.app_name in self.workspace.app_ids
        handle = api_pb2.FunctionHandleMetadata(
            function_name=ask.object_tag, web_url=self.workspace.web_url(ask.object_tag)
        )
        answer = api_pb2.FunctionGetResponse(
            function_id=self.workspace.function_ids[ask.object_tag], handle_metadata=handle
        )
        answer.function.ranked_functions.add(function=self.workspace.functions[ask.object_tag])
        return answer

    def _volume(self, ask: Any) -> Message:
        if ask.deployment_name not in self.workspace.volumes and not _is_created(ask):
            raise GRPCError(Status.NOT_FOUND, f"Volume '{ask.deployment_name}' not found in environment 'main'")
        volume_id = self.workspace.volumes.setdefault(ask.deployment_name, f"vo-{ask.deployment_name}")
        return api_pb2.VolumeGetOrCreateResponse(volume_id=volume_id)

    def _secret(self, ask: Any) -> Message:
        if ask.deployment_name not in self.workspace.secrets:
            raise GRPCError(Status.NOT_FOUND, f"Secret '{ask.deployment_name}' not found in environment 'main'")
        return api_pb2.SecretGetOrCreateResponse(secret_id=f"st-{ask.deployment_name}")

    def _dict(self, ask: Any) -> Message:
        if f"di-{ask.deployment_name}" not in self.workspace.dicts and not _is_created(ask):
            raise GRPCError(Status.NOT_FOUND, f"Dict '{ask.deployment_name}' not found in environment 'main'")
        self.workspace.dicts[f"di-{ask.deployment_name}"]
        return api_pb2.DictGetOrCreateResponse(dict_id=f"di-{ask.deployment_name}")

    def _dict_update(self, ask: Any) -> Message:
        entries = self.workspace.dicts[ask.dict_id]
        if ask.if_not_exists and any(update.key in entries for update in ask.updates):
            return api_pb2.DictUpdateResponse(created=False)
        entries.update({update.key: update.value for update in ask.updates})
        return api_pb2.DictUpdateResponse(created=True)

    def _dict_get(self, ask: Any) -> Message:
        value = self.workspace.dicts[ask.dict_id].get(ask.key)
        return api_pb2.DictGetResponse(found=value is not None, value=value)

    def _dict_pop(self, ask: Any) -> Message:
        value = self.workspace.dicts[ask.dict_id].pop(ask.key, None)
        return api_pb2.DictPopResponse(found=value is not None, value=value)

    async def _dict_contents(self, ask: Any) -> AsyncIterator[Message]:
        for key, value in list(self.workspace.dicts[ask.dict_id].items()):
            yield api_pb2.DictEntry(key=key, value=value)

    def _image(self, ask: Any) -> Message:
        image_id = f"im-{hashlib.sha256(ask.image.SerializeToString(deterministic=True)).hexdigest()[:12]}"
        self.workspace.images[image_id] = ask.image
        answer = api_pb2.ImageGetOrCreateResponse(image_id=image_id)
        answer.result.status = api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
        return answer

    def _mount(self, ask: Any) -> Message:
        if ask.deployment_name:
            return api_pb2.MountGetOrCreateResponse(mount_id=f"mo-{ask.deployment_name}")
        files = {each.filename: each.sha256_hex for each in ask.files}
        mount_id = f"mo-{hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:12]}"
        self.workspace.mounts[mount_id] = files
        return api_pb2.MountGetOrCreateResponse(mount_id=mount_id)

    def _put_file(self, ask: Any) -> Message:
        if ask.data or ask.sha256_hex == hashlib.sha256().hexdigest():
            assert hashlib.sha256(ask.data).hexdigest() == ask.sha256_hex
            self.workspace.files[ask.sha256_hex] = ask.data
        return api_pb2.MountPutFileResponse(exists=ask.sha256_hex in self.workspace.files)

    def _publish(self, ask: Any) -> Message:
        self.workspace.app_ids[ask.name] = ask.app_id
        return api_pb2.AppPublishResponse(url="https://modal.com/apps/acme/main/deployed/pypiserver", deployed_at=1.0)


def _environment(_: Any) -> Message:
    answer = api_pb2.EnvironmentGetOrCreateResponse(environment_id="en-1")
    answer.metadata.name = "main"
    answer.metadata.settings.image_builder_version = "2025.06"
    return answer


def _handler(name: str, *, streams: bool) -> Any:
    async def handle(self: LoopbackModal, stream: Any) -> None:
        message = await stream.recv_message()
        self.calls.append((name, message))
        answer = self.answers.get(name)
        if answer is None:
            raise GRPCError(Status.UNIMPLEMENTED, f"{name} is not answered here")
        if streams:
            pieces: AsyncIterator[Any] = answer(message)
            async for piece in pieces:
                await stream.send_message(piece)
            return
        found = answer(message)
        await stream.send_message(await found if asyncio.iscoroutine(found) else found)

    return handle


_SERVICE = api_pb2.DESCRIPTOR.services_by_name["ModalClient"]
_CONCRETE: Any = type(
    "ConcreteLoopbackModal",
    (LoopbackModal,),
    {
        method.name: _handler(method.name, streams=method.server_streaming)
        for method in _SERVICE.methods
        if method.name in api_grpc.ModalClientBase.__abstractmethods__
    },
)


@contextmanager
def running(api: LoopbackModal) -> Iterator[str]:
    """Serve an API in a thread and give its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="loopback-modal")
    thread.start()

    async def start() -> tuple[grpclib.server.Server, int]:
        server = grpclib.server.Server([api])
        return server, await listen(server)

    async def stop(server: grpclib.server.Server) -> None:
        server.close()
        await server.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        server, port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        yield f"http://127.0.0.1:{port}"
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def listen(server: grpclib.server.Server) -> int:
    """Start a server on a free port and return the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    await server.start(sock=listener)
    port: int = listener.getsockname()[1]
    return port


def new_api() -> LoopbackModal:
    """Return an API of an empty workspace that has the secret."""
    api: LoopbackModal = _CONCRETE()
    return api


def _is_created(ask: Any) -> bool:
    """Return whether an object that is asked for is to be made where there is none."""
    return bool(ask.object_creation_type == api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING)
