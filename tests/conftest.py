"""Fixtures of all tests: a home of its own for each, one index and one object store for each process."""

import gc
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import keyring.core
import pytest

from tests.helpers.index import RunningIndex, running_index
from tests.helpers.object_store import ObjectStore, running_store
from tests.helpers.preloaded import Preloaded
from tests.helpers.projects import ABSENT_INDEX
from tests.helpers.secret_search import (  # noqa: F401 - fixtures of every test
    _secrets_are_known,
    _secrets_stay_secret,
)

ROOT = Path(__file__).parents[1]
USER, PASSWORD = "ada", "p:ä ß✓"
WHEELS = Path(sys.executable).parents[1] / "wheels"


@pytest.fixture(scope="session", autouse=True)
def _preloaded() -> Iterator[None]:
    """Let the tests of this process start indexes and commands faster."""
    if sys.platform != "linux":
        yield
        return
    with closing(Preloaded()) as Preloaded.current:
        yield
    Preloaded.current = None


@pytest.fixture(scope="session")
def uv_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache of uv that many tests may share, because unpacking the same wheels is most of some tests' time."""
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture(scope="session")
def _folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield new folders, a few in each; pytest reads a folder of thousands for each new one in it."""
    base = tmp_path_factory.mktemp("tests")
    return (base / str(number // 100) / str(number % 100) for number in count())


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, _folders: Iterator[Path]) -> Path:
    """Return an empty folder of the test's own."""
    folder = next(_folders) / re.sub(r"\W", "_", request.node.name)[:30]
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch, _folders: Iterator[Path], uv_cache: Path) -> None:
    """Give every test a home of its own, and keep the person's settings, keyring and network out of it."""
    for name in os.environ:
        if name.startswith(
            ("PYPI_PUBLISH_", "PIP_", "UV_INDEX", "TWINE_", "GITHUB_", "AUTH_TOKEN", "SOURCE_DATE_EPOCH", "PYTHONDONT")
        ):
            monkeypatch.delenv(name)
    home = next(_folders) / "home"
    home.mkdir(parents=True)
    settings = {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(WHEELS),
        "UV_DEFAULT_INDEX": ABSENT_INDEX,
        "UV_FIND_LINKS": str(WHEELS),
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(uv_cache),
        "COLUMNS": "100",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """Run one object store for all tests of this process; each test takes a prefix of its own."""
    with running_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def object_store(shared_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """Return a running object store, named and with credentials in the environment."""
    for name, value in shared_store.environment.items():
        monkeypatch.setenv(name, value)
    return shared_store


@pytest.fixture(scope="session")
def shared_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    """Run one index for all tests of this process; each test takes project names of its own."""
    with running_index(tmp_path_factory.mktemp("index"), USER, PASSWORD) as index:
        yield index


@pytest.fixture
def index(shared_index: RunningIndex, monkeypatch: pytest.MonkeyPatch) -> RunningIndex:
    """Return a running index, named and with credentials in the environment."""
    monkeypatch.setenv("PYPI_PUBLISH_INDEX_URL", shared_index.url)
    monkeypatch.setenv("PYPI_PUBLISH_USERNAME", USER)
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", PASSWORD)
    return shared_index


@pytest.fixture
def keyring_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Choose a keyring backend that keeps its entries in a file of the test, for commands and for this process."""
    before = keyring.get_keyring()
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "publisher.machine.demo_keyring.DemoKeyring")
    monkeypatch.setenv("PYPI_PUBLISH_DEMO_KEYRING", str(tmp_path / "keyring.json"))
    for name in ("PYPI_PUBLISH_USERNAME", "PYPI_PUBLISH_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    keyring.core.init_backend()
    yield tmp_path / "keyring.json"
    keyring.set_keyring(before)


@pytest.fixture
def keyring_chain(monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Let keyring choose for itself, as on a person's machine: its chain, with a plain file in the test's home.

    Return that file.
    """
    if sys.platform in {"darwin", "win32"}:
        pytest.skip("keyring would take the person's own keychain")
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    for name in ("PYPI_PUBLISH_USERNAME", "PYPI_PUBLISH_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return Path(os.environ["XDG_DATA_HOME"]) / "python_keyring/keyring_pass.cfg"


def pytest_collection_finish() -> None:
    """Exempt the collected tests from garbage collection, because all of them stay until the end."""
    gc.collect()
    gc.freeze()


def pytest_configure() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in a shell's background job; what tests start inherits it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not any(WHEELS.glob("hatchling-*.whl")):
        raise pytest.UsageError(
            f"{WHEELS} lacks the build backends that tests build with: run the tests with `make test`"
        )
