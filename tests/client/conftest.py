import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.index import RunningIndex, running_index

USER, PASSWORD = "ada", "p:ä ß✓"


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
def keyring_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Choose a keyring backend that keeps its entries in a file of the test."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "publisher.demo_keyring.DemoKeyring")
    monkeypatch.setenv("PYPI_PUBLISH_DEMO_KEYRING", str(tmp_path / "keyring.json"))
    for name in ("PYPI_PUBLISH_USERNAME", "PYPI_PUBLISH_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "keyring.json"


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
