"""Accounts, roles and tokens of an index that is under test."""

from pathlib import Path
from typing import Any

from tests.helpers.http import Client
from tests.helpers.index import ADMIN_TOKEN, RunningIndex

ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


class Admin:
    """An administrator with AUTH_TOKEN."""

    def __init__(self, url: str) -> None:
        self._client = Client(url, None)

    def request(self, method: str, path: str, **options: Any) -> Any:
        return self._client.request(method, path, headers=ADMIN, **options)

    def set_role(self, name: str, role: str, project: str = "*") -> None:
        answer = self.request("PUT", "-/roles", json={"name": name, "role": role, "project": project})
        assert answer.status_code == 200, answer.text

    def events(self, query: str = "") -> list[dict[str, Any]]:
        answer = self.request("GET", f"-/audit{query}")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["events"]
        return found


def create_token(
    client: Client,
    name: str,
    rights: list[str],
    projects: list[str] | None = None,
    *,
    days: float | None = None,
    owner: str | None = None,
) -> str:
    """Create a token with a client's password and return its text."""
    body = {"name": name, "rights": rights, "projects": projects or [], "expires-days": days, "owner": owner}
    answer = client.request("POST", "-/tokens", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def with_token(url: str, token: str) -> Client:
    return Client(url, ("__token__", token))


def write_access(index: RunningIndex, text: str) -> None:
    """Replace `access.toml` as an editor does."""
    beside = index.htpasswd.with_name("access.new")
    beside.write_text(text, "utf-8")
    beside.replace(access_file(index))


def access_file(index: RunningIndex) -> Path:
    return index.htpasswd.with_name("access.toml")
