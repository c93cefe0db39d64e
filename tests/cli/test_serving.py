"""The settings, the address and the banner of an index that `serve` runs, without serving."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from publisher.cli.display.output import Output
from publisher.cli.options.server import ServeArgs, serve_options
from publisher.cli.run.admin import serving
from publisher.errors import ConfigurationError
from publisher.limits import Limits
from publisher.secret import Secret
from publisher.server import run
from publisher.server.settings import Activity, ServerSettings
from publisher.server.store.telling.changes import LOOK_AT_EVERYTHING

_MEGABYTE = 2**20


class Served:
    """Applications that would be served, with what they were given and what they log."""

    def __init__(self) -> None:
        self.settings: list[ServerSettings] = []
        self.formats: list[str] = []
        self.addresses: list[tuple[str, int]] = []
        self.root_paths: list[str] = []
        self.lifelines: list[int | None] = []
        self.lines: list[str] = []
        self.workers: list[int] = []
        self.heard: list[list[bytes] | None] = []

    def create_app(self, settings: ServerSettings, log_format: str) -> SimpleNamespace:
        self.settings.append(settings)
        self.formats.append(log_format)
        return SimpleNamespace(log_writer=SimpleNamespace(write=self.lines.append))

    def serve(
        self, _app: object, listener: socket.socket, root_path: str, on_ready: Any, lifeline: int | None = None
    ) -> None:
        self.addresses.append(listener.getsockname()[:2])
        self.root_paths.append(root_path)
        self.lifelines.append(lifeline)
        listener.close()
        on_ready()


class Forkless:
    """A supervisor that runs each worker in this process, and whose last worker then dies."""

    served: Served

    def __init__(self, count: int, work: Any, log: Any, on_death: Any) -> None:
        self._count, self._work, self._on_death = count, work, on_death
        log.write = self.served.lines.append

    def run(self, on_ready: Any) -> None:
        self.served.workers.append(self._count)
        for number in range(self._count):
            self._work(SimpleNamespace(serves=lambda: None, lifeline=100 + number))
        on_ready()
        siblings = self.served.settings[0].siblings
        assert siblings is not None
        reader = siblings.package_news().reader()
        self._on_death()
        self.served.heard.append(reader.hear())


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    found = Served()
    listen = run.listen
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(serving, "create_app", found.create_app)
    monkeypatch.setattr(serving, "serve", found.serve)
    monkeypatch.setattr(serving, "Supervisor", Forkless)
    Forkless.served = found
    with ExitStack() as sockets:
        monkeypatch.setattr(serving, "listen", lambda host, port: sockets.enter_context(listen(host, port)))
        yield found


def _serve(*arguments: str) -> Result:
    @click.command()
    @serve_options
    def command(serve: ServeArgs) -> None:
        serving.serve_index(serve)

    return CliRunner().invoke(command, ["--port", "0", *arguments], obj=Output(runner=None, color=None))


def test_an_index_is_served_with_the_defaults_of_the_options(served: Served, tmp_path: Path) -> None:
    done = _serve()
    assert done.exception is None
    (settings,), (address,) = served.settings, served.addresses
    assert settings.roots == (Path("packages"),)
    assert settings.htpasswd == Path(".htpasswd")
    assert settings.authenticate == frozenset(Activity)
    assert (settings.bucket, settings.admin_token, settings.upstream, settings.public_url) == (None,) * 4
    assert (settings.overwrite, settings.allow_plaintext, settings.accept_legacy) == (False,) * 3
    assert (settings.limits.upload_size, settings.audit_days) == (2048 * _MEGABYTE, 400)
    assert (served.formats, served.root_paths, served.lifelines) == (["text"], [""], [None])
    assert served.lines == [f"Serving packages on http://127.0.0.1:{address[1]}/"]
    assert (tmp_path / "packages").is_dir()
    assert (tmp_path / ".htpasswd").read_bytes() == b""
    assert done.stderr == (
        "Creating .htpasswd without accounts. Add one with `pypi-publish users add` or `htpasswd -B`.\n"
    )
    assert _serve().stderr == ""


def test_every_option_reaches_the_index(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "let me in")
    done = _serve(
        *("--root", "a/b", "--root", "c", "--state", "state", "--overwrite", "--fallback-url", "https://f.example/"),
        *("--reserve", "acme-*", "--client-uploader", "ada", "--max-size", "3", "--audit-days", "7"),
        *("--root-path", "/pypi/", "--public-url", "https://acme.example", "--log-format", "json"),
        *("--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "*", "--accept-legacy", "--allow-plaintext"),
        *("--revision", "r1"),
    )
    assert done.exception is None
    (settings,) = served.settings
    assert settings.roots == (Path("a/b"), Path("c"))
    assert (settings.state, settings.overwrite, settings.fallback_url) == (Path("state"), True, "https://f.example/")
    assert (settings.reserved, settings.client_uploaders) == (("acme-*",), ("ada",))
    assert (settings.limits.upload_size, settings.audit_days) == (3 * _MEGABYTE, 7)
    assert (settings.public_url, settings.revision) == ("https://acme.example/", "r1")
    assert settings.trusted_proxies == ("10.0.0.0/8", "*")
    assert (settings.accept_legacy, settings.allow_plaintext) == (True, True)
    assert settings.admin_token == Secret("let me in")
    assert (served.formats, served.root_paths) == (["json"], ["/pypi/"])
    assert served.lines == [f"Serving a/b, c on http://127.0.0.1:{served.addresses[0][1]}/pypi/"]


@pytest.mark.parametrize(
    ("text", "rights"),
    [
        (".", set()),
        (" . ", set()),
        ("update", {Activity.UPDATE}),
        (" Update, ,LIST ", {Activity.UPDATE, Activity.LIST}),
    ],
)
def test_activities_need_an_account_as_they_are_named(served: Served, text: str, rights: set[Activity]) -> None:
    assert _serve("-a", text).exception is None
    assert served.settings[0].authenticate == rights
    assert (served.settings[0].htpasswd is not None) is Path(".htpasswd").exists() is bool(rights)


@pytest.mark.parametrize("text", ["", ",", "updates", "update,read", "update,."])
def test_unknown_activities_are_refused_before_anything_is_created(served: Served, text: str, tmp_path: Path) -> None:
    done = _serve("-a", text)
    assert (done.exit_code, served.addresses, list(tmp_path.iterdir())) == (2, [], [])
    assert "--authenticate" in done.stderr
    assert "expected activities among download, list, update, or '.' for none" in done.stderr


def test_an_accounts_file_counts_where_no_activity_needs_an_account(served: Served) -> None:
    Path(".htpasswd").write_text("")
    assert _serve("-a", ".").stderr == ""
    assert served.settings[0].htpasswd == Path(".htpasswd")


@pytest.mark.parametrize(
    ("host", "proxies", "warned"),
    [
        ("0.0.0.0", (), True),
        ("0.0.0.0", ("--trusted-proxy", "10.0.0.1"), False),
        ("127.0.0.1", (), False),
        ("localhost", (), False),
    ],
)
def test_passwords_in_clear_text_are_warned_of_where_others_reach_the_index(
    served: Served, host: str, proxies: tuple[str, ...], *, warned: bool
) -> None:
    done = _serve("--host", host, *proxies)
    assert (f"warning: Other machines reach {host} without TLS" in done.stderr) is warned
    assert served.lines[0].startswith(f"Serving packages on http://{host}:")


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python knows no IPv6")
def test_an_ipv6_address_is_shown_in_brackets(served: Served) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert _serve("--host", "::1").exception is None
    assert served.lines == [f"Serving packages on http://[::1]:{served.addresses[0][1]}/"]


@pytest.mark.parametrize("proxy", ["nonsense", "10.0.0.0/99"])
def test_a_proxy_is_an_address_a_network_or_everybody(served: Served, proxy: str) -> None:
    done = _serve("--trusted-proxy", "127.0.0.1", "--trusted-proxy", proxy)
    assert (done.exit_code, served.settings) == (2, [])
    assert f"Invalid value for --trusted-proxy: {proxy!r}: expected an address, a network or '*'" in done.stderr


def test_a_package_folder_that_can_not_be_made_is_named(served: Served) -> None:
    Path("file").write_text("")
    done = _serve("--root", "file/packages")
    assert isinstance(done.exception, ConfigurationError)
    assert done.exception.message == "The package folder file/packages can't be created: Not a directory."
    assert served.settings == []


@pytest.mark.parametrize(
    ("arguments", "is_safe"),
    [
        (("-a", "."), False),
        (("-a", ".", "--state", "s"), True),
        (("-a", "update"), True),
        (("-a", ".", "--htpasswd", "there"), True),
        (("-a", ".", "--htpasswd", "absent"), False),
    ],
)
def test_an_upstream_needs_a_list_of_own_names_that_survives(
    served: Served, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], *, is_safe: bool
) -> None:
    """Else the loss of the disk would open the names of this index to the public ones."""
    monkeypatch.setenv("PYPI_INDEX_UPSTREAM_USERNAME", "reader")
    monkeypatch.setenv("PYPI_INDEX_UPSTREAM_PASSWORD", "correct horse")  # else keyring is asked
    Path("there").write_text("")
    done = _serve("--upstream", "https://up.example/simple/", "--upstream-cache", "cache", *arguments)
    assert (done.exception is None) is is_safe is bool(served.settings)
    if is_safe:
        assert served.settings[0].upstream is not None
        assert [source.url for source in served.settings[0].upstream.sources] == ["https://up.example/simple/"]
    else:
        assert isinstance(done.exception, ConfigurationError)
        assert "--state FILE" in str(done.exception.hint)


@pytest.mark.parametrize("size", [("--signed-from", "5"), ("--no-signed-urls",)])
def test_a_bucket_holds_packages_and_accounts(served: Served, tmp_path: Path, size: tuple[str, ...]) -> None:
    done = _serve("--storage", "s3://bucket/index/", *size)
    assert done.exception is None
    (settings,) = served.settings
    assert (settings.bucket, settings.roots) == ("s3://bucket/index", ())
    assert (settings.htpasswd, settings.htpasswd_is_foreign) == (Path(".htpasswd"), False)
    assert settings.signed_from == (5 * _MEGABYTE if len(size) == 2 else None)
    assert settings.authenticate == frozenset(Activity)
    assert served.lines[0].startswith("Serving s3://bucket/index on http://127.0.0.1:")
    assert list(tmp_path.iterdir()) == []


def test_the_accounts_of_a_bucket_may_be_in_a_file_that_is_only_read(served: Served) -> None:
    Path("accounts").write_text("")
    assert _serve("--storage", "s3://bucket/index", "--htpasswd", "accounts").exception is None
    assert (served.settings[0].htpasswd, served.settings[0].htpasswd_is_foreign) == (Path("accounts"), True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--root", "packages"), "--root and --storage can't be combined"),
        (("--htpasswd", "absent"), "absent does not exist"),
    ],
)
def test_a_bucket_takes_no_folder_besides(served: Served, arguments: tuple[str, ...], words: str) -> None:
    done = _serve("--storage", "s3://bucket/index", *arguments)
    assert (done.exit_code, served.settings) == (2, [])
    assert words in done.stderr


@pytest.mark.parametrize("count", ["0", "-1", "1.5", "many", "", "257", "²"])
def test_the_number_of_workers_is_one_that_can_be_meant(served: Served, count: str) -> None:
    done = _serve("--workers", count)
    assert (done.exit_code, served.addresses) == (2, [])
    assert "--workers" in done.stderr


@pytest.mark.parametrize(
    ("workers", "cores", "count"), [("2", 8, 2), ("auto", 3, 3), (" Auto ", 17, 16), ("256", 1, 256)]
)
def test_several_workers_share_the_address_the_siblings_and_the_limits(
    served: Served, monkeypatch: pytest.MonkeyPatch, workers: str, cores: int, count: int
) -> None:
    monkeypatch.setattr(serving, "usable_cores", lambda: cores)
    done = _serve("--workers", workers, "--root-path", "/pypi", "--log-format", "none")
    assert done.exception is None
    assert (served.workers, len(served.settings)) == ([count], count)
    assert len(set(served.addresses)) == 1
    assert {id(settings.siblings) for settings in served.settings} == {id(served.settings[0].siblings)}
    for settings in served.settings:
        assert settings.limits == Limits(upload_size=2048 * _MEGABYTE).divided(count)
        assert settings.roots == (Path("packages"),)
    assert (set(served.formats), set(served.root_paths)) == ({"none"}, {"/pypi"})
    assert served.lifelines == [100 + number for number in range(count)]
    url = f"http://127.0.0.1:{served.addresses[0][1]}/pypi/"
    assert served.lines == [f"Serving packages with {count} workers on {url}"]
    assert served.heard == [[LOOK_AT_EVERYTHING]]


def test_one_worker_of_a_machine_with_one_core_needs_no_supervisor(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "usable_cores", lambda: 1)
    assert _serve("--workers", "auto").exception is None
    assert (served.workers, len(served.settings), served.settings[0].siblings) == ([], 1, None)
