import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.modal.api import LoopbackModal, new_api, running
from tests.modal.containers import IMAGE, Platform, build_image

ROOT = Path(__file__).parents[2]

Deploy = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def api() -> LoopbackModal:
    return new_api()


@pytest.fixture
def server_url(api: LoopbackModal) -> Iterator[str]:
    with running(api) as url:
        yield url


@pytest.fixture
def deploy(server_url: str, tmp_path: Path) -> Deploy:
    """Return a runner of the real `modal deploy` on the deployment file, with a minimal environment."""

    def run(environment: Mapping[str, str] | None = None, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
        return run_deploy(server_url, tmp_path, environment or {}, cwd)

    return run


def run_deploy(
    url: str, home: Path, environment: Mapping[str, str], cwd: Path = ROOT
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [Path(sys.executable).parent / "modal", "deploy", ROOT / "deployments" / "pypi_deploy.py"],
        env={**client_settings(url, home), **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def client_settings(url: str, home: Path) -> dict[str, str]:
    """Return the environment of Modal's client that asks an API on loopback."""
    return {
        "MODAL_SERVER_URL": url,
        "MODAL_TOKEN_ID": "ak-made-up",
        "MODAL_TOKEN_SECRET": "as-made-up",
        "MODAL_CONFIG_PATH": os.devnull,
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "COLUMNS": "200",
    }


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> LoopbackModal:
    """Return the API after one deploy with nothing but defaults."""
    api = new_api()
    with running(api) as url:
        done = run_deploy(url, tmp_path_factory.mktemp("home"), {})
    assert done.returncode == 0, done.stdout + done.stderr
    return api


@pytest.fixture(scope="session")
def image_root(deployed: LoopbackModal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home folder of the deployed image, which all tests of this process share."""
    if not (IMAGE / ".ready").exists():
        pytest.exit(f"{IMAGE} lacks the packages of the image: run the tests with `make test`.", 2)
    return build_image(deployed.workspace, tmp_path_factory.mktemp("image"))


@pytest.fixture
def platform(deployed: LoopbackModal, image_root: Path, tmp_path: Path) -> Iterator[Platform]:
    platform = Platform(deployed.workspace, image_root, tmp_path)
    yield platform
    platform.close()
