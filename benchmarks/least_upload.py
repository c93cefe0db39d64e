"""
The least command that uploads small wheels with this one's promises and libraries: `floors.py` measures what it takes.

It reads options with click and the project's settings, validates names, parts and metadata of wheels, searches for
files with secrets, asks the index for its projects before it sends the first file, sends eight files at a time with
metadata and digest, checks each answer, and lists the uploaded files.
No stored passwords, no bounds on the size of its input, no check of descriptions, no second attempts, no progress.
"""

import base64
import gc
import hashlib
import json
import re
import secrets
import tomllib
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from threading import local
from urllib.parse import unquote, urlsplit

import click
from packaging.metadata import Metadata, parse_email
from packaging.utils import canonicalize_name, parse_wheel_filename

MANY = 8
SETTINGS = Path("pyproject.toml")
SECRET = re.compile(r"(^|/)(\.pypirc|\.netrc|\.env|id_(rsa|dsa|ecdsa|ed25519)|[^/]+\.(p12|pfx|keystore))$")
SENT_AS = {"platforms": "platform", "supported_platforms": "supported_platform", "license_files": "license_file"}


class Wheel:
    """A wheel whose name and metadata agree."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.project, version, _, _ = parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            info = next(name for name in names if name.endswith(".dist-info/METADATA")).partition("/")[0]
            fields, unknown = parse_email(archive.read(f"{info}/METADATA"))
        if {f"{info}/WHEEL", f"{info}/RECORD"} - {*names} or any(map(SECRET.search, names)):
            raise click.UsageError(f"{path}: a part is missing, or a file may be secret")
        Metadata.from_raw(fields)
        if unknown or canonicalize_name(fields["name"]) != self.project or fields["version"] != str(version):
            raise click.UsageError(f"{path}: name and metadata differ")
        self.fields = fields


class Form:
    """The body of a request, with the digest behind the file."""

    def __init__(self, wheel: Wheel) -> None:
        self.boundary = secrets.token_hex(16)
        fields = {":action": "file_upload", "protocol_version": "1", "filetype": "bdist_wheel", "pyversion": "py3"}
        before = "".join(self._head(name) + value + "\r\n" for name, value in fields.items())
        for name, value in wheel.fields.items():
            for text in value if isinstance(value, list) else [str(value)]:
                before += f"{self._head(SENT_AS.get(name, name))}{text}\r\n"
        before += self._head("content", wheel.path.name)
        content = wheel.path.read_bytes()
        after = f"\r\n{self._head('sha256_digest')}{hashlib.sha256(content).hexdigest()}\r\n--{self.boundary}--\r\n"
        self.body = b"".join((before.encode(), content, after.encode()))

    def _head(self, name: str, filename: str = "") -> str:
        more = f'; filename="{filename}"' if filename else ""
        return f'--{self.boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'


class Index:
    """The connections to an index, one for each thread."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._place = f"{parts.hostname}:{parts.port}"
        pair = f"{parts.username}:{unquote(parts.password or '')}".encode()
        self._headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        self._own = local()

    def known(self, projects: Sequence[str]) -> set[str]:
        """Return the projects or files that the index has: all projects, or the files of a few."""
        found: set[str] = set()
        headers = {**self._headers, "Accept": "application/vnd.pypi.simple.v1+json"}
        for path in ["/simple/"] if len(projects) >= MANY else [f"/simple/{project}/" for project in projects]:
            self._connection.request("GET", path, headers=headers)
            answer = self._connection.getresponse()
            body = answer.read()
            if answer.status == 200:
                page = json.loads(body)
                found |= {each["name"] for each in page.get("projects", ())}
                found |= {each["filename"] for each in page.get("files", ())}
        return found

    def send(self, wheel: Wheel) -> None:
        """Upload a file; raise an error unless it is stored."""
        form = Form(wheel)
        headers = {**self._headers, "Content-Type": f"multipart/form-data; boundary={form.boundary}"}
        self._connection.request("POST", "/", form.body, headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise click.ClickException(f"{wheel.path}: {answer.status} {body.decode()}")

    @property
    def _connection(self) -> HTTPConnection:
        if not hasattr(self._own, "connection"):
            self._own.connection = HTTPConnection(self._place, timeout=60)
        connection: HTTPConnection = self._own.connection
        return connection


@click.command()
@click.option("--index-url", required=True)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True))
def main(index_url: str, files: Sequence[Path]) -> None:
    """Upload wheels that the index does not have."""
    gc.disable()
    if SETTINGS.exists():
        settings = tomllib.loads(SETTINGS.read_text()).get("tool", {}).get("pypi-publish", {})
        index_url = settings.get("index-url", index_url)
    wheels = [Wheel(path) for path in files]
    index = Index(index_url)
    known = index.known([wheel.project for wheel in wheels])
    if any(wheel.project in known or wheel.path.name in known for wheel in wheels):
        raise click.UsageError("the index has some of them")
    with ThreadPoolExecutor(MANY) as sending:
        list(sending.map(index.send, wheels))
    for wheel in wheels:
        click.echo(f"{wheel.path.name}  {wheel.path.stat().st_size / 1000:.1f} kB  uploaded")
    click.echo(f"pip install --index-url {index_url}simple/ PROJECT")


if __name__ == "__main__":
    main()
