"""Serving the index with the settings of the command line."""

import os
import socket
from dataclasses import replace
from ipaddress import ip_address

import click

from publisher.cli.display.output import current_output
from publisher.cli.options.server import ServeArgs
from publisher.cli.run.admin.bucket_settings import ACCOUNTS, require_bucket_url, require_nothing_else, signed_from
from publisher.cli.run.admin.upstream_settings import chosen_upstream
from publisher.client.url import parse_index_url
from publisher.errors import ConfigurationError
from publisher.limits import MEGABYTE, Limits
from publisher.secret import Secret
from publisher.server.app import create_app
from publisher.server.auth.htpasswd import create_file
from publisher.server.cores import usable_cores
from publisher.server.http.forwarding import is_trustable
from publisher.server.http.log_writer import SupervisorLog
from publisher.server.run import listen, listen_beside, serve, share_address
from publisher.server.settings import Activity, ServerSettings, UpstreamSettings
from publisher.server.siblings.files import sibling_files
from publisher.server.store.telling.changes import LOOK_AT_EVERYTHING
from publisher.server.supervisor import Supervisor
from publisher.server.upstream.context import load_client
from publisher.server.worker import WorkerPipes

TOKEN_VARIABLE = "AUTH_TOKEN"  # noqa: S105 - the variable's name


MOST_GIVEN = 256
MOST_WORKERS = 16
"""Workers of ``auto`` at most: each takes memory, whatever the number of cores."""


def serve_index(args: ServeArgs) -> None:
    """Serve until a signal arrives. Nothing is created when the address is taken."""
    rights, workers = _rights(args.authenticate), _worker_count(args.workers)
    listener = listen(args.host, args.port)
    _warn_of_clear_text(listener, args)
    settings = _settings(args, rights)
    shown_host = f"[{args.host}]" if ":" in args.host else args.host
    url = f"http://{shown_host}:{listener.getsockname()[1]}{args.root_path.rstrip('/')}/"
    folders = settings.bucket or ", ".join(map(str, settings.roots))
    if workers == 1:
        app = create_app(settings, args.log_format)
        serve(app, listener, args.root_path, lambda: app.log_writer.write(f"Serving {folders} on {url}"))
    else:
        _serve_with_workers(workers, settings, args, listener, f"Serving {folders} with {workers} workers on {url}")


def _serve_with_workers(
    count: int, settings: ServerSettings, args: ServeArgs, holder: socket.socket, banner: str
) -> None:
    """Serve in several processes, which share the address, one log, and the counts of failed logins."""
    with sibling_files() as siblings:
        shared = replace(settings, siblings=siblings, limits=settings.limits.divided(count))
        has_own_sockets = share_address(holder)
        if settings.upstream is not None:
            load_client()  # so that workers share its memory

        def work(pipes: WorkerPipes) -> None:
            listener = listen_beside(holder) if has_own_sockets else holder
            app = create_app(shared, args.log_format)
            serve(app, listener, args.root_path, pipes.serves, pipes.lifeline)

        log, news = SupervisorLog(siblings.log_lock), siblings.package_news()
        supervisor = Supervisor(count, work, log, on_death=lambda: news.tell(LOOK_AT_EVERYTHING))
        supervisor.run(lambda: log.write(banner))


def _worker_count(text: str) -> int:
    """Return the number of processes that serve."""
    if text.strip().lower() == "auto":
        return min(usable_cores(), MOST_WORKERS)
    if not text.isdecimal() or not 1 <= int(text) <= MOST_GIVEN:
        raise click.BadParameter(
            f"{text!r}: expected a number from 1 to {MOST_GIVEN}, or 'auto'.", param_hint="--workers"
        )
    return int(text)


def _warn_of_clear_text(listener: socket.socket, args: ServeArgs) -> None:
    """Warn of an address that other machines reach without TLS, unless a proxy that speaks it is named."""
    address = listener.getsockname()[0]
    if not ip_address(address.partition("%")[0]).is_loopback and not args.trusted_proxy:
        current_output().warn(
            f"Other machines reach {args.host} without TLS, so passwords travel unencrypted. Put a proxy with TLS in "
            "front and name it with --trusted-proxy, or listen on 127.0.0.1."
        )


def _settings(args: ServeArgs, rights: frozenset[Activity]) -> ServerSettings:
    """Return the settings, after creating the package folders and the accounts file that are missing."""
    if args.storage:
        return _bucket_settings(args, rights, require_bucket_url(args.storage))
    upstream = chosen_upstream(args)
    has_state = args.state is not None or bool(rights) or args.htpasswd.exists()
    if upstream is not None and not has_state:
        raise ConfigurationError(
            "--upstream needs a list of this index's own names that survives the loss of its disk.",
            hint="Add --state FILE on another disk, or accounts (--htpasswd FILE).",
        )
    for root in args.root:
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"The package folder {root} can't be created: {error.strerror or error}."
            ) from error
    if rights:
        if not args.htpasswd.exists():
            current_output().say(
                f"Creating {args.htpasswd} without accounts. Add one with `pypi-publish users add` or `htpasswd -B`."
            )
        create_file(args.htpasswd)
    return replace(
        _common_settings(args, rights, upstream),
        roots=args.root,
        htpasswd=args.htpasswd if rights or args.htpasswd.exists() else None,
    )


def _bucket_settings(args: ServeArgs, rights: frozenset[Activity], url: str) -> ServerSettings:
    is_foreign = require_nothing_else(args)
    return replace(
        _common_settings(args, rights, chosen_upstream(args)),
        bucket=url,
        signed_from=signed_from(args),
        htpasswd=args.htpasswd if is_foreign else ACCOUNTS,
        htpasswd_is_foreign=is_foreign,
    )


def _common_settings(args: ServeArgs, rights: frozenset[Activity], upstream: UpstreamSettings | None) -> ServerSettings:
    token = os.environ.get(TOKEN_VARIABLE, "")
    return ServerSettings(
        roots=(),
        state=args.state,
        authenticate=rights,
        admin_token=Secret(token) if token else None,
        overwrite=args.overwrite,
        fallback_url=args.fallback_url,
        upstream=upstream,
        reserved=args.reserve,
        allow_plaintext=args.allow_plaintext,
        accept_legacy=args.accept_legacy,
        trusted_proxies=_proxies(args.trusted_proxy),
        client_uploaders=args.client_uploader,
        public_url=parse_index_url(args.public_url).root if args.public_url else None,
        revision=args.revision,
        audit_days=args.audit_days,
        limits=Limits(upload_size=args.max_size * MEGABYTE),
    )


def _proxies(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        if not is_trustable(text):
            raise click.BadParameter(f"{text!r}: expected an address, a network or '*'.", param_hint="--trusted-proxy")
    return texts


def _rights(text: str) -> frozenset[Activity]:
    if text.strip() == ".":
        return frozenset()
    names = {name.strip().lower() for name in text.split(",") if name.strip()}
    unknown = names - set(Activity)
    if unknown or not names:
        known = ", ".join(Activity)
        raise click.BadParameter(
            f"{text!r}: expected activities among {known}, or '.' for none.", param_hint="--authenticate"
        )
    return frozenset(Activity(name) for name in names)
