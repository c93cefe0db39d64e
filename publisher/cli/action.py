"""The command `pypi-publish action`, which the actions in github-actions/ run."""

import click


@click.group("action", hidden=True)
def command() -> None:
    """Run a step of GitHub Actions with the inputs of an action (variables ``INPUT_...``)."""


@command.command("publish")
def publish() -> None:
    """Publish with the inputs of github-actions/publish."""
    from publisher.cli.run.action import publish_step

    publish_step()


@command.command("configure")
def configure() -> None:
    """Configure the following steps with the inputs of github-actions/configure."""
    from publisher.cli.run.action import configure_step

    configure_step()
