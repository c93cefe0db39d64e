"""The clients that people use, each for what it does: publishing to the index, installing from it, or both."""

import datetime as dt
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.helpers.cases import main_and_wide
from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.http import Client, sha256
from tests.helpers.index import RunningIndex
from tests.helpers.projects import make_project
from tests.helpers.tool import Result, run
from tests.server.conftest import PASSWORD, USER

CLIENTS = Path(sys.executable).parents[1] / "clients/bin"

# every test here is slow: it starts a foreign tool, most of them more than once


@pytest.fixture
def index_url(shared_index: RunningIndex) -> str:
    """Return the URL with the credentials in it."""
    return shared_index.url.replace("://", f"://{USER}:{quote(PASSWORD)}@")


@pytest.fixture(autouse=True)
def _index_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let installers reach what the test names, and keep nothing from one test to another."""
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "UV_DEFAULT_INDEX", "UV_FIND_LINKS"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip-cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))


def _python(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Result:
    return run([sys.executable, "-m", *map(str, arguments)], env=env)


def _other(tool: str, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> Result:
    clean = {"VIRTUAL_ENV": "", "PATH": os.pathsep.join([str(CLIENTS), "/usr/bin", "/bin"])}
    return run([str(CLIENTS / tool), *map(str, arguments)], cwd=cwd, env={**clean, **(env or {})})


def _expect(result: Result) -> Result:
    assert result.code == 0, result.everything
    return result


@pytest.mark.essential
def test_pip_installs_by_name_and_by_hash(client: Client, index_url: str, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "for_pip")
    client.upload(wheel)
    pip = ("pip", "install", "--no-deps", "--index-url", f"{index_url}simple/", "--target")
    _expect(_python(*pip, tmp_path / "named", "for-pip"))
    assert (tmp_path / "named/for_pip/__init__.py").exists()
    (tmp_path / "locked.txt").write_text(f"for-pip==1.0 --hash=sha256:{sha256(wheel)}\n")
    _expect(_python(*pip, tmp_path / "hashed", "--require-hashes", "-r", tmp_path / "locked.txt"))
    (tmp_path / "locked.txt").write_text(f"for-pip==1.0 --hash=sha256:{'0' * 64}\n")
    assert _python(*pip, tmp_path / "wrong", "--require-hashes", "-r", tmp_path / "locked.txt").code != 0


OLD_PIPS = {"20.3.4": 11, "21.3.1": 11, "22.3.1": 11, "23.1.2": 11, "23.2.1": 13}
"""Versions of pip in use, each with its own way to read pages, and the newest Python 3 that each runs on."""


@pytest.mark.parametrize("version", main_and_wide(OLD_PIPS, "20.3.4", "23.2.1"))
def test_old_pips_install_wheels_and_sdists(client: Client, index_url: str, tmp_path: Path, version: str) -> None:
    if sys.version_info[1] > OLD_PIPS[version]:
        pytest.skip(f"pip {version} does not run on this Python")
    name = f"laddered{version.replace('.', '_')}"
    requiring = metadata(name, "1.0", "Requires-Python: >=3.6\n")
    client.upload(make_wheel(tmp_path, name, metadata_bytes=requiring))
    client.upload(make_sdist(tmp_path, name, metadata_bytes=requiring))
    pip = next((Path(sys.executable).parents[1] / "wheels/pips").glob(f"pip-{version}-*.whl"))
    command = [sys.executable, "-W", "ignore", "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps"]
    env = {"PYTHONPATH": str(pip), "PIP_CONFIG_FILE": os.devnull}
    place = ["--index-url", f"{index_url}simple/", "--target", str(tmp_path / "installed")]
    result = _expect(run([*command, *place, name], env=env))
    assert (tmp_path / "installed" / name / "__init__.py").exists(), result.everything


def test_pip_heeds_python_versions_yanks_and_upload_times(client: Client, index_url: str, tmp_path: Path) -> None:
    client.upload(make_wheel(tmp_path, "heeded", "1.0"))
    client.upload(make_wheel(tmp_path, "heeded", "1.1"))
    too_new = metadata("heeded", "2.0", "Requires-Python: >=4\n")
    client.upload(make_wheel(tmp_path, "heeded", "2.0", metadata_bytes=too_new))
    client.request("PUT", "projects/heeded/1.1/yanked", json={"reason": "broken"})
    pip = ("pip", "download", "--no-deps", "--index-url", f"{index_url}simple/", "--dest")
    _expect(_python(*pip, tmp_path / "newest", "heeded"))
    assert [path.name for path in (tmp_path / "newest").iterdir()] == ["heeded-1.0-py3-none-any.whl"]
    yanked = _expect(_python(*pip, tmp_path / "yanked", "heeded==1.1"))
    assert "broken" in yanked.everything
    early = _python(*pip, tmp_path / "early", "--uploaded-prior-to", "2020-01-01T00:00:00Z", "heeded")
    assert early.code != 0
    assert "upload-time" not in early.everything.replace("--uploaded-prior-to", "")


@pytest.mark.essential
def test_pip_resolves_from_metadata_alone(client: Client, index_url: str, tmp_path: Path) -> None:
    client.upload(make_wheel(tmp_path, "needed"))
    needing = metadata("needing", "1.0", "Requires-Dist: needed\n")
    client.upload(make_wheel(tmp_path, "needing", metadata_bytes=needing))
    report = _expect(
        _python("pip", "install", "-q", "--dry-run", "--report", "-", "--index-url", f"{index_url}simple/", "needing")
    )
    installed = {entry["metadata"]["name"] for entry in json.loads(report.stdout)["install"]}
    assert installed == {"needing", "needed"}


@pytest.mark.essential
def test_uv_installs_by_name_by_hash_and_by_date(client: Client, index_url: str, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "for_uv")
    client.upload(wheel)
    uv = ["uv", "pip", "install", "--no-deps", "--default-index", f"{index_url}simple/", "--target"]
    _expect(run([*uv, str(tmp_path / "named"), "for-uv"]))
    assert (tmp_path / "named/for_uv/__init__.py").exists()
    (tmp_path / "locked.txt").write_text(f"for-uv==1.0 --hash=sha256:{sha256(wheel)}\n")
    _expect(run([*uv, str(tmp_path / "hashed"), "--require-hashes", "-r", str(tmp_path / "locked.txt")]))
    tomorrow = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).isoformat()
    _expect(run([*uv, str(tmp_path / "dated"), "--exclude-newer", tomorrow, "for-uv"]))
    assert run([*uv, str(tmp_path / "early"), "--exclude-newer", "2020-01-01T00:00:00Z", "for-uv"]).code != 0


def test_uv_publishes_with_and_without_a_check_url(client: Client, index_url: str, tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    dist.mkdir()
    files = [str(make_wheel(dist, "by_uv")), str(make_sdist(dist, "by_uv"))]
    uv = ["uv", "publish", "--trusted-publishing", "never", "--publish-url", client.url, "-u", USER, "-p", PASSWORD]
    _expect(run([*uv, *files]))
    _expect(run([*uv, *files]))  # the same bytes again
    checked = _expect(run([*uv, "--check-url", f"{index_url}simple/", *files]))
    assert "already exists" in checked.everything
    make_wheel(dist, "by_uv", members={"by_uv/more.py": b""})
    refused = run([*uv, *files])
    assert refused.code != 0
    assert "File already exists" in " ".join(refused.everything.split())
    assert set(client.filenames("by-uv")) == {Path(file).name for file in files}


@pytest.mark.essential
def test_twine_uploads_and_repeats(client: Client, tmp_path: Path) -> None:
    files = [make_wheel(tmp_path, "by_twine"), make_sdist(tmp_path, "by_twine")]
    env = {"TWINE_USERNAME": USER, "TWINE_PASSWORD": PASSWORD}
    twine = ("twine", "upload", "--non-interactive", "--repository-url")
    for url in (client.url, f"{client.url}legacy/"):
        _expect(_python(*twine, url, *files, env=env))
    assert set(client.filenames("by-twine")) == {path.name for path in files}
    changed = make_wheel(tmp_path, "by_twine", members={"by_twine/more.py": b""})
    refused = _python(*twine, client.url, "--verbose", changed, env=env)
    assert (refused.code, "File already exists" in refused.everything) == (1, True)


def test_poetry_publishes_and_installs(client: Client, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", "by-poetry", backend="poetry_core")
    (project / "dist").mkdir()
    make_wheel(project / "dist", "by_poetry")
    env = {
        "POETRY_REPOSITORIES_ACME_URL": f"{client.url}legacy/",
        "POETRY_HTTP_BASIC_ACME_USERNAME": USER,
        "POETRY_HTTP_BASIC_ACME_PASSWORD": PASSWORD,
        "POETRY_CACHE_DIR": str(tmp_path / "cache"),
        "POETRY_VIRTUALENVS_IN_PROJECT": "true",
        "POETRY_KEYRING_ENABLED": "false",
    }
    _expect(_other("poetry", "publish", "-r", "acme", "-n", cwd=project, env=env))
    _expect(_other("poetry", "publish", "-r", "acme", "-n", cwd=project, env=env))
    assert client.filenames("by-poetry") == ["by_poetry-1.0-py3-none-any.whl"]

    user = tmp_path / "user"
    user.mkdir()
    (user / "pyproject.toml").write_text(
        '[project]\nname = "user"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["by-poetry"]\n'
        f'[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "acme"\nurl = "{client.url}simple/"\n'
    )
    _expect(_other("poetry", "install", "-n", cwd=user, env=env))
    assert sha256(project / "dist/by_poetry-1.0-py3-none-any.whl") in (user / "poetry.lock").read_text()
    assert list(user.glob(".venv/lib/*/site-packages/by_poetry"))


@pytest.mark.wide
def test_pdm_publishes_and_installs(client: Client, index_url: str, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", "by-pdm", backend="pdm_backend")
    (project / "dist").mkdir()
    make_wheel(project / "dist", "by_pdm")
    env = {
        "PDM_PUBLISH_REPO": f"{client.url}legacy/",
        "PDM_PUBLISH_USERNAME": USER,
        "PDM_PUBLISH_PASSWORD": PASSWORD,
        "PDM_CHECK_UPDATE": "false",
        "PDM_CACHE_DIR": str(tmp_path / "cache"),
    }
    publish = ("publish", "--no-build")
    _expect(_other("pdm", *publish, cwd=project, env=env))
    _expect(_other("pdm", *publish, cwd=project, env=env))
    assert client.filenames("by-pdm") == ["by_pdm-1.0-py3-none-any.whl"]

    user = tmp_path / "user"
    user.mkdir()
    (user / "pyproject.toml").write_text(
        '[project]\nname = "user"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = []\n'
        f'[tool.pdm]\ndistribution = false\n[[tool.pdm.source]]\nname = "pypi"\nurl = "{index_url}simple/"\n'
    )
    _expect(_other("pdm", "add", "by-pdm", cwd=user, env=env))
    assert sha256(project / "dist/by_pdm-1.0-py3-none-any.whl") in (user / "pdm.lock").read_text()
    assert list(user.glob(".venv/lib/*/site-packages/by_pdm"))


def test_hatch_publishes(client: Client, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", "by-hatch")
    (project / "dist").mkdir()
    make_wheel(project / "dist", "by_hatch")
    env = {"HATCH_INDEX_USER": USER, "HATCH_INDEX_AUTH": PASSWORD, "HATCH_DATA_DIR": str(tmp_path / "data")}
    publish = ("--no-interactive", "publish", "--no-prompt", "-r", client.url)
    _expect(_other("hatch", *publish, cwd=project, env=env))
    again = _other("hatch", *publish, cwd=project, env=env)
    assert "already exists" in again.everything  # it reads /+simple/ before it sends
    assert client.filenames("by-hatch") == ["by_hatch-1.0-py3-none-any.whl"]
