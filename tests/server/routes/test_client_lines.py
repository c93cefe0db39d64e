"""The lines on the home page that install the index's own client, typed by a colleague beside a stranger's index."""

import html
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import WHEELS
from tests.helpers.dists import make_wheel, metadata
from tests.helpers.projects import make_project
from tests.helpers.reader import ReaderTerminal
from tests.server.conftest import PASSWORD, USER, OwnIndex

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the lines are for a POSIX shell")
NAME = "pypi_publish"
_INSTALL = {"uv": "uv tool install", "pip": "pip install"}
INSTALLED = {"uv": ".local/bin/pypi-publish", "pip": ".local/share/pypi-publish/bin/pypi-publish"}
REFUSED = {"uv": "401 Unauthorized", "pip": "HTTP error 401"}
MISSING = {"uv": "404 Not Found", "pip": "HTTP error 404"}


def _client(folder: Path, version: str, text: str) -> Path:
    info = f"{NAME}-{version}.dist-info"
    members = {
        "said.py": f"def main():\n    print({text!r})\n".encode(),
        f"{info}/entry_points.txt": b"[console_scripts]\npypi-publish = said:main\n",
    }
    folder.mkdir(exist_ok=True)
    return make_wheel(folder, NAME, version, members=members, metadata_bytes=metadata(NAME, version))


@pytest.fixture
def colleague(tmp_path: Path) -> Iterator[ReaderTerminal]:
    """Return a terminal on a machine where no password is stored and a stranger's client has a higher version."""
    _client(tmp_path / "stranger", "99.0", "the stranger's")
    for name in ("home", "bin", "empty"):
        (tmp_path / name).mkdir()
    for name in ("uv", "pypi-publish"):
        (tmp_path / "bin" / name).symlink_to(Path(sys.executable).parent / name)
    (tmp_path / "bin/python3").symlink_to(os.path.realpath(sys.executable))
    beside = f"{tmp_path / 'stranger'} {WHEELS}"
    environment = {
        "HOME": str(tmp_path / "home"),
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "TERM": "dumb",
        "UV_CACHE_DIR": os.environ["UV_CACHE_DIR"],
        "UV_DEFAULT_INDEX": (tmp_path / "empty").as_uri(),
        "UV_FIND_LINKS": beside.replace(" ", ","),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": beside,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    terminal = ReaderTerminal(tmp_path / "home", environment, USER, PASSWORD)
    yield terminal
    terminal.close()


def _lines(page: str, tool: str) -> list[str]:
    """Return a tool's lines on the home page, but for the login that ends them."""
    blocks = [
        html.unescape(block).splitlines()
        for block in re.findall(r"<pre[^>]*>(?:<code>)?(.*?)(?:</code>)?</pre>", page, re.DOTALL)
    ]
    lines = next(
        block for block in blocks if any(_INSTALL[tool] in line and "pypi-publish @" in line for line in block)
    )
    assert lines[-1].startswith("pypi-publish login --index-url http")
    return lines[:-1]


def test_the_lines_that_publish_publish(own: OwnIndex, colleague: ReaderTerminal, tmp_path: Path) -> None:
    index, client = own.start()
    project = make_project(tmp_path / "home/widgets", "acme-widgets")
    block = re.search(r'aria-label="Publish"><code>(.*?)</code>', client.get("").text, re.DOTALL)
    assert block is not None
    keyring = {
        "PYTHON_KEYRING_BACKEND": "publisher.machine.demo_keyring.DemoKeyring",
        "PYPI_PUBLISH_DEMO_KEYRING": str(tmp_path / "keyring.json"),
    }
    for name, value in keyring.items():
        colleague.run(f"export {name}={value}")
    for line in html.unescape(block[1]).replace("PROJECT_FOLDER", str(project)).splitlines():
        colleague.run(line)
    assert (index.root / "acme_widgets-1.0-py3-none-any.whl").exists()


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_the_lines_install_the_indexs_own_client(
    tool: str, own: OwnIndex, colleague: ReaderTerminal, tmp_path: Path
) -> None:
    _, client = own.start("--client-uploader", USER)
    client.upload(_client(tmp_path, "1.0", "the team's"))
    for line in _lines(client.get("").text, tool):
        colleague.run(line)
    assert colleague.run(f"~/{INSTALLED[tool]}").strip() == "the team's"


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_without_a_password_nothing_is_installed(
    tool: str, own: OwnIndex, colleague: ReaderTerminal, tmp_path: Path
) -> None:
    _, client = own.start("--client-uploader", USER)
    client.upload(_client(tmp_path, "1.0", "the team's"))
    colleague.run("export PIP_NO_INPUT=1")
    *_, install = [line for line in _lines(client.get("").text, tool) if " install" in line]
    if tool == "pip":
        colleague.run(_lines(client.get("").text, tool)[0])
    assert REFUSED[tool] in colleague.run(install, fails=True)
    colleague.run(f"test -e ~/{INSTALLED[tool]}", fails=True)


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_an_index_that_lacks_the_file_is_not_replaced_by_a_strangers(
    tool: str, own: OwnIndex, colleague: ReaderTerminal, tmp_path: Path
) -> None:
    _, client = own.start("--client-uploader", USER)
    client.upload(_client(tmp_path, "1.0", "the team's"))
    *before, install = [line for line in _lines(client.get("").text, tool) if not line.startswith("export ")]
    assert client.request("DELETE", "projects/pypi-publish/1.0").status_code == 200
    for line in before:
        colleague.run(line)
    assert MISSING[tool] in colleague.run(install, fails=True)
    colleague.run(f"test -e ~/{INSTALLED[tool]}", fails=True)
