"""The distribution: one wheel that contains `publisher` and nothing else."""

import email.message
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from hatch_build import links_of
from publisher.building.builder import BuildOptions, build_project
from publisher.project.kinds import Kind
from tests.helpers.projects import ABSENT_INDEX, commit, git
from tests.helpers.released import copy_checkout

ROOT = Path(__file__).parents[1]
WHEEL = BuildOptions("uv", frozenset({Kind.WHEEL}))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build a copy of this project (slow: a real build), because a build writes the version into the sources."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_DEFAULT_INDEX", ABSENT_INDEX)
        patch.setenv("UV_FIND_LINKS", str(ROOT / ".venv/wheels"))
        checkout = copy_checkout(tmp_path_factory.mktemp("copy") / "checkout")
        return zipfile.ZipFile(build_project(checkout, tmp_path_factory.mktemp("out"), WHEEL)[0])


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "publisher").rglob("*.py")}
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert sources | {"publisher/py.typed"} <= shipped
    assert {name.partition("/")[0] for name in shipped} == {"publisher"}
    assert not [name for name in shipped if "__pycache__" in name]


def _metadata(wheel: zipfile.ZipFile) -> email.message.Message:
    name = next(name for name in wheel.namelist() if name.endswith("METADATA"))
    return email.message_from_bytes(wheel.read(name))


def _build(folder: Path, out: Path) -> tuple[str, str]:
    """Build the wheel of a copy of this project; return the version in its metadata and the one in its code."""
    [path] = build_project(folder, out, WHEEL)
    with zipfile.ZipFile(path) as wheel:
        code = wheel.read("publisher/_version.py").decode()
        return str(_metadata(wheel)["Version"]), code.rpartition("__version__ = ")[2].strip().strip('"')


def test_the_version_comes_from_git_and_from_a_downloaded_archive(tmp_path: Path) -> None:
    # slow (four builds): every way to get the sources is one that people install from
    repository = copy_checkout(tmp_path / "repository")
    git(repository, "tag", "v9.8.7")
    git(repository, "tag", "v9")  # a tag that moves with each release
    assert _build(repository, tmp_path / "tagged") == ("9.8.7", "9.8.7")

    git(repository, "tag", "-d", "v9.8.7")
    git(repository, "tag", "v9.8.6", "HEAD")
    (repository / "README.md").write_text("changed\n")
    commit(repository)
    version, code = _build(repository, tmp_path / "later")
    assert version == code
    assert re.fullmatch(r"9\.8\.7\.dev1\+g[0-9a-f]{7,}", version)

    git(repository, "tag", "v9.9.0")
    archive = tmp_path / "archive"
    git(repository, "archive", "--prefix=archive/", "--output", str(tmp_path / "archive.zip"), "HEAD")
    with zipfile.ZipFile(tmp_path / "archive.zip") as packed:
        packed.extractall(tmp_path)
    assert not (archive / ".git").exists()
    assert _build(archive, tmp_path / "downloaded") == ("9.9.0", "9.9.0")

    (archive / ".git_archival.txt").unlink()
    assert _build(archive, tmp_path / "unknown") == ("0.0", "0.0")


def test_links_lead_to_the_repository_that_the_sources_came_from(tmp_path: Path) -> None:
    # slow (three builds): an sdist has no remote to ask, and must keep what it was built with
    repository = copy_checkout(tmp_path / "repository")
    assert _links(build_project(repository, tmp_path / "local", WHEEL)[0]) == {}
    git(repository, "remote", "add", "origin", "https://ada:secret@git.example.com/team/index.git")
    [sdist] = build_project(repository, tmp_path / "sdist", BuildOptions("uv", frozenset({Kind.SDIST})))
    with tarfile.open(sdist) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    [unpacked] = (tmp_path / "unpacked").iterdir()
    assert _links(build_project(unpacked, tmp_path / "again", WHEEL)[0]) == {
        "Homepage": "https://git.example.com/team/index",
        "Documentation": "https://git.example.com/team/index/tree/HEAD/docs",
        "Issues": "https://git.example.com/team/index/issues",
        "Changelog": "https://git.example.com/team/index/blob/HEAD/CHANGELOG.md",
    }


def _links(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as wheel:
        return dict(link.split(", ") for link in _metadata(wheel).get_all("Project-URL") or [])


@pytest.mark.parametrize(
    ("remote", "homepage"),
    [
        ("https://github.com/team/index\n", "https://github.com/team/index"),
        ("https://github.com/team/index.git/", "https://github.com/team/index"),
        ("https://token@git.example.com:8443/a/b/index.git", "https://git.example.com/a/b/index"),
        ("git@github.com:team/index.git", "https://github.com/team/index"),
        ("ssh://git@git.example.com:2222/team/index.git", "https://git.example.com/team/index"),
        ("git://git.example.com/~ada/index", "https://git.example.com/~ada/index"),
        ("/srv/git/index.git", None),
        ("../index.git", None),
        ("C:/index.git", None),
        ("file:///srv/git/index.git", None),
        ("work:team/index.git", None),
        ("https://git.example.com/team/a b", None),
        ("https://git.example.com", None),
        ("", None),
    ],
)
def test_links_are_made_of_remotes_that_name_a_host(remote: str, homepage: str | None) -> None:
    assert links_of(remote).get("Homepage") == homepage


def test_the_core_needs_nothing_of_the_index(wheel: zipfile.ZipFile) -> None:
    requirements = _metadata(wheel).get_all("Requires-Dist") or []
    core = " ".join(requirement for requirement in requirements if "extra ==" not in requirement)
    for outside in ("pypiserver", "uvicorn", "libpass", "a2wsgi", "modal", "pytest"):
        assert outside not in core
    for needed in ("build", "twine", "keyring", "click"):
        assert needed in core


def test_the_command_is_installed(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    entry_points = wheel.read(name).decode()
    assert "[console_scripts]\npypi-publish = publisher.cli.main:main" in entry_points
    assert "[keyring.backends]\npypi-publish = publisher.credentials.keyring_backend" in entry_points


def test_no_line_asks_a_public_index_for_this_program() -> None:
    asking = re.compile(
        r"""(?:pip3?\s+install|pipx\s+\w+|tool\s+(?:install|run)|uvx|uv\s+add|uv\s+pip\s+install|--with|--spec|--from)
            (?:\s+(?!['"]?pypi-publish)\S+)*?   # options and other packages
            \s+['"]?pypi[-_.]publish(?:\[[\w,-]+\])?['"]?
            (?!\s+@|[\w./\[-])""",
        re.VERBOSE,
    )
    for asks in (
        "pip install pypi-publish",
        "pip install 'pypi-publish[server]'",
        "uv tool install --with-executables-from keyring pypi-publish",
        "pipx install pypi-publish --include-deps",
        "uvx pypi-publish --version",
        'python -m pip install --quiet "pypi-publish==0.1.0"',
    ):
        assert asking.search(asks), asks
    for safe in ("uv tool install 'pypi-publish @ git+https://x'", "uvx --from 'pypi-publish[a] @ git+x' pypi-publish"):
        assert not asking.search(safe), safe
    folders = ("docs/**/*.md", "publisher/**/*.py", "github-actions/**/*", "deployments/**/*")
    pages = [path for pattern in folders for path in ROOT.glob(pattern) if path.is_file() and path.suffix != ".pyc"]
    for path in [*pages, ROOT / "README.md", ROOT / "Makefile", ROOT / "CHANGELOG.md"]:
        joined = re.sub(r'"\n +f?"', "", path.read_text("utf-8"))  # a text that goes on in the next line of a program
        for line in joined.splitlines():
            assert not asking.search(line), f"{path.relative_to(ROOT)}: {line}"
