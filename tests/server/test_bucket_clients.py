"""pip, uv and twine with three processes on one bucket, behind nginx."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.helpers.bucket_index import new_index, serving_bucket
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.object_store import ObjectStore
from tests.helpers.round_robin import behind_nginx
from tests.server.conftest import PASSWORD, USER

BIN = Path(sys.executable).parent


@pytest.fixture
def url(object_store: ObjectStore, tmp_path: Path) -> Iterator[str]:  # noqa: ARG001 - which the index needs
    bucket, _ = new_index(USER, PASSWORD)
    with ExitStack() as stack:
        indexes = [stack.enter_context(serving_bucket(tmp_path / str(number), bucket)) for number in range(3)]
        yield stack.enter_context(behind_nginx(tmp_path / "nginx", [index.url for index in indexes]))


def _run(*command: str | Path) -> None:
    environment = {**os.environ, "PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "UV_DEFAULT_INDEX": "", "UV_FIND_LINKS": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _publish(url: str, wheel: Path, tool: str) -> None:
    if tool == "twine":
        _run(BIN / "twine", "upload", "--repository-url", url, "-u", USER, "-p", PASSWORD, wheel)
    else:
        _run(BIN / "uv", "publish", "--publish-url", url, "--username", USER, "--password", PASSWORD, wheel)


def _installed(url: str, name: str, tool: str, target: Path) -> list[str]:
    """Install a project, and return the names and versions that are in the target then."""
    index = url.replace("://", f"://{USER}:{PASSWORD.replace(' ', '%20')}@") + "simple/"
    pip: list[str | Path] = [BIN / "python", "-m", "pip"] if tool == "pip" else [BIN / "uv", "pip"]
    cache = "--no-cache-dir" if tool == "pip" else "--no-cache"
    _run(*pip, "install", "-q", cache, "--no-deps", "--index-url", index, "--target", target, name)
    return sorted(path.name.removesuffix(".dist-info") for path in target.glob("*.dist-info"))


def _all_know_after(seconds: float, change: Callable[[], object], looks_new: Callable[[], bool]) -> None:
    """
    Make a change, and require that every request knows it that begins so long after its acknowledgement.

    Each process is asked just before, so that its copy is as new as an old one can be. A request's begin is what
    counts, so that a slow machine can't make a process look slow, or an old answer right.
    """
    assert not any(looks_new() for _ in range(3))
    change()
    acknowledged, known = time.monotonic(), 0
    while known < 12:  # four for each process
        began = time.monotonic()
        is_new = looks_new()
        if began - acknowledged > seconds:
            assert is_new, f"{began - acknowledged:.3f} s after the change"
            known += 1


@pytest.mark.wide
def test_tools_publish_and_install_with_whichever_process_answers(url: str, tmp_path: Path) -> None:
    client = Client(url, (USER, PASSWORD))
    (tmp_path / "dist").mkdir()
    large = {"data": os.urandom(2_000_000)}
    for number, (publisher, installer) in enumerate([("twine", "pip"), ("uv", "uv"), ("twine", "uv"), ("uv", "pip")]):
        name = f"project{number}"
        _publish(url, make_wheel(tmp_path / "dist", name, members=large if number % 2 else None), publisher)
        assert _installed(url, name, installer, tmp_path / name) == [f"{name}-1.0"]  # a new project, at once
    newer = make_wheel(tmp_path / "dist", "project0", "2.0")
    _all_know_after(2, lambda: client.upload(newer), lambda: newer.name in client.filenames("project0"))
    assert _installed(url, "project0", "pip", tmp_path / "newer") == ["project0-2.0"]
    _all_know_after(
        2,
        lambda: client.request("PUT", "projects/project0/2.0/yanked", json={"reason": "broken"}).raise_for_status(),
        lambda: client.page("project0")["files"][-1]["yanked"] == "broken",
    )
    assert _installed(url, "project0", "uv", tmp_path / "older") == ["project0-1.0"]


@pytest.mark.wide
def test_a_revoked_token_is_refused_by_every_process_within_five_seconds(url: str) -> None:
    client = Client(url, (USER, PASSWORD))
    answer = client.request("POST", "-/tokens", json={"name": "ci", "rights": ["read"], "projects": ["*"]})
    assert answer.status_code == 201, answer.text
    bearer = Client(url, ("__token__", answer.json()["token"]))
    assert {bearer.get("simple/").status_code for _ in range(6)} == {200}
    _all_know_after(
        5,
        lambda: client.request("DELETE", "-/tokens/ci").raise_for_status(),
        lambda: bearer.get("simple/").status_code == 401,
    )
