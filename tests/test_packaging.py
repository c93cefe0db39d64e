"""What is shipped: one wheel that contains `publisher` and nothing else."""

import email
import zipfile
from pathlib import Path

import pytest

from publisher.building.builder import BuildOptions, build_project
from publisher.project.distributions import Kind

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build this project as it is (slow: a real build)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_NO_INDEX", "1")
        patch.setenv("UV_FIND_LINKS", str(ROOT / ".venv/wheels"))
        options = BuildOptions("uv", frozenset({Kind.WHEEL}))
        return zipfile.ZipFile(build_project(ROOT, tmp_path_factory.mktemp("out"), options)[0])


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "publisher").rglob("*.py")}
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert sources | {"publisher/py.typed"} <= shipped
    assert {name.partition("/")[0] for name in shipped} == {"publisher"}
    assert not [name for name in shipped if "__pycache__" in name]


def test_the_core_needs_nothing_of_the_index(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith("METADATA"))
    metadata = email.message_from_bytes(wheel.read(name))
    requirements = metadata.get_all("Requires-Dist") or []
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
