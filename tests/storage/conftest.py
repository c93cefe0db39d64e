from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.storage.worlds import Bucket, Containers, Folder, World

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=[Folder, Containers, Bucket], ids=["folder", "volume", "bucket"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    if request.param is Bucket:
        request.getfixturevalue("object_store")
    made: World = request.param(tmp_path)
    return made


@pytest.fixture
def containers(tmp_path: Path) -> Containers:
    return Containers(tmp_path)
