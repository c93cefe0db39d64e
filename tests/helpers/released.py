"""A checkout of this repository as a new repository, for its users."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.helpers.projects import commit

ROOT = Path(__file__).parents[2]


def copy_checkout(place: Path) -> Path:
    """Commit the files of this checkout, tracked or not yet, to a new repository."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().split():
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    subprocess.run(["git", "init", "-q"], cwd=place, env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}, check=True)
    commit(place)
    return place
