"""
Private build requirements, in a table of settings by tool, with the tool itself as the oracle.

`uv build` decides what uv's settings mean for a build, `python -m build` what pip's mean. The public index is out of
reach here.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from publisher.building.installer import choose_installer
from publisher.building.uv import read_uv_settings
from tests.helpers.cases import main_and_wide
from tests.helpers.dists import make_wheel
from tests.helpers.index import running_index
from tests.helpers.tool import Result

PASSWORD = "s3cret"  # pip takes no other than Latin characters
BACKEND = b"""
import os, zipfile


def build_wheel(folder, settings=None, metadata=None):
    name = "app-1.0-py3-none-any.whl"
    files = {"METADATA": "Metadata-Version: 2.1\\nName: app\\nVersion: 1.0\\n", "WHEEL": "Wheel-Version: 1.0\\n"}
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, text in {**files, "RECORD": ""}.items():
            archive.writestr(f"app-1.0.dist-info/{path}", text)
    return name
"""
PROJECT = """
[build-system]
requires = ["corp-backend"]
build-backend = "corp_backend"

[project]
name = "app"
version = "1.0"
description = "For tests"
"""


@dataclass(frozen=True)
class Setting:
    """Where a private index is named; ``URL`` and ``LINKS`` stand for it and for a folder with the same wheel."""

    name: str
    pyproject: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    """Relative to the home of the person, or to the project with ``./`` before it."""
    variables: Mapping[str, str] = field(default_factory=dict)
    builds: bool = True
    folder: str = "app"


INDEX = '[[tool.uv.index]]\nname = "corp"\nurl = "URL"\n'
UV = [
    Setting("index in pyproject.toml", INDEX),
    Setting(
        "explicit index and source",
        f'{INDEX}explicit = true\n[tool.uv.sources]\ncorp-backend = {{ index = "corp" }}\n',
    ),
    Setting("explicit index without a source", f"{INDEX}explicit = true\n", builds=False),
    Setting("source that is a file", '[tool.uv.sources]\nCorp_Backend = { path = "../links/WHEEL" }\n'),
    Setting("uv.toml of the project", files={"./uv.toml": '[[index]]\nname = "corp"\nurl = "URL"\n'}),
    Setting("uv.toml of the person", files={".config/uv/uv.toml": 'extra-index-url = ["URL"]\n'}),
    Setting("links relative to the project", '[tool.uv]\nno-index = true\nfind-links = ["../links"]\n'),
    Setting("variable with an index", variables={"UV_INDEX": "URL"}),
    Setting("variable with the default index", variables={"UV_DEFAULT_INDEX": "URL"}),
    Setting("index for other environments", '[tool.uv.pip]\nextra-index-url = ["URL"]\n', builds=False),
    Setting("target for other environments", f'{INDEX}[tool.uv.pip]\ntarget = "vendored"\n'),
    Setting(
        "target of the person",
        files={".config/uv/uv.toml": '[[index]]\nurl = "URL"\n[pip]\ntarget = "vendored"\n'},
    ),
    Setting("no configuration", INDEX, variables={"UV_NO_CONFIG": "1"}, builds=False),
    Setting("hashes for other environments", INDEX, variables={"UV_SYSTEM_PYTHON": "1"}),
]
PIP = [
    Setting("index", variables={"PIP_INDEX_URL": "URL"}),
    Setting("extra index", variables={"PIP_EXTRA_INDEX_URL": "URL"}),
    Setting("links", variables={"PIP_FIND_LINKS": "LINKS", "PIP_NO_INDEX": "1"}),
    Setting("pip.conf", files={".config/pip/pip.conf": "[global]\nindex-url = URL\n"}),
    Setting("old pip.conf", files={".pip/pip.conf": "[install]\nextra-index-url =\n    URL\n"}),
]
LEAKS = [
    Setting("target", variables={"PIP_INDEX_URL": "URL", "PIP_TARGET": "vendored"}),
    Setting("user", variables={"PIP_INDEX_URL": "URL", "PIP_USER": "1"}),
    Setting("user in pip.conf", files={".config/pip/pip.conf": "[global]\nindex-url = URL\n[install]\nuser = true\n"}),
]


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corp")
    make_wheel(folder, "corp_backend", members={"corp_backend/__init__.py": BACKEND})
    return folder


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, links: Path) -> Iterator[str]:
    """Run an index that has the requirement, and return its URL with credentials."""
    [wheel] = links.iterdir()
    with running_index(tmp_path_factory.mktemp("index"), "ada", PASSWORD) as index:
        (index.root / wheel.name).write_bytes(wheel.read_bytes())
        yield index.url.replace("://", f"://ada:{PASSWORD}@") + "simple/"


@dataclass
class Place:
    """A project with a setting, and the surroundings that it is built in."""

    project: Path
    variables: dict[str, str]

    def run(self, command: list[str]) -> bool:
        done = subprocess.run(command, cwd=self.project, env=self.variables, capture_output=True, check=False)
        return done.returncode == 0

    def build(self, *options: str) -> Result:
        command = [sys.executable, "-m", "publisher.cli.main", "build", "--wheel", "--out-dir", "../ours", *options]
        done = subprocess.run(
            command, cwd=self.project, env=self.variables, capture_output=True, text=True, check=False
        )
        return Result(done.returncode, done.stdout, done.stderr)


def _place(folder: Path, setting: Setting, url: str, links: Path) -> Place:
    (folder / "links").mkdir()
    [wheel] = links.iterdir()
    (folder / "links" / wheel.name).write_bytes(wheel.read_bytes())

    def fill(text: str) -> str:
        return text.replace("URL", url).replace("LINKS", str(links)).replace("WHEEL", wheel.name)

    project = folder / setting.folder
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT + fill(setting.pyproject))
    home = folder / "home"
    for name, text in setting.files.items():
        path = project / name if name.startswith("./") else home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(fill(text))
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    surroundings = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
        "UV_CACHE_DIR": os.environ["UV_CACHE_DIR"],
        "UV_HTTP_RETRIES": "0",
        "PIP_RETRIES": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    return Place(project, {**kept, **surroundings, **{name: fill(text) for name, text in setting.variables.items()}})


@pytest.mark.parametrize("setting", UV, ids=lambda setting: setting.name)
def test_settings_of_uv_mean_what_they_mean_to_uv_build(
    tmp_path: Path, setting: Setting, url: str, links: Path
) -> None:
    # slow (two builds each): every place that can name a private index to uv
    place = _place(tmp_path, setting, url, links)
    uv = str(Path(sys.executable).with_name("uv"))
    assert place.run([uv, "build", "--wheel", "--out-dir", str(tmp_path / "theirs")]) is setting.builds
    built = place.build("--installer", "uv")
    assert (built.code == 0) is setting.builds, built.stderr
    assert not (place.project / "vendored").exists()
    assert PASSWORD not in built.everything


@pytest.mark.parametrize("setting", main_and_wide(PIP, "index", "pip.conf"))
def test_settings_of_pip_mean_what_they_mean_to_build_and_choose_pip(
    tmp_path: Path, setting: Setting, url: str, links: Path
) -> None:
    # slow (two builds with pip each): every place that can name a private index to pip
    place = _place(tmp_path, setting, url, links)
    assert place.run([sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "theirs")]) is setting.builds
    built = place.build()
    assert (built.code == 0) is setting.builds, built.stderr


@pytest.mark.parametrize("setting", main_and_wide(LEAKS, "target"))
def test_settings_of_pip_for_other_environments_do_not_count(
    tmp_path: Path, setting: Setting, url: str, links: Path
) -> None:
    # slow (a build with pip each)
    place = _place(tmp_path, setting, url, links)
    built = place.build()
    assert built.code == 0, built.stderr
    assert not (place.project / "vendored").exists()


def test_a_member_of_a_workspace_has_the_settings_and_members_of_its_root(
    tmp_path: Path, url: str, links: Path
) -> None:
    source = "[tool.uv.sources]\ncorp-backend = { workspace = true }\n"
    place = _place(tmp_path, Setting("member", source, folder="app"), url, links)
    backend = tmp_path / "corp-backend"
    backend.mkdir()
    (backend / "corp_backend.py").write_bytes(BACKEND + BACKEND_OF_ITSELF)
    (backend / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "corp_backend"\nbackend-path = ["."]\n'
        '[project]\nname = "corp-backend"\nversion = "1.0"\n'
    )
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["app", "corp-*"]\n')
    uv = str(Path(sys.executable).with_name("uv"))
    assert place.run([uv, "build", "--wheel", "--out-dir", str(tmp_path / "theirs")])
    built = place.build("--installer", "uv")
    assert built.code == 0, built.stderr


BACKEND_OF_ITSELF = b"""

_build_app = build_wheel


def build_wheel(folder, settings=None, metadata=None):
    if not os.path.exists("corp_backend.py"):
        return _build_app(folder, settings, metadata)
    name = "corp_backend-1.0-py3-none-any.whl"
    info = {
        "METADATA": "Metadata-Version: 2.1\\nName: corp-backend\\nVersion: 1.0\\n",
        "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n",
    }
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        archive.write("corp_backend.py")
        for path, text in {**info, "RECORD": ""}.items():
            archive.writestr(f"corp_backend-1.0.dist-info/{path}", text)
    return name


build_editable = build_wheel
"""


def test_a_requirement_that_only_pips_settings_have_is_reported_with_the_way_out(
    tmp_path: Path, url: str, links: Path
) -> None:
    place = _place(tmp_path, Setting("pip", variables={"PIP_INDEX_URL": "URL"}), url, links)
    failed = place.build("--installer", "uv")
    assert failed.code == 3
    assert "uv" in failed.stderr
    assert "PIP_INDEX_URL" in failed.stderr
    assert "--installer pip" in failed.stderr


def test_uv_is_chosen_where_both_or_none_know_an_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("UV_FIND_LINKS", "UV_DEFAULT_INDEX", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name)
    assert choose_installer([tmp_path]) == "uv"
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    assert choose_installer([tmp_path]) == "pip"
    monkeypatch.setenv("UV_INDEX", "http://127.0.0.1:9/")
    assert choose_installer([tmp_path]) == "uv"


def test_on_windows_a_persons_settings_come_before_the_machines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("publisher.building.uv.sys", SimpleNamespace(platform="win32"))
    for name in ("UV_NO_CONFIG", "UV_CONFIG_FILE", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PROGRAMDATA", str(tmp_path / "machine"))
    for name in ("machine", "person"):
        (tmp_path / name / "uv").mkdir(parents=True)
        (tmp_path / name / "uv" / "uv.toml").write_text(f'index-url = "https://{name}.example/"\n')
    assert "machine.example" in read_uv_settings(tmp_path).config
    monkeypatch.setenv("APPDATA", str(tmp_path / "person"))
    assert "person.example" in read_uv_settings(tmp_path).config
    monkeypatch.delenv("PROGRAMDATA")
    assert "person.example" in read_uv_settings(tmp_path).config
