"""The command `pypi-publish serve`."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from publisher.cli.output import current_output

if TYPE_CHECKING:
    from publisher.server.settings import Right, ServerSettings

TOKEN_VARIABLE = "AUTH_TOKEN"  # noqa: S105 - the variable's name


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 for all.")
@click.option(
    "-p", "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one."
)
@click.option(
    "--root",
    "roots",
    metavar="DIR",
    multiple=True,
    type=click.Path(file_okay=False, path_type=Path),
    default=[Path("packages")],
    show_default=True,
    help="A folder with packages; uploads go to the first.",
)
@click.option(
    "-P",
    "--htpasswd",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(".htpasswd"),
    show_default=True,
    help="The accounts; made when it is missing.",
)
@click.option(
    "-a",
    "--authenticate",
    metavar="RIGHTS",
    default="download,list,update",
    show_default=True,
    help="What needs an account, separated by commas; '.' for nothing.",
)
@click.option("--overwrite", is_flag=True, help="Let an upload replace a file of the same name.")
@click.option("--fallback-url", metavar="URL", help="The index to send installers to for names that are unknown here.")
@click.option(
    "--reserve", "reserved", metavar="PATTERN", multiple=True, help="Names that never go there, like 'acme-*'."
)
@click.option("--max-size", metavar="MB", type=click.IntRange(1), default=2048, show_default=True, help="Of an upload.")
@click.option("--root-path", metavar="PATH", default="", help="The path prefix that a proxy serves the index under.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json", "none"]),
    default="text",
    show_default=True,
    help="The form of the access log, which goes to stderr.",
)
def command(host: str, port: int, root_path: str, log_format: Any, **options: Any) -> None:
    """
    Run the index on this machine.

    The environment variable AUTH_TOKEN holds the administrator's token, which opens the account API; without it
    accounts come from the htpasswd file alone.
    """
    from publisher.errors import ConfigurationError

    if find_spec("uvicorn") is None or find_spec("pypiserver") is None:
        raise ConfigurationError("The index is not installed.", hint="pip install 'pypi-publish[server]'")
    from publisher.server.app import create_app
    from publisher.server.run import listen, serve

    settings = _settings(options)
    listener = listen(host, port)
    shown_host = f"[{host}]" if ":" in host else host
    url = f"http://{shown_host}:{listener.getsockname()[1]}{root_path.rstrip('/')}/"
    folders = ", ".join(map(str, settings.roots))
    serve(
        create_app(settings, log_format),
        listener,
        root_path,
        lambda: click.echo(f"Serving {folders} on {url}", err=True),
    )


def _settings(options: dict[str, Any]) -> "ServerSettings":
    from publisher.errors import ConfigurationError
    from publisher.secret import Secret
    from publisher.server.auth.htpasswd import create_file
    from publisher.server.settings import MEGABYTE, Limits, ServerSettings

    for root in options["roots"]:
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"The package folder {root} can't be made: {error.strerror or error}.") from error
    rights = _rights(options["authenticate"])
    if rights:
        if not options["htpasswd"].exists():
            current_output().say(
                f"There are no accounts yet: {options['htpasswd']} is made. Add one with `pypi-publish users add` or "
                "`htpasswd -B`."
            )
        create_file(options["htpasswd"])
    token = os.environ.get(TOKEN_VARIABLE, "")
    return ServerSettings(
        roots=tuple(options["roots"]),
        htpasswd=options["htpasswd"] if rights or options["htpasswd"].exists() else None,
        authenticate=rights,
        admin_token=Secret(token) if token else None,
        overwrite=options["overwrite"],
        fallback_url=options["fallback_url"],
        reserved=options["reserved"],
        limits=Limits(upload_size=options["max_size"] * MEGABYTE),
    )


def _rights(text: str) -> "frozenset[Right]":
    from publisher.server.settings import Right

    if text.strip() == ".":
        return frozenset()
    names = {name.strip().lower() for name in text.split(",") if name.strip()}
    unknown = names - set(Right)
    if unknown or not names:
        known = ", ".join(Right)
        raise click.BadParameter(f"{text!r}: the rights are {known}, or '.' for none.", param_hint="--authenticate")
    return frozenset(Right(name) for name in names)
