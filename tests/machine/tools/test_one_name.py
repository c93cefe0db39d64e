"""
A stranger has the name of a private package, and one URL is all that each tool asks: what may go wrong at the index.

Wherever the name was published here, the tool gets the private version or an error, and never the stranger's. Every
cell starts an index and a foreign tool, which takes seconds. What may go wrong is the index: CI asks with pip and uv.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.helpers.cases import main_and_wide
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import ADMIN_TOKEN, RunningIndex
from tests.helpers.tool import Result
from tests.helpers.upstream import FakeUpstream, PublicFile, fake_upstream
from tests.helpers.waiting import eventually
from tests.machine.conftest import CLIENTS, PASSWORD, USER, LogIn, Person
from tests.machine.tools.test_tools import BIN, PIP, PROJECT

PRIVATE, STRANGE = "1.1.0", "99.0.0"
NEEDS = 'dependencies = ["acme-widgets"]'


@dataclass(frozen=True)
class Tool:
    """Commands of one tool: one that resolves and one that installs what was resolved, and where their outcome is."""

    resolve: tuple[str | Path, ...]
    resolved: str
    install: tuple[str | Path, ...]

    def version(self, person: Person, spelling: str = "acme-widgets") -> str:
        """Return the version that the tool finds, empty for an error."""
        (person.machine.folder / self.resolved).unlink(missing_ok=True)
        settings = person.machine.folder / "pyproject.toml"
        settings.write_text(settings.read_text().replace(NEEDS, f'dependencies = ["{spelling}"]'))
        done = person.run(*(str(part).format(spelling=spelling) for part in self.resolve))
        lock = person.machine.folder / self.resolved
        text = lock.read_text() if done.code == 0 else ""
        return "".join(version for version in (PRIVATE, STRANGE) if version in text)


TOOLS = {
    "pip": Tool(
        (*PIP, "install", "--no-cache-dir", "--dry-run", "--quiet", "--report", "report.json", "{spelling}"),
        "report.json",
        (*PIP, "install", "--no-cache-dir", "--target", "there", "--require-hashes", "-r", "requirements.txt"),
    ),
    "uv": Tool(
        (BIN / "uv", "lock", "--no-cache"),
        "uv.lock",
        (BIN / "uv", "sync", "--frozen", "--no-install-project", "--no-cache"),
    ),
    "poetry": Tool(
        (CLIENTS / "poetry", "lock", "--no-cache"),
        "poetry.lock",
        (CLIENTS / "poetry", "sync", "--no-root", "--no-cache"),
    ),
    "pdm": Tool((CLIENTS / "pdm", "lock"), "pdm.lock", (CLIENTS / "pdm", "sync", "--no-self")),
}


class World:
    """The public index, and private ones over one folder."""

    def __init__(self, folder: Path, fake: FakeUpstream, strange: PublicFile, stack: ExitStack) -> None:
        self.folder = folder
        self.fake = fake
        self.strange = strange
        self._stack = stack
        self.own = make_wheel(folder, version=PRIVATE)

    def start(self, name: str = "one", port: str = "0") -> RunningIndex:
        """Start a process with a cache of its own."""
        cache = str(self.folder / f"cache-{name}")
        index = RunningIndex.start(
            self.folder / "index", "--upstream", f"{self.fake.url}simple/", "--upstream-cache", cache, "--port", port
        )
        self._stack.callback(index.kill)
        index.add_user(USER, PASSWORD)
        return index

    def client(self, index: RunningIndex) -> Client:
        return Client(index.url, (USER, PASSWORD))

    def publish(self, index: RunningIndex) -> int:
        return self.client(index).upload(self.own).status_code

    def delete(self, index: RunningIndex) -> None:
        done = self.client(index).request("DELETE", f"projects/acme-widgets/{PRIVATE}")
        assert done.status_code == 200


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeUpstream, PublicFile]]:
    with fake_upstream() as fake:
        yield fake, fake.add(tmp_path_factory.mktemp("public"), "acme_widgets", STRANGE)


@pytest.fixture
def world(public: tuple[FakeUpstream, PublicFile], tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path, *public, stack)


@pytest.fixture(params=main_and_wide(TOOLS, campaign=("poetry", "pdm")))
def tool(request: pytest.FixtureRequest) -> Tool:
    return TOOLS[request.param]


@pytest.fixture
def arrive(log_in: LogIn) -> Callable[[RunningIndex], Person]:
    """Return the function that sets a person up with the one command."""

    def person(index: RunningIndex) -> Person:
        arrived = log_in(index)
        path = os.pathsep.join([str(BIN), str(CLIENTS), "/usr/bin", "/bin"])
        more = {"PATH": path, "PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
        arrived = Person(arrived.machine, {**arrived.environment, **more})
        (arrived.machine.folder / "pyproject.toml").write_text(f"{PROJECT}[tool.poetry]\npackage-mode = false\n")
        arrived.config("--all", "--write")
        return arrived

    return person


Arrive = Callable[[RunningIndex], Person]


def test_the_storage_is_lost_while_it_runs_or_empty_at_the_start(world: World, tool: Tool, arrive: Arrive) -> None:
    index = world.start()
    assert world.publish(index) == 200
    person = arrive(index)
    assert tool.version(person) == PRIVATE
    index.root.rename(index.root.with_name("unmounted"))
    assert eventually(lambda: world.client(index).get("simple/other/").status_code == 503)
    assert tool.version(person) == ""
    assert index.stop() == 0
    index.root.mkdir()  # an empty mount point
    world.start(port=index.url.rpartition(":")[2].rstrip("/"))
    assert tool.version(person) == ""


def test_another_process_published_it_and_deleted_it(world: World, tool: Tool, arrive: Arrive) -> None:
    one, two = world.start("one"), world.start("two")
    person = arrive(two)
    assert world.publish(one) == 200
    assert tool.version(person) == PRIVATE
    world.delete(one)
    assert eventually(lambda: world.client(two).get("simple/acme-widgets/").status_code == 404)
    assert tool.version(person) == ""


def test_another_spelling(world: World, tool: Tool, arrive: Arrive) -> None:
    spelling = "Acme_.Widgets"
    index = world.start()
    assert world.publish(index) == 200
    person = arrive(index)
    assert tool.version(person, spelling) == PRIVATE
    world.delete(index)
    assert tool.version(person, spelling) == ""


def test_the_first_upload_races_the_first_list(world: World, tool: Tool, arrive: Arrive) -> None:
    index = world.start()
    person = arrive(index)
    with ThreadPoolExecutor(2) as threads:
        upload, first = threads.submit(world.publish, index), threads.submit(tool.version, person)
        assert first.result() in {PRIVATE, STRANGE, ""}
    assert upload.result() in {200, 403}
    assert tool.version(person) == (PRIVATE if upload.result() == 200 else STRANGE)


def test_a_lock_file_from_before_the_name_was_taken(world: World, tool: Tool, arrive: Arrive) -> None:
    index = world.start()
    person = arrive(index)
    assert tool.version(person) == STRANGE
    assert world.publish(index) == 403
    admin = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    claimed = Client(index.url, None).request("POST", "-/upstream/claim", json={"name": "acme-widgets"}, headers=admin)
    assert claimed.status_code == 200
    assert world.publish(index) == 200
    pinned = f"acme-widgets=={STRANGE} --hash=sha256:{world.strange.sha256}\n"
    (person.machine.folder / "requirements.txt").write_text(pinned)
    assert person.run(BIN / "uv", "venv", "--quiet", "--clear", ".venv").code == 0
    done: Result = person.run(*tool.install)
    assert done.code != 0, done.everything
    assert not list(person.machine.folder.rglob("acme_widgets-*.dist-info"))
    assert tool.version(person) == PRIVATE
