"""Several upstreams: which one a name belongs to, and the credentials, proxies and certificates on the way to each."""

import asyncio
import base64
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from publisher.cli.options.server import ServeArgs
from publisher.cli.run.admin.upstream_settings import chosen_upstream
from publisher.errors import ConfigurationError
from publisher.server.settings import UpstreamSettings, UpstreamSource
from publisher.server.upstream.errors import NotUpstreamError, UpstreamUnavailableError
from publisher.server.upstream.options import UpstreamChoices, upstream_settings
from tests.helpers.passing_on import QUICK, filenames, passing_on, read, settings_for
from tests.helpers.upstream import PROXIED, FakeUpstream, fake_upstream

ADA = "Basic " + base64.b64encode(b"ada:secret").decode()


@pytest.fixture
def other() -> Iterator[FakeUpstream]:
    """Return a second public index."""
    with fake_upstream() as running:
        yield running


def _policy(folder: Path, text: str) -> Path:
    path = folder / "policy.toml"
    path.write_text(text)
    return path


def _two(fake: FakeUpstream, other: FakeUpstream, folder: Path, **environment: str) -> UpstreamSettings:
    """Return settings in which `torch*` belongs to one upstream, also where a later one has a pattern for it."""
    policy = _policy(
        folder,
        f'[[upstream]]\nlabel = "wheels"\nurl = "{other.url}simple/"\nnames = ["torch*"]\n'
        f'[[upstream]]\nurl = "{fake.url}simple/"\nnames = ["torch-*", "foo"]\n',
    )
    settings = upstream_settings(UpstreamChoices("", "", folder / "cache", policy=policy), environment)
    assert settings is not None
    return settings


def test_the_first_pattern_decides_and_nothing_leads_to_another(
    fake: FakeUpstream, other: FakeUpstream, tmp_path: Path
) -> None:
    for name in ("foo", "torch", "torch_extra"):
        fake.add(tmp_path, name, "99.0")
    mine = other.add(tmp_path, "torch", "1.0")

    async def scenario() -> None:
        async with passing_on(_two(fake, other, tmp_path)) as upstream:
            assert await filenames(upstream, "torch") == [mine.filename]
            with pytest.raises(NotUpstreamError):
                await filenames(upstream, "torch-extra")
            other.faults["page"] = "503"
            with pytest.raises(UpstreamUnavailableError):
                await filenames(upstream, "torch-else")
            with pytest.raises(NotUpstreamError):
                await filenames(upstream, "unlisted")
            assert len(await filenames(upstream, "foo")) == 1

    asyncio.run(scenario())
    assert [path for path in fake.requests if not path.endswith(".metadata")] == ["/simple/foo/"]
    assert not [path for path in fake.requests if "torch" in path]


def test_credentials_go_to_the_origin_of_their_upstream_alone(
    fake: FakeUpstream, other: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("default login stranger password stranger\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    given = {"PYPI_INDEX_UPSTREAM_WHEELS_USERNAME": "ada", "PYPI_INDEX_UPSTREAM_WHEELS_PASSWORD": "secret"}
    settings = _two(fake, other, tmp_path, **given)
    foo, torch = fake.add(tmp_path, "foo"), other.add(tmp_path, "torch")
    moved = other.add(tmp_path, "torchmoved")
    moved.extra["url"] = other.url.replace("127.0.0.1", "localhost").rstrip("/") + moved.path

    async def scenario() -> None:
        async with passing_on(settings) as upstream:
            for file in (foo, torch, moved):
                assert await read(upstream, file.path) == file.data
            other.faults["page"] = "other host"
            other.add(tmp_path, "torchaway")
            assert len(await filenames(upstream, "torchaway")) == 1

    asyncio.run(scenario())
    assert all("authorization" not in headers for headers in fake.headers)
    everything = zip(other.requests, other.headers, strict=True)
    sent = [(path, headers.get("authorization")) for path, headers in everything if not path.endswith(".metadata")]
    assert sent == [
        ("/simple/torch/", ADA),
        (torch.path, ADA),
        ("/simple/torchmoved/", ADA),
        (moved.path, None),
        ("/simple/torchaway/", ADA),
        ("/simple/torchaway/", None),
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ImportWarning")  # of pypiserver, for its URL
def test_credentials_from_keyring_belong_to_the_upstreams_url(
    fake: FakeUpstream, other: FakeUpstream, tmp_path: Path, keyring_file: Path
) -> None:
    keyring_file.write_text(json.dumps({f"{other.url}simple/": {"ada": "secret"}}))
    text = f'[[upstream]]\nurl = "{other.url}simple/"\nnames = ["torch"]\n'
    for main in (f"{fake.url}simple/", "public"):
        args = ServeArgs(upstream=main, upstream_cache=tmp_path / "cache", upstream_policy=_policy(tmp_path, text))
        settings = chosen_upstream(args)
        assert settings is not None
        first, last = settings.sources
        assert first.credentials is not None
        assert (first.credentials.username, first.credentials.password.reveal()) == ("ada", "secret")
        assert last.credentials is None


@pytest.mark.parametrize(
    ("cache", "root", "apart"),
    [
        ("packages/cache", "packages", False),
        ("packages", "packages", False),
        ("link/cache", "packages", False),
        ("cache", "cache/packages", False),
        ("packages-cache", "packages", True),
        ("cache", "packages", True),
    ],
)
def test_the_cache_is_apart_from_the_packages(
    tmp_path: Path,
    keyring_file: Path,
    cache: str,
    root: str,
    apart: bool,  # noqa: FBT001
) -> None:
    keyring_file.write_text("{}")
    (tmp_path / "packages").mkdir()
    (tmp_path / "link").symlink_to("packages")
    roots = (tmp_path / "other", tmp_path / root)
    args = ServeArgs(root=roots, upstream="https://public.example/simple/", upstream_cache=tmp_path / cache)
    if apart:
        assert chosen_upstream(args) is not None
    else:
        with pytest.raises(ConfigurationError, match="must be apart") as caught:
            chosen_upstream(args)
        assert "--upstream-cache" in str(caught.value.hint)
        assert not list((tmp_path / "packages").iterdir())
        assert chosen_upstream(args._replace(upstream="")) is None
        assert chosen_upstream(args._replace(storage="s3://bucket/")) is not None


def test_a_proxy_is_used_except_for_hosts_in_no_proxy(
    fake: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foo, near = fake.add(tmp_path, "foo"), fake.add(tmp_path, "near")
    foo.extra["url"] = PROXIED.rstrip("/") + foo.path
    monkeypatch.setenv("http_proxy", fake.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    policy = _policy(
        tmp_path,
        f'[[upstream]]\nurl = "{fake.url}simple/"\nnames = ["near"]\n[[upstream]]\nurl = "{PROXIED}simple/"\n',
    )
    settings = upstream_settings(UpstreamChoices("", "", tmp_path / "cache", policy=policy), {})
    assert settings is not None

    async def scenario() -> None:
        async with passing_on(settings) as upstream:
            for file in (foo, near):
                assert await read(upstream, file.path) == file.data

    asyncio.run(scenario())
    hosts = [headers["host"] for headers in fake.headers]
    assert hosts == ["upstream.invalid"] * 2 + [fake.url.split("/")[2]] * 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: https://sign-in.example/\r\nContent-Length: 0\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"",
    ],
    ids=["407", "redirect", "nonsense", "nothing"],
)
def test_the_password_of_a_proxy_is_in_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    async def scenario() -> UpstreamUnavailableError:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(2**16)
            writer.write(answer)
            writer.close()

        proxy = await asyncio.start_server(refuse, "127.0.0.1", 0)
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://ada:secret@127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        source = UpstreamSource("https://upstream.invalid/simple/")
        async with proxy, passing_on(UpstreamSettings((source,), tmp_path / "cache", limits=QUICK)) as upstream:
            with pytest.raises(UpstreamUnavailableError) as failure:
                await upstream.page("foo", "", as_json=True)
            assert "secret" not in str(upstream.state())
        return failure.value

    message = asyncio.run(scenario()).message
    assert "secret" not in message + caplog.text
    assert "SSLContext" not in message


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", ""])
def test_the_companys_authority_is_trusted_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "authority.pem"))

    async def scenario(fake: FakeUpstream) -> None:
        file = fake.add(tmp_path, "foo")
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            if variable:
                assert await read(upstream, file.path) == file.data
            else:
                with pytest.raises(UpstreamUnavailableError, match="certificate"):
                    await read(upstream, file.path)

    with fake_upstream(context) as fake:
        asyncio.run(scenario(fake))


@pytest.mark.parametrize(
    "text",
    [
        "[[upstream]]\nurl = 1\n",
        '[[upstream]]\nurl = "https://ada:secret@x.example/"\n',
        '[[upstream]]\nurl = "https://x.example/"\nnames = []\n',
        '[[upstream]]\nurl = "https://x.example/"\nnames = ["a b"]\n',
        '[[upstream]]\nurl = "https://x.example/"\nname = ["a"]\n',
        '[[upstream]]\nurl = "https://x.example/"\nfirst-seen = "yes"\n',
        "[upstream]\nurl = 1\n",
        '[[deny]]\nversions = "1"\nname = "x"\n',
        'malicious = "missing.txt"\n',
        "[[deny]\n",
        "",
    ],
)
def test_a_policy_that_is_not_understood_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        upstream_settings(UpstreamChoices("", "", tmp_path / "cache", policy=_policy(tmp_path, text)), {})
    assert "secret" not in failure.value.message
