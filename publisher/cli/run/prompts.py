"""Questions to the person at the terminal, and secrets from stdin."""

import sys
from collections.abc import Callable
from typing import TypeVar

import click

from publisher.cli.display.output import current_output
from publisher.client.url import IndexUrl
from publisher.credentials.chain import Prompt
from publisher.errors import ConfigurationError
from publisher.secret import Credentials, Secret

Answer = TypeVar("Answer")


def can_ask() -> bool:
    """Return True if a person is at the terminal; False on a CI runner."""
    try:
        return current_output().runner is None and sys.stdin.isatty() and sys.stderr.isatty()
    except ValueError:  # a stream that was closed
        return False


def prompt_or_none(index: IndexUrl) -> Prompt | None:
    """Return a prompt for credentials, or None without a person at the terminal."""
    return (lambda username: ask(index, username)) if can_ask() else None


def ask(index: IndexUrl, username: str | None) -> Credentials:
    """Ask for the user name, unless it is known, and for the password."""
    current_output().say(f"Credentials for {index}")
    name = username or click.prompt("User name", err=True)
    return Credentials(name, Secret(click.prompt("Password", hide_input=True, err=True)), source="prompt")


def ask_new_password(username: str) -> Secret:
    """Ask for a new password until it is typed twice alike."""
    repeat = "Repeat the new password"
    return Secret(click.prompt(f"New password of {username}", hide_input=True, confirmation_prompt=repeat, err=True))


def read_secret(option: str) -> Secret:
    """Return the next line of stdin, which an option requires; raise UsageError if there is none."""
    text = sys.stdin.buffer.readline().decode("utf-8", "surrogateescape").rstrip("\r\n")
    if not text:
        raise click.UsageError(f"{option} was given, but stdin is empty.")
    return Secret(text)


def ask_until_valid(question: str, parse: Callable[[str], Answer]) -> Answer:
    """Return a person's answer once it is valid; a wrong one is explained and asked for again."""
    while True:
        try:
            return parse(click.prompt(question, err=True))
        except ConfigurationError as error:
            current_output().failure(error)
