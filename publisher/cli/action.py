"""The command `pypi-publish action`, which the actions in github-actions/ run."""

import click


@click.group("action", hidden=True)
def command() -> None:
    """Run a step of GitHub Actions with the inputs of an action (variables ``INPUT_...``)."""


@command.command("publish")
def publish() -> None:
    """Publish as the inputs of github-actions/publish say."""
    from publisher.cli.run.action import publish_step

    publish_step()


@command.command("configure")
def configure() -> None:
    """Let the following steps install from an index, as the inputs of github-actions/configure say."""
    from publisher.cli.run.action import configure_step

    configure_step()
