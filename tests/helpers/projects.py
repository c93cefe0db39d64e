"""Project folders with real build backends, and git repositories around them."""

import os
import subprocess
from pathlib import Path

ABSENT_INDEX = "file:///no-index/"
"""An index without packages, for UV_DEFAULT_INDEX: uv has no variable that means ``--no-index``."""

_BACKENDS = {
    "hatchling": ('["hatchling"]', "hatchling.build"),
    "setuptools": ('["setuptools"]', "setuptools.build_meta"),
    "flit_core": ('["flit_core"]', "flit_core.buildapi"),
    "poetry_core": ('["poetry-core"]', "poetry.core.masonry.api"),
    "pdm_backend": ('["pdm-backend"]', "pdm.backend"),
    "uv_build": ('["uv_build"]', "uv_build"),
}


def make_project(
    folder: Path,
    name: str = "acme-widgets",
    version: str = "1.0",
    *,
    backend: str = "hatchling",
    requires: str | None = None,
    table: str = "",
    readme: str = "# A project\n",
    readme_name: str = "README.md",
) -> Path:
    """Write a small project and return its folder; ``table`` is the text of its ``[tool.pypi-publish]``."""
    default_requires, path = _BACKENDS[backend]
    module = name.replace("-", "_")
    package = folder / "src" / module
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f'"""The project {name}."""\n\n\ndef main():\n    print("{name} {version}")\n')
    (folder / readme_name).write_text(readme)
    (folder / "pyproject.toml").write_text(f"""\
[build-system]
requires = {requires or default_requires}
build-backend = "{path}"

[project]
name = "{name}"
version = "{version}"
description = "A project for tests"
readme = "{readme_name}"
requires-python = ">=3.11"

[project.scripts]
{name} = "{module}:main"

[tool.pypi-publish]
{table}
""")
    return folder


def write_backend(folder: Path, statement: str) -> Path:
    """Write a project whose own build backend runs a statement instead of building."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "acme-widgets"\nversion = "1.0"\n'
    )
    (folder / "backend.py").write_text(
        f"import os\n\n\ndef build_sdist(*arguments):\n    {statement}\n\n\nbuild_wheel = build_sdist\n"
    )
    return folder


def git(folder: Path, *arguments: str, **environment: str) -> str:
    """Run git in a folder and return its output."""
    identity = ["-c", "user.name=Tests", "-c", "user.email=tests@example.invalid", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(folder: Path, date: str = "2024-05-06T07:08:09Z") -> str:
    """Commit everything below a folder, at a time, and return the commit's hash."""
    if not (folder / ".git").exists():
        git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "A commit", GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)
    return git(folder, "rev-parse", "HEAD")
