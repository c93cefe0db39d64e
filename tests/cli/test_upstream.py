import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.http import Client
from tests.helpers.index import ADMIN_TOKEN, RunningIndex
from tests.helpers.upstream import FakeUpstream, fake_upstream

YOUNG = "2999-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        yield running


@pytest.fixture(scope="module")
def index(fake: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    folder = tmp_path_factory.mktemp("index")
    running = RunningIndex.start(
        folder,
        *("--upstream", f"{fake.url}simple/", "--cooldown", "3d", "-a", "update"),
        *("--upstream-cache", str(folder / "cache"), "--reserve", "acme-*"),
    )
    yield running
    running.stop()


def command(*arguments: str, index: RunningIndex | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
    env = {"PYPI_PUBLISH_ADMIN_TOKEN": ADMIN_TOKEN, "PATH": "/usr/bin:/bin"}
    place = ("--admin-url", index.url) if index is not None else ()
    done = subprocess.run(
        [sys.executable, "-m", "publisher.cli.main", *arguments, *place],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def test_an_urgent_fix_is_let_through_and_explained(index: RunningIndex, fake: FakeUpstream, tmp_path: Path) -> None:
    file = fake.add(tmp_path, "urgent", "1.0", uploaded=YOUNG)
    client = Client(index.url, None)
    assert client.filenames("urgent") == []
    refused = client.get("-/public/" + file.path.removeprefix("/packages/"))
    assert (refused.status_code, "the cooldown of 3 days hides it until 2999-" in refused.reason) == (403, True)
    assert "cooldown of 3 days hides it" in command("upstream", "why", "urgent==1.0", index=index).stdout
    command("upstream", "allow", "urgent==1.0", index=index, code=2)
    until = ("--until", "2100-01-01", "--reason", "CVE-2026-1234")
    command("upstream", "allow", "urgent==1.0", *until, index=index)
    assert client.filenames("urgent") == ["urgent-1.0-py3-none-any.whl"]
    listed = command("upstream", "list", index=index)
    assert "urgent==1.0 (CVE-2026-1234)" in listed.stderr
    assert "urgent  0 files" in listed.stdout
    command("upstream", "allow", "urgent==1.0", "--remove", index=index)
    assert client.filenames("urgent") == []


def test_a_public_name_is_claimed(index: RunningIndex, fake: FakeUpstream, tmp_path: Path) -> None:
    fake.add(tmp_path, "taken")
    said = f"taken may be published here; it hides {fake.url}simple/taken/."
    assert said in command("projects", "claim", "Taken", index=index).stderr
    done = command("projects", "claim", "Taken", "--json", index=index)
    assert json.loads(done.stdout) == {"name": "taken", "hides": f"{fake.url}simple/taken/"}
    assert json.loads(command("projects", "claim", "nobodys", "--json", index=index).stdout)["hides"] == ""


def test_private_names_that_exist_publicly_are_listed_without_the_reserved_ones(
    index: RunningIndex, fake: FakeUpstream, tmp_path: Path
) -> None:
    fake.add(tmp_path, "both")
    (index.root / "both-1.0.tar.gz").write_bytes(b"")
    (index.root / "acme_secret-1.0.tar.gz").write_bytes(b"")
    done = command("upstream", "claims", index=index)
    assert done.stdout == f"both  {fake.url}simple/both/\n"
    assert done.stderr.startswith("Asking upstream for your private names, except reserved ones.")
    assert "/simple/acme-secret/" not in fake.requests


def test_a_cache_is_warmed_alone_and_serves_an_index_without_its_upstream(fake: FakeUpstream, tmp_path: Path) -> None:
    file = fake.add(tmp_path, "warm")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"warm==1.0 --hash=sha256:{file.sha256}  # what we need\n")
    place = ("--upstream", f"{fake.url}simple/", "--upstream-cache", str(tmp_path / "cache"))
    command("upstream", "warm", str(requirements), *place)
    fake.faults = dict.fromkeys(("page", "file", "metadata"), "503")
    try:
        running = RunningIndex.start(tmp_path / "air-gap", *place, "-a", "update")
        client = Client(running.url, None)
        url = client.page("warm")["files"][0]["url"].lstrip("/")
        assert client.get(url).content == file.data
        assert client.get(f"{url}.metadata").content == file.metadata
        running.stop()
    finally:
        fake.faults = {}
    command("upstream", "warm", str(requirements), *place)
    requirements.write_text("warm>=1\n")
    command("upstream", "warm", str(requirements), *place, code=2)


def test_the_folders_of_an_index_are_administered_without_a_server(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.add(tmp_path, "local", "1.0", uploaded=YOUNG)
    place = ("--upstream", f"{fake.url}simple/", "--upstream-cache", str(tmp_path / "cache"))
    root = ("--root", str(tmp_path / "packages"), "--htpasswd", str(tmp_path / "htpasswd"))
    (tmp_path / "packages").mkdir()
    why = ("upstream", "why", "local", *root, *place, "--cooldown", "3d")
    assert command(*why).stdout.count("local-1.0-") == 1
    allow = ("allow", "local", "--until", "2100-01-01", "--reason", "a fix")
    command("upstream", *allow, *root, *place)
    command("upstream", "refresh", "local", *root, *place)
    assert "passed on" in command(*why).stdout
    assert "local" in command("upstream", "remove", "local", *root, *place).stderr


def test_an_index_without_an_upstream_says_so(tmp_path: Path) -> None:
    running = RunningIndex.start(tmp_path / "plain", "-a", "update")
    done = command("upstream", "list", index=running, code=2)
    assert "serve --upstream public" in done.stderr
    running.stop()


@pytest.mark.parametrize(
    "options",
    [
        ("--upstream", "public", "--fallback-url", "https://public.example/simple/"),
        ("--upstream", "ftp://public.example/"),
        ("--upstream", "https://me:secret@public.example/simple/"),
        ("--cooldown", "3d"),
        ("--upstream", "public", "--cooldown", "3 apples"),
        ("--upstream", "public", "--cache-size", "much"),
        ("--upstream", "public", "--upstream-cache", "/proc/nothing"),
        ("--upstream", "public", "--upstream-policy", "missing.toml"),
        ("--upstream", "public", "-a", "."),
    ],
    ids=" ".join,
)
def test_what_can_not_be_meant_ends_serve(tmp_path: Path, options: tuple[str, ...]) -> None:
    place = ("--root", str(tmp_path / "p"), "--htpasswd", str(tmp_path / "h"), "--port", "0")
    cache = () if "--upstream-cache" in options else ("--upstream-cache", str(tmp_path / "cache"))
    done = command("serve", *place, *cache, *options, code=2)
    assert "secret@" not in done.stderr
