"""The pages that people see: the index's home and one page for each project."""

import html
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from urllib.parse import quote

from publisher.errors import InvalidDistributionError
from publisher.limits import LIMITS
from publisher.project.display import human_age, human_size
from publisher.project.distributions import read_distribution
from publisher.project.install_lines import install_lines, required_names
from publisher.project.versions import same_version
from publisher.server.http.inspecting import inspect
from publisher.server.http.messages import HTML_TYPE, Headers, HttpError, Request, Response, redirect
from publisher.server.names.filenames import normalize
from publisher.server.names.versions import newest_first
from publisher.server.routes.browsers import SECURITY_HEADERS
from publisher.server.routes.own_client import client_lines, find_client
from publisher.server.routes.simple import file_url
from publisher.server.settings import ServerSettings
from publisher.server.store.catalog import Catalog
from publisher.server.store.projects import StoredFile
from publisher.server.work.inspection import Checkpoint, InspectionPool

_HEADERS: Headers = [(b"content-type", HTML_TYPE), (b"cache-control", b"private, no-store"), *SECURITY_HEADERS]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --dim: #777; --link: #2563eb }
@media (prefers-color-scheme: dark) { :root { --dim: #9a9a9a; --link: #7aa2ff } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 2rem 1rem 4rem }
h1 { font-size: 1.6rem; margin: 0 0 .25rem } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
a { color: var(--link); text-decoration: none } a:hover { text-decoration: underline }
p.dim, .dim { color: var(--dim) }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; overflow-x: auto;
      padding: .75rem 1rem; font: .9rem/1.5 ui-monospace, monospace }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid var(--line); padding: .4rem .75rem .4rem 0; text-align: left; vertical-align: top }
td.file { overflow-wrap: anywhere } td.size { text-align: right; white-space: nowrap }
.tag { border: 1px solid currentColor; border-radius: 1rem; color: #b45309; font-size: .8rem; padding: .05rem .5rem }
ul.projects { columns: 16rem; list-style: none; padding: 0 }
"""


class WebPages:
    """Answers ``/`` and ``/projects/NAME/`` for people."""

    def __init__(self, settings: ServerSettings, catalog: Catalog, inspection: InspectionPool) -> None:
        self._settings = settings
        self._catalog = catalog
        self._inspection = inspection

    async def home(self, request: Request, _rest: str = "") -> Response:
        """Show what this is, how to install from it, and its projects."""
        await self._catalog.refresh()
        names = sorted(self._catalog.names())
        files = self._catalog.file_count
        prefix = request.root_path
        links = "".join(
            f'<li><a href="{prefix}/projects/{quote(name)}/">{html.escape(name)}</a></li>'
            for name in names[: LIMITS.listed_projects]
        )
        unlisted = len(names) - LIMITS.listed_projects
        more = f"<p class=dim>and {unlisted} more</p>" if unlisted > 0 else ""
        body = f"""
<h1>Private package index</h1>
<p class="dim">{_count(len(names), "project")}, {_count(files, "file")}</p>
<h2>Install from it</h2>
{self._install_section(request)}
<h2>Publish to it</h2>
<pre>pypi-publish login --index-url {html.escape(request.base_url)}
pypi-publish PROJECT_FOLDER</pre>
{await self._client(request)}
<h2>Projects</h2>
<ul class="projects">{links or '<li class="dim">None yet.</li>'}</ul>{more}
"""
        return _page("Private package index", body)

    def _install_section(self, request: Request) -> str:
        """Show the line that installs, and what else comes from this URL."""
        settings = self._settings
        lines = f"<pre>{_install(request, 'PACKAGE', None, passes_on=settings.passes_on)}</pre>"
        if not settings.passes_on:
            return lines
        cooldown = settings.upstream.cooldown if settings.upstream is not None else 0.0
        old_enough = f" that are at least {human_age(cooldown)} old" if cooldown else ""
        return (
            f'<p class="dim">This URL has the private packages and public ones{old_enough}: '
            f"pip, uv, poetry and pdm need no other index.</p>{lines}"
            f"<pre>pypi-publish login --index-url {html.escape(request.base_url)}\n"
            "pypi-publish config --all --write</pre>"
        )

    async def _client(self, request: Request) -> str:
        """Show how a colleague gets `pypi-publish` from this index, where it has it."""
        wheel = await find_client(self._catalog)
        if wheel is None:
            return ""
        uv, pip = client_lines(request, wheel)
        by = (
            f"uploaded by {wheel.metadata.uploader}"
            if wheel.metadata.uploader
            else "copied into the folder by an admin"
        )
        return f"""<h2>Get pypi-publish</h2>
<p class="dim">{html.escape(wheel.filename)}, {html.escape(by)}</p>
<pre>{html.escape(uv)}</pre>
<p class="dim">Without uv:</p>
<pre>{html.escape(pip)}</pre>"""

    async def project(self, request: Request, path: str) -> Response:
        """Show a project's newest release, its description, and its files."""
        name = path.rstrip("/")
        if not path.endswith("/") or name != normalize(name):
            return redirect(request, f"projects/{normalize(name)}/")
        project = await self._catalog.find(name)
        if project is None:
            raise HttpError(404, f"This index has no project {name}.")
        files = await self._catalog.files(project)
        versions = newest_first(file.version for file in files.values())
        live = newest_first(file.version for file in files.values() if file.yanked is None)
        newest = (live or versions or [""])[0]
        summary, description, dependencies = await inspect(
            self._inspection, request, partial(_describe, files.values(), newest)
        )
        requirement = f"{name}=={newest}" if newest else name
        groups = "".join(_release(version, files.values(), request.root_path) for version in versions)
        body = f"""
<p class="dim"><a href="{request.root_path}/">Private package index</a></p>
<h1>{html.escape(name)} {html.escape(newest)}</h1>
<p>{html.escape(summary)}</p>
<pre>{_install(request, requirement, dependencies, passes_on=self._settings.passes_on)}</pre>
<h2>Files</h2>
<table><thead><tr><th>File</th><th>Uploaded</th><th>Python</th><th>Size</th></tr></thead>{groups}</table>
{f"<h2>Description</h2><pre>{html.escape(description)}</pre>" if description else ""}
"""
        return _page(name, body)


def _release(version: str, files: Iterable[StoredFile], prefix: str) -> str:
    rows = "".join(_row(file, prefix) for file in files if same_version(file.version, version))
    return f'<tbody><tr><th colspan="4">{html.escape(version)}</th></tr>{rows}</tbody>'


def _row(file: StoredFile, prefix: str) -> str:
    metadata = file.metadata
    yanked = ""
    if file.yanked is not None:
        yanked = f' <span class="tag" title="{html.escape(file.yanked)}">yanked</span>'
    uploaded = metadata.uploaded[:16].replace("T", " ") + (f" by {metadata.uploader}" if metadata.uploader else "")
    return (
        f'<tr><td class="file"><a href="{file_url(file, prefix)}">{html.escape(file.filename)}</a>{yanked}</td>'
        f"<td>{html.escape(uploaded)}</td><td>{html.escape(metadata.requires_python or '')}</td>"
        f'<td class="size">{human_size(metadata.size)}</td></tr>'
    )


def _install(request: Request, requirement: str, dependencies: list[str] | None, *, passes_on: bool) -> str:
    url = f"{request.base_url}simple/"
    lines = install_lines(url, requirement, dependencies=dependencies, proxies_public=passes_on)
    return html.escape("\n".join(lines))


def _describe(files: Iterable[StoredFile], version: str, checkpoint: Checkpoint) -> tuple[str, str, list[str] | None]:
    """
    Return summary, description and dependencies out of a file of the release, wheels first.

    Where none can be read, they are empty, and the dependencies None.
    """
    release = [file for file in files if same_version(file.version, version)]
    for file in sorted(release, key=lambda file: not file.filename.endswith(".whl")):
        found = _read_once(_DescribedFile(file.path, file.metadata.sha256, checkpoint))
        if found is not None:
            return found
    return "", "", None


@dataclass(frozen=True)
class _DescribedFile:
    path: Path
    sha256: str
    checkpoint: Checkpoint = field(compare=False)


@lru_cache(maxsize=256)
def _read_once(file: _DescribedFile) -> tuple[str, str, list[str] | None] | None:
    """Return what a file says of itself, None where it can't be read; once for the same bytes, however many look."""
    try:
        fields = read_distribution(file.path, checkpoint=file.checkpoint).fields
    except (InvalidDistributionError, OSError):
        return None
    dependencies = required_names(fields.get("requires_dist", []))
    return fields.get("summary", ""), fields.get("description", "").strip()[: LIMITS.description], dependencies


def _page(title: str, body: str) -> Response:
    text = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>{body}</body>
</html>
"""
    return Response(200, text.encode(), _HEADERS)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
