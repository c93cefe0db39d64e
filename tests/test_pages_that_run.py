"""The commands of README, tutorials and how-tos, pasted by a reader with a new home and the system's Python."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import ROOT, WHEELS
from tests.helpers.desk import Desk, Scene, clone_with_a_release
from tests.helpers.dists import make_wheel
from tests.helpers.index import ADMIN_TOKEN, RunningIndex
from tests.helpers.pages import NOT_TESTED, RUNS_ON, SHELLS, read_blocks
from tests.helpers.scenes import SCENES
from tests.helpers.upstream import fake_upstream

DOCS = ROOT / "docs"
PAGES = {
    page.relative_to(ROOT).as_posix(): page for page in [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("**/*.md"))]
}
LANGUAGES = {*SHELLS, "text", "text walk", "toml", "yaml", "json", "python", "dockerfile", "nginx", "caddyfile", "zsh"}
USER, PASSWORD = "ada", "correct horse"
RELEASE = "0.1.0"
HOSTS = ("acme--pypiserver-server.modal.run", "pypi.acme.example", "packages.example.com", "HOST")
RUN = {page for scene in SCENES for page in scene.pages}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the blocks are for a POSIX shell")


@dataclass(frozen=True)
class Surroundings:
    """Servers that the readers share: an index with a package, a public one, and the repository on its host."""

    index: RunningIndex
    upstream: str
    environment: Mapping[str, str]


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory, uv_cache: Path) -> Iterator[Surroundings]:
    """Run an index that all readers share."""
    folder = tmp_path_factory.mktemp("readers")
    (folder / "no-index").mkdir()
    clone_with_a_release(ROOT, folder / "repository", f"v{RELEASE}")
    (folder / "gitconfig").write_text(
        f'[url "{(folder / "repository").as_uri()}"]\n\tinsteadOf = https://github.com/OWNER/REPOSITORY\n'
        "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"
    )
    environment = {
        "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
        "PIP_INDEX_URL": (folder / "no-index").as_uri(),
        "PIP_FIND_LINKS": str(WHEELS),
        "UV_DEFAULT_INDEX": (folder / "no-index").as_uri(),
        "UV_FIND_LINKS": str(WHEELS),
        "UV_CACHE_DIR": str(uv_cache),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_GITHUB_FAST_PATH": "1",
    }
    index = RunningIndex.start(folder / "index", "--client-uploader", USER)
    try:
        index.add_user(USER, PASSWORD)
        for version in ("1.1.0", "1.2.0"):
            make_wheel(index.root, "acme_widgets", version)
        with fake_upstream() as upstream:
            upstream.add(folder, "requests", "2.40.1", uploaded=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z")
            yield Surroundings(index, f"{upstream.url}simple/", environment)
    finally:
        index.stop()


@pytest.fixture
def desk(scene: Scene, surroundings: Surroundings, tmp_path: Path) -> Iterator[Desk]:
    """Return the desk of a reader who has run nothing yet."""
    missing = [name for name in scene.needs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)}: not on this machine")
    if scene.alone and (os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode):
        pytest.skip("only root can have a view of its own of /etc")
    desk = Desk(tmp_path, scene, surroundings.environment, (USER, PASSWORD))
    yield desk
    for terminal in reversed(desk.terminals):
        terminal.close()


@pytest.mark.parametrize(
    "scene",
    [pytest.param(scene, id=scene.pages[0], marks=[pytest.mark.wide] if scene.wide else []) for scene in SCENES],
)
def test_a_page_can_be_pasted(scene: Scene, desk: Desk, surroundings: Surroundings) -> None:
    # slow (installs this project, builds it, runs an index): the first ten minutes of every user
    surroundings.index.add_user(USER, PASSWORD)
    desk.know(_words(scene, desk, surroundings))
    if scene.logged_in:
        desk.log_in("127.0.0.1")
    desk.run_lines(scene.before)
    if scene.serves:
        desk.serve(scene.serves)
    for page in scene.pages:
        expected = [b for b in read_blocks(PAGES[page]) if b.is_shell and b.reason is None]
        assert desk.run(PAGES[page]) == len(expected) > 0
    desk.run_lines(scene.after)


def _words(scene: Scene, desk: Desk, surroundings: Surroundings) -> dict[str, str]:
    """Return what takes the place of the examples on a page."""
    starts = bool(scene.serves) or any(b.mark == RUNS_ON for page in scene.pages for b in read_blocks(PAGES[page]))
    url = f"http://127.0.0.1:{desk.port}/" if starts else surroundings.index.url
    return {
        **{f"https://{host}": url.rstrip("/") for host in HOSTS},
        **dict.fromkeys(HOSTS, "127.0.0.1"),
        "8080": str(desk.port),
        "8081": str(desk.port),  # a desk stops its index before it starts another
        "URL": url,
        "NAME": USER,
        "TAG": f"v{RELEASE}",
        "VERSION": RELEASE,
        "ADMIN_TOKEN": ADMIN_TOKEN,
        "INDEX_ROOT": str(surroundings.index.root),
        "--upstream public": f"--upstream {surroundings.upstream}",
        **scene.words,
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_shell_block_is_run_or_says_why_not(page: str) -> None:
    for block in read_blocks(PAGES[page]):
        where = f"{page}:{block.line}"
        assert block.language in LANGUAGES, f"{where} names no language that is known here"
        if not block.is_shell:
            assert not block.mark.startswith((NOT_TESTED, RUNS_ON)), f"{where}: nothing could run there"
        elif block.reason is not None:
            assert len(block.reason) > 10, f"{where} says why it is not tested"
        else:
            assert block.commands, f"{where} has no command: a prompt is a dollar sign and a space"
            assert page in RUN, f"{where} is neither run nor marked"
            assert block.mark in {"", RUNS_ON}, f"{where} has a mark that nothing reads"


def test_no_block_breaks_on_an_externally_managed_python() -> None:
    commands = [
        (page, command.text)
        for page, path in PAGES.items()
        for block in read_blocks(path)
        for command in block.commands
        if block.is_shell
    ]
    assert len(commands) > 100
    for page, command in commands:
        assert not re.match(r"(?:sudo )?(?:pip3? install|python |python3 -m pip install)", command), (page, command)
