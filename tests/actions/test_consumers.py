"""
Thirty repositories that publish with the action, as act runs them: backends by layouts, with the triggers in turn.

Each runs twice for the same commit: the second run finds what the first has published. It takes a quarter of an hour,
so `make test-campaign` runs it, by hand.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest

from tests.actions.conftest import Act, Run, write_workflow
from tests.helpers.index import RunningIndex
from tests.helpers.projects import make_project

pytestmark = pytest.mark.campaign

BACKENDS = ("hatchling", "setuptools", "flit_core", "poetry_core", "pdm_backend", "uv_build")
NAME = "acme-widgets"
WIDGETS = {"acme_widgets-1.0-py3-none-any.whl", "acme_widgets-1.0.tar.gz"}
GADGETS = {"acme_gadgets-1.0-py3-none-any.whl", "acme_gadgets-1.0.tar.gz"}


@dataclass(frozen=True)
class Trigger:
    """An event that publishes, and what the workflow and the action have to say for it."""

    on: str
    event: str
    ref: str
    payload: Mapping[str, object] = field(default_factory=dict)
    inputs: str = ""


TRIGGERS = {
    "a tag": Trigger("push: {tags: ['v*']}", "push", "refs/tags/v1.0"),
    "a named tag": Trigger("push: {tags: ['*@*']}", "push", f"refs/tags/{NAME}@1.0"),
    "a release": Trigger(
        "release: {types: [published]}",
        "release",
        "refs/tags/v1.0",
        {"action": "published", "release": {"tag_name": "v1.0"}},
    ),
    "by hand": Trigger("workflow_dispatch: ", "workflow_dispatch", "refs/heads/main", inputs="          tag: v1.0"),
    "a branch": Trigger("push: {branches: [main]}", "push", "refs/heads/main", inputs="          require-tag: false"),
}


def _flat(repository: Path, backend: str) -> tuple[str, str]:
    make_project(repository, backend=backend)
    shutil.move(repository / "src" / "acme_widgets", repository)
    (repository / "src").rmdir()
    if backend == "uv_build":
        with (repository / "pyproject.toml").open("a") as file:
            file.write('\n[tool.uv.build-backend]\nmodule-root = ""\n')
    return "", ""


def _src(repository: Path, backend: str) -> tuple[str, str]:
    make_project(repository, backend=backend)
    return "", ""


def _below(repository: Path, backend: str) -> tuple[str, str]:
    make_project(repository / "python" / "acme widgets", backend=backend)
    return "          package-dir: python/acme widgets", ""


def _workspace(repository: Path, backend: str) -> tuple[str, str]:
    make_project(repository / "packages" / "widgets", backend=backend)
    make_project(repository / "packages" / "gadgets", "acme-gadgets", backend=backend)
    (repository / "pyproject.toml").write_text(
        '[project]\nname = "acme"\nversion = "0"\n\n[tool.uv]\npackage = false\n\n'
        '[tool.uv.workspace]\nmembers = ["packages/*"]\n'
    )
    return "", ""


def _built_before(repository: Path, backend: str) -> tuple[str, str]:
    make_project(repository, backend=backend)
    build = "      - run: pypi-publish build --out-dir built/packages && touch built/.gitignore built/notes.txt"
    return "          packages-dir: built", build


LAYOUTS: dict[str, Callable[[Path, str], tuple[str, str]]] = {
    "flat": _flat,
    "src": _src,
    "below": _below,
    "workspace": _workspace,
    "built before": _built_before,
}
"""Each writes a repository and returns the action's inputs and the steps before it."""

CELLS = [
    (backend, layout, list(TRIGGERS)[(row + column) % len(TRIGGERS)])
    for (row, backend), (column, layout) in product(enumerate(BACKENDS), enumerate(LAYOUTS))
]


def _run(act: Act, repository: Path, trigger: Trigger) -> Run:
    return act.run(repository, trigger.event, ref=trigger.ref, payload=trigger.payload)


@pytest.mark.parametrize(("backend", "layout", "occasion"), CELLS)
def test_a_repository_publishes_and_its_second_run_succeeds(  # noqa: PLR0917 - a cell is three names
    act: Act, index: RunningIndex, tmp_path: Path, backend: str, layout: str, occasion: str
) -> None:
    trigger = TRIGGERS[occasion]
    repository = tmp_path / "repository"
    repository.mkdir()
    inputs, before = LAYOUTS[layout](repository, backend)
    inputs = "\n".join(filter(None, [inputs, trigger.inputs]))
    write_workflow(repository, index.url, inputs, before=before, on=trigger.on)
    expected = WIDGETS if layout != "workspace" or occasion == "a named tag" else WIDGETS | GADGETS

    first = _run(act, repository, trigger)
    assert first.code == 0, first.log
    assert first.outputs["published"] == "true"
    assert {path.name for path in index.root.iterdir() if path.is_file()} == expected
    contents = {name: (index.root / name).read_bytes() for name in expected}

    second = _run(act, repository, trigger)
    assert second.code == 0, second.log
    assert second.outputs["published"] == "false"
    assert set(second.statuses) == expected
    assert set(second.statuses.values()) <= {"already-there", "unchanged"}
    assert {name: (index.root / name).read_bytes() for name in expected} == contents


def test_every_backend_layout_and_trigger_has_its_turn() -> None:
    assert len(CELLS) == 30
    assert {(backend, occasion) for backend, _, occasion in CELLS} == set(product(BACKENDS, TRIGGERS))
