"""Options of `serve`; the environment can hold each of them as ``PYPI_INDEX_...``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click

from publisher.cli.options.gather import gather

LogFormat = Literal["text", "json", "none"]


class ServeArgs(NamedTuple):
    """Address, folders, rights and limits of an index on this machine."""

    host: str = "127.0.0.1"
    port: int = 8080
    workers: str = "1"
    root: tuple[Path, ...] = (Path("packages"),)
    htpasswd: Path = Path(".htpasswd")
    state: Path | None = None
    storage: str | None = None
    no_signed_urls: bool = False
    signed_from: int = 1
    authenticate: str = "download,list,update"
    overwrite: bool = False
    fallback_url: str | None = None
    upstream: str = ""
    cooldown: str = ""
    upstream_cache: Path | None = None
    cache_size: str = "20GB"
    upstream_policy: Path | None = None
    reserve: tuple[str, ...] = ()
    client_uploader: tuple[str, ...] = ()
    max_size: int = 2048
    audit_days: int = 400
    root_path: str = ""
    public_url: str | None = None
    log_format: LogFormat = "text"
    trusted_proxy: tuple[str, ...] = ()
    accept_legacy: bool = False
    allow_plaintext: bool = False
    revision: str = ""


def _option(*flags: str, **attributes: Any) -> Callable[[Any], Any]:
    """Return an option with the field's default and an environment variable."""
    name = next(flag for flag in flags if flag.startswith("--")).strip("-").replace("-", "_")
    default = getattr(_DEFAULTS, name)
    shows_default = default not in {None, False, "", ()}
    return click.option(
        *flags,
        envvar=f"PYPI_INDEX_{name.upper()}",
        show_envvar=True,
        default=default,
        show_default=shows_default,
        **attributes,
    )


_DEFAULTS = ServeArgs()

serve_options = gather(
    ServeArgs,
    "serve",
    _option("--host", help="Address to listen on; 0.0.0.0 for all."),
    _option("-p", "--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 for a free one."),
    _option(
        "--workers",
        metavar="N|auto",
        help="Number of processes; auto for one per core.",
    ),
    _option(
        "--root",
        metavar="DIR",
        multiple=True,
        type=click.Path(file_okay=False, path_type=Path),
        help="Package folder; uploads go to the first.",
    ),
    _option(
        "-P",
        "--htpasswd",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Accounts file; created if missing.",
    ),
    _option(
        "--state",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="List of owned names, if not beside the accounts.",
    ),
    _option(
        "--storage", metavar="URL", help="Bucket of the packages and accounts: s3://BUCKET/PREFIX, gs:// or az://."
    ),
    _option("--no-signed-urls", is_flag=True, help="Pass large files of a bucket through the index."),
    _option(
        "--signed-from",
        metavar="MB",
        type=click.IntRange(0),
        help="Size from which files are downloaded directly from the bucket.",
    ),
    _option(
        "-a",
        "--authenticate",
        metavar="ACTIVITIES",
        help="Comma-separated activities that need an account; '.' for none.",
    ),
    _option("--overwrite", is_flag=True, help="Let an upload replace a file of the same name."),
    _option("--fallback-url", metavar="URL", help="Index to redirect installers to for unknown names."),
    _option("--upstream", metavar="URL", help="Public index to fetch packages from; 'public' for PyPI."),
    _option("--cooldown", metavar="AGE", help="Hide public files younger than this, for example 3d."),
    _option(
        "--upstream-cache",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder for public files; default in the user's cache.",
    ),
    _option("--cache-size", metavar="SIZE", help="Largest size of that folder."),
    _option(
        "--upstream-policy",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Upstreams by name, and denied versions, in TOML.",
    ),
    _option(
        "--reserve", metavar="PATTERN", multiple=True, help="Keep names that match, for example 'acme-*', private."
    ),
    _option(
        "--client-uploader", metavar="USER", multiple=True, help="Account that may publish pypi-publish itself here."
    ),
    _option("--audit-days", metavar="N", type=click.IntRange(1, 36_500), help="Retention of the audit trail, in days."),
    _option("--max-size", metavar="MB", type=click.IntRange(1), help="Largest upload accepted, in MB."),
    _option("--root-path", metavar="PATH", help="Path prefix under which a proxy serves the index."),
    _option("--public-url", metavar="URL", help="URL of the index for its users; trusted publishing needs it."),
    _option("--log-format", type=click.Choice(["text", "json", "none"]), help="Format of the access log on stderr."),
    _option(
        "--trusted-proxy",
        metavar="ADDRESS",
        multiple=True,
        help="Trusted proxy or network, for X-Forwarded-* headers.",
    ),
    _option("--accept-legacy", is_flag=True, help="Accept eggs, .tar.bz2, .tgz, .exe and .msi, as pypiserver does."),
    _option("--revision", metavar="TEXT", help="Revision of the deployment, which /health reports."),
    _option("--allow-plaintext", is_flag=True, help="Accept clear-text passwords in the accounts file."),
)
"""Add the options of `serve`; the command receives ``serve: ServeArgs``."""
