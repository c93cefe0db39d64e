"""The netrc file: its place, its entry, and the hosts that it names."""

import pytest

from publisher.client.url import parse_index_url
from publisher.errors import ConfigurationError
from publisher.machine.paths import Machine
from publisher.machine.tools.netrc import Netrc
from publisher.machine.tools.tool import ConfiguredIndex, Setup
from publisher.secret import Secret

URL = parse_index_url("https://acme.example/")
SETUP = Setup(URL, "acme", "ada", Secret("correct"))


@pytest.mark.parametrize(
    ("platform", "environment", "path"),
    [
        ("linux", {}, "home/.netrc"),
        ("darwin", {}, "home/.netrc"),
        ("win32", {}, "home/_netrc"),
        ("linux", {"NETRC": ""}, "home/.netrc"),
        ("linux", {"NETRC": "/elsewhere/netrc"}, "/elsewhere/netrc"),
        ("win32", {"NETRC": "/elsewhere/netrc"}, "/elsewhere/netrc"),
    ],
)
def test_where_it_is(machine: Machine, platform: str, environment: dict[str, str], path: str) -> None:
    found = Netrc().paths(machine._replace(platform=platform, environment=environment), "user")
    assert list(found) == [machine.home.parent / path]


def test_an_entry_is_put_behind_the_others(machine: Machine) -> None:
    (edit,) = Netrc().edits(SETUP, machine, "user")
    assert edit.path == machine.home / ".netrc"
    assert edit.holds_secret
    text = edit.put("machine other.example login bob password x\n")
    assert text.startswith("machine other.example login bob password x\n")
    words = text.split()
    assert words[words.index("acme.example") :][:5] == ["acme.example", "login", '"ada"', "password", '"correct"']
    assert edit.put(None).split().count("machine") == 1


def test_a_second_entry_of_a_host_is_refused(machine: Machine) -> None:
    (edit,) = Netrc().edits(SETUP, machine, "user")
    with pytest.raises(ConfigurationError, match=r"\.netrc already has an entry for acme\.example\.$") as caught:
        edit.put("machine acme.example login bob password x\n")
    assert caught.value.hint == "Remove it first."


@pytest.mark.parametrize("setup", [Setup(URL, "a", "ada"), Setup(URL, "a", None, Secret("x")), Setup(URL, "a")])
def test_an_entry_is_written_only_with_name_and_password(machine: Machine, setup: Setup) -> None:
    with pytest.raises(ConfigurationError, match="holds the password itself") as caught:
        Netrc().edits(setup, machine, "user")
    assert "--embed-credentials" in str(caught.value.hint)


def test_hosts_are_read_in_order_and_hold_a_secret(machine: Machine) -> None:
    assert list(Netrc().read(machine)) == []
    path = machine.home / ".netrc"
    path.write_text("machine b.example login x password y\nmachine a.example login x password y\n")
    assert list(Netrc().read(machine)) == [
        ConfiguredIndex("a.example", str(path), secret_beside=True),
        ConfiguredIndex("b.example", str(path), secret_beside=True),
    ]


def test_its_variable_scope_and_note() -> None:
    assert Netrc().variables(SETUP) == {"NETRC": "$HOME/.netrc"}
    assert (Netrc.name, Netrc.command, list(Netrc.scopes)) == ("netrc", "", ["user"])
    (note,) = Netrc().notes(SETUP, "user")
    assert "https://acme.example/" in note
