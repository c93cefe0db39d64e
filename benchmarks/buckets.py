"""An index in a bucket of a real store, compared with the same index in a folder."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import requests

from benchmarks.tables import row
from publisher.server.moving.buckets import BucketTarget
from publisher.server.moving.copying import copy_index
from publisher.server.moving.folders import FolderPackages
from tests.helpers.bucket_index import serving_bucket
from tests.helpers.http import JSON
from tests.helpers.index import RunningIndex
from tests.helpers.object_store import BUCKET, running_store

Rate = Callable[[str, str, str], float]
InTurn = Callable[..., list[float]]


def compare(work: Path, folder_index: RunningIndex, auth: tuple[str, str], tools: tuple[Rate, InTurn]) -> None:
    """Measure a page, a small file and a large one; the folder has ``small-1.0.tar.gz`` and ``large-1.0.tar.gz``."""
    rate, in_turn = tools
    with _in_bucket(work, folder_index) as bucket:
        for what, path, accept in (
            ("page, JSON", "simple/small/", JSON),
            ("a file of 20 KB", "packages/small-1.0.tar.gz", "*/*"),
        ):
            ours, other = in_turn(
                lambda path=path, accept=accept: rate(bucket.url, path, accept),
                lambda path=path, accept=accept: rate(folder_index.url, path, accept),
            )
            row(f"{what} in a bucket, requests/s, of a folder", ours, other, ">= 0.83")
        ours, other = in_turn(lambda: _download(bucket.url, auth), lambda: _download(folder_index.url, auth))
        row("a file of 100 MB in a bucket (by redirect), MB/s, of a folder", ours, other, ">= 0.2")


def _download(url: str, auth: tuple[str, str]) -> float:
    """Return the megabytes a second of one client that follows redirects."""
    began, size = time.perf_counter(), 0
    with requests.get(f"{url}packages/large-1.0.tar.gz", auth=auth, stream=True, timeout=600) as answer:
        answer.raise_for_status()
        for piece in answer.iter_content(2**20):
            size += len(piece)
    return size / 1e6 / (time.perf_counter() - began)


@contextmanager
def _in_bucket(work: Path, folder_index: RunningIndex) -> Iterator[RunningIndex]:
    """Copy an index to a bucket, and serve it there."""
    with ExitStack() as stack:
        store = stack.enter_context(running_store(work / "store"))
        stack.enter_context(patch.dict(os.environ, store.environment))
        url = f"s3://{BUCKET}/benchmark"
        source = FolderPackages(folder_index.root, folder_index.htpasswd)
        copy_index(source, BucketTarget(url), lambda _: None)
        yield stack.enter_context(serving_bucket(work / "served", url, "--log-format", "none"))
