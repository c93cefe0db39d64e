"""Administering the storage of an index, over the network or in its folders."""

import asyncio
import json
import os
from pathlib import Path

import click

from publisher.cli.display.output import current_output
from publisher.cli.options.storage import StorageArgs
from publisher.cli.run.admin.extras import require_server
from publisher.client.accounts import AccountAdmin, admin_url
from publisher.credentials.admin_token import find_token
from publisher.errors import ConfigurationError


def confirm_loss(place: StorageArgs) -> None:
    """Confirm a loss of packages, if there is one, and report how many names the index owns."""
    if place.root is not None:
        names, lost = _confirm_here(place, place.root)
    elif place.admin_url:
        index = admin_url(place.admin_url)
        admin = AccountAdmin(index, find_token(index, os.environ))
        try:
            names, lost = admin.confirm_loss()
        finally:
            admin.close()
    else:
        raise ConfigurationError("No index URL is set.", hint="Pass --root DIR, or --admin-url URL of a running index.")
    output = current_output()
    output.say(f"{'The loss is confirmed' if lost else 'Nothing is lost'}; the index owns {names} names.")
    if output.as_json:
        click.echo(json.dumps({"status": "confirmed" if lost else "nothing-lost", "names": names}, indent=2))


def _confirm_here(place: StorageArgs, root: Path) -> tuple[int, bool]:
    require_server()
    from publisher.cli.run.admin.local_audit import local_sender  # needs the extra [server], as the next
    from publisher.server.confirming import confirm_loss_of

    found = asyncio.run(confirm_loss_of(root, place.htpasswd, place.state, local_sender()))
    return found.names, found.lost
