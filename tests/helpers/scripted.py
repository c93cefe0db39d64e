"""An index without a network: the files that it has, and its answers to uploads, one after the other."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import requests

from publisher.client.client import IndexClient
from publisher.client.models import RemoteFile
from publisher.client.url import parse_index_url
from publisher.credentials.chain import Prompt, Target
from publisher.errors import PublishError
from publisher.project.distributions import Distribution
from publisher.publish.events import Observer
from publisher.publish.prefetch import IndexPrefetch
from publisher.secret import Credentials, Secret

URL = parse_index_url("https://acme.example/")
CREDENTIALS = Credentials("ada", Secret("correct horse"), "a test")
TARGET = Target(URL, "ada", Secret("correct horse"))


def answer(status: int = 200, text: str = "", **headers: str) -> requests.Response:
    """Return an answer as the session returns it."""
    response = requests.Response()
    response.status_code, response.reason, response.url = status, "Reason", URL.root
    response._content = text.encode()
    response.headers.update({"Content-Type": "text/plain; charset=utf-8"})
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


def remote(distribution: Distribution, *, same: bool = True, uploaded: datetime | None = None) -> RemoteFile:
    """Return the index's file of a distribution's name, with its contents or with others."""
    digest = hashlib.sha256(distribution.path.read_bytes()).hexdigest() if same else "0" * 64
    return RemoteFile(
        distribution.filename, f"{URL.root}packages/{distribution.filename}", {"sha256": digest}, uploaded=uploaded
    )


class ScriptedIndex(IndexClient):
    """Has the given files; each upload gets the next of the given answers, and the last one again."""

    def __init__(
        self,
        answers: Sequence[requests.Response | PublishError] = (),
        files: Iterable[RemoteFile] = (),
        *,
        credentials: Credentials | None = CREDENTIALS,
        passes_on: bool = False,
    ) -> None:
        self.url = URL
        self.credentials = credentials
        self.listed = {file.filename: file for file in files}
        self.list_failure: PublishError | None = None
        self.posted: list[bytes] = []
        self.asked: list[str] = []
        self.aborts = 0
        self.closes = 0
        self._answers = list(answers)
        self._passes_on = passes_on

    def post(self, form: Iterable[bytes | memoryview], content_type: str) -> requests.Response:
        assert content_type.startswith("multipart/form-data; boundary=")
        self.posted.append(b"".join(map(bytes, form)))
        found = self._answers[min(len(self.posted), len(self._answers)) - 1]
        if isinstance(found, PublishError):
            raise found
        return found

    def files(self, project: str) -> dict[str, RemoteFile]:
        self.asked.append(project)
        if self.list_failure is not None:
            raise self.list_failure
        return dict(self.listed)

    def passes_on(self) -> bool:
        self.asked.append("whoami")
        return self._passes_on

    def abort(self) -> None:
        self.aborts += 1

    def close(self) -> None:
        self.closes += 1


class ScriptedPrefetch(IndexPrefetch):
    """Has read a scripted index already, as it was at that moment."""

    def __init__(self, index: ScriptedIndex, files: Mapping[str, RemoteFile] | None = None) -> None:
        self.index = index
        self.prompts: list[Prompt | None] = []
        self.expects_upload = False
        self._known = dict(index.listed) if files is None else dict(files)

    def connect(self, prompt: Prompt | None) -> IndexClient:
        self.prompts.append(prompt)
        return self.index

    def files(self, project: str) -> Mapping[str, RemoteFile]:
        return {name: file for name, file in self._known.items() if name.startswith(project.replace("-", "_"))}

    def expect_upload(self) -> None:
        self.expects_upload = True

    def close(self) -> None:
        self.index.close()


@dataclass
class Steps(Observer):
    """Keeps the steps of uploads as words."""

    steps: list[str] = field(default_factory=list)

    def connected(self, url: object, credentials: Credentials) -> None:
        self.steps.append(f"connected to {url} as {credentials.username}")

    def sent(self, filename: str) -> None:
        self.steps.append(f"sent {filename}")

    def retrying(self, filename: str, reason: str, pause: float) -> None:
        assert pause >= 0
        self.steps.append(f"retrying {filename}: {reason}")

    def warned(self, message: str) -> None:
        self.steps.append(f"warned: {message}")
