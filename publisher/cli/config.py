"""The command `pypi-publish config`."""

import click

from publisher.cli.options.target import TargetArgs, target_options
from publisher.cli.options.tools import ConfigArgs, config_options
from publisher.cli.options.verbosity import output_options


@click.command("config")
@click.argument("tool", required=False, type=click.Choice(["pip", "uv", "poetry", "pdm", "pypirc", "netrc"]))
@config_options
@target_options
@output_options
def command(tool: str | None, *, config: ConfigArgs, target: TargetArgs) -> None:
    """
    Configure a tool on this machine for the index, or print its configuration.

    TOOL is pip, uv, poetry, pdm, pypirc (for twine, flit and hatch) or netrc. Passwords stay out of the files: the
    tools find them in the keyring, where `pypi-publish login` saves them.
    """
    from publisher.cli.run.tools import configure

    configure(tool, config, target)
