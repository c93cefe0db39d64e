"""
Build the same commit twice with each backend and report whether the bytes are the same.

The two builds start from two clones, made at different times, with other file times and another umask, as two runs of a
release do.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from publisher.building.builder import BuildOptions, build_project
from publisher.building.installer import choose_installer
from tests.helpers.projects import commit, make_project

BACKENDS = ("hatchling", "setuptools", "flit_core", "poetry_core", "pdm_backend", "uv_build")


def build_clone(project: Path, clone: Path, umask: int) -> dict[str, str]:
    """Clone a project, build the clone, and return the digests of the built files by kind."""
    before = os.umask(umask)
    try:
        subprocess.run(["git", "clone", "-q", str(project), str(clone)], check=True)
        built = build_project(clone, clone / "dist", BuildOptions(choose_installer()))
    finally:
        os.umask(before)
    return {file.suffix: hashlib.sha256(file.read_bytes()).hexdigest() for file in built}


def compare(backend: str, second_umask: int) -> str:
    """Build twice and return the kinds of files that are the same."""
    with TemporaryDirectory() as folder:
        project = make_project(Path(folder, "project"), backend=backend)
        commit(project)
        first = build_clone(project, Path(folder, "one"), 0o022)
        time.sleep(2.1)  # zip files count time in steps of two seconds
        second = build_clone(project, Path(folder, "two"), second_umask)
    same = [name for name, suffix in (("sdist", ".gz"), ("wheel", ".whl")) if first[suffix] == second[suffix]]
    return " and ".join(same) or "nothing"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(f"{'backend':<14}{'same bytes':<20}{'same bytes under another umask':<20}")
    for backend in BACKENDS:
        print(f"{backend:<14}{compare(backend, 0o022):<20}{compare(backend, 0o077):<20}", flush=True)


if __name__ == "__main__":
    main()
