"""The check that the folder's GitHub workflows store no password that the index makes unnecessary."""

import re
from collections.abc import Iterator
from pathlib import Path

from publisher.client.token_exchange import require_own_audience
from publisher.client.url import IndexUrl
from publisher.errors import PublishError
from publisher.machine.diagnosis import Area, Diagnosis, Reporter
from publisher.project.git import remote_url

_CREDENTIALS = Reporter(Area.CREDENTIALS)
_SECRET = re.compile(r"\$\{\{\s*secrets\.PYPI_PUBLISH_PASSWORD\s*\}\}")
_ON_GITHUB = re.compile(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?$")


def check_workflows(folder: Path, url: IndexUrl, project: str | None) -> Iterator[Diagnosis]:
    """Yield the workflows that publish with a stored password, where the index takes a job's own identity."""
    found = [path.name for path in sorted((folder / ".github" / "workflows").glob("*.y*ml")) if _has_secret(path)]
    if not found:
        return
    try:
        require_own_audience(url)
    except PublishError:
        return  # no trusted publishing there, or no answer: the checks of the index report that
    on_github = _ON_GITHUB.search(remote_url(folder) or "")
    repository = on_github[1] if on_github else "OWNER/REPOSITORY"
    for name in found:
        yield _CREDENTIALS.note(
            "workflow-secret",
            f"{name} publishes with a stored password; {url} supports trusted publishing, which needs none.",
            f"`pypi-publish trust add github {repository} --workflow {name} --project {project or 'PROJECT'}`, then "
            "replace username and password in the workflow by the permission `id-token: write`.",
        )


def _has_secret(path: Path) -> bool:
    try:
        return path.is_file() and _SECRET.search(path.read_text("utf-8")) is not None
    except (OSError, UnicodeDecodeError):
        return False
