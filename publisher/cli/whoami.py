"""The command `pypi-publish whoami`."""

import json
from typing import Any

import click

from publisher.cli.options import json_option, output_options, project_config, resolve_target, target_options
from publisher.cli.output import current_output


@click.command("whoami")
@target_options
@json_option
@output_options
def command(**options: Any) -> None:
    """Show who the index takes you for, what you may do there, and where the credentials come from."""
    from publisher.credentials.login import who_am_i

    target = resolve_target(options, project_config([]), or_login=True)
    account, source = who_am_i(target)
    output = current_output()
    if output.as_json:
        found = {
            "username": account.username,
            "index-url": target.url.root,
            "rights": account.rights,
            "source": source,
        }
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(account.username)
    rights = "not told by this index" if account.rights is None else ", ".join(account.rights) or "none"
    output.say(f"Index:       {target.url}")
    output.say(f"Rights:      {rights}")
    output.say(f"Credentials: from {source}")
