"""The deployment file's own decisions, called in this process."""

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from publisher.server import app, run
from publisher.server.settings import ServerSettings
from publisher.server.storage.bucket import opening
from publisher.server.storage.errors import NotDurableError
from publisher.server.storage.folder import FolderStorage
from tests.modal.conftest import ROOT

FILE = ROOT / "deployments" / "pypi_deploy.py"
TOKEN = "made-up-admin-token"
pytestmark = pytest.mark.filterwarnings("ignore:.* function is executing locally:UserWarning")

Load = Callable[..., Any]


def _load(name: str = "deployed_file") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


@pytest.fixture(scope="module")
def file() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("PYPI_DEPLOY_"):
                patch.delenv(name)
        yield _load()


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Return a function that reads the file with settings, as `modal deploy` does."""

    def read(**settings: str) -> Any:
        for name, value in settings.items():
            monkeypatch.setenv(f"PYPI_DEPLOY_{name.upper()}", value)
        monkeypatch.setenv("AUTH_TOKEN", TOKEN)
        return _load()

    return read


class AsyncCall:
    """A method of Modal's client that is awaited as `method.aio()`; notes its calls, and raises if it is to."""

    def __init__(self, error: Exception | None = None, seconds: float = 0.0) -> None:
        self.calls = 0
        self.error = error
        self.seconds = seconds

    async def aio(self) -> None:
        self.calls += 1
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error


class MadeUpVolume:
    """A volume whose commits and reloads are counted."""

    def __init__(self, commit: AsyncCall | None = None, reload: AsyncCall | None = None) -> None:
        self.commit = commit or AsyncCall()
        self.reload = reload or AsyncCall()


class MadeUpDict:
    """A `modal.Dict` in memory."""

    def __init__(self) -> None:
        self.entries: dict[str, Any] = {}
        self.get = SimpleNamespace(aio=self._get)
        self.put = SimpleNamespace(aio=self._put)
        self.items = SimpleNamespace(aio=self._items)

    async def _get(self, key: str) -> Any:
        return self.entries.get(key)

    async def _put(self, key: str, value: Any, *, skip_if_exists: bool = False) -> bool:
        if skip_if_exists and key in self.entries:
            return False
        self.entries[key] = value
        return True

    async def _items(self) -> AsyncIterator[tuple[str, Any]]:
        for item in list(self.entries.items()):
            yield item


@pytest.fixture
def dicts(file: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[MadeUpDict, MadeUpDict]:
    """Return the made-up dictionaries of leases and of changes."""
    leases, changes = MadeUpDict(), MadeUpDict()
    monkeypatch.setattr(file, "leases", leases)
    monkeypatch.setattr(file, "changes", changes)
    return leases, changes


def test_defaults_of_a_deployment(file: Any) -> None:
    settings = file.DeploySettings.read({})
    assert {field.name: getattr(settings, field.name) for field in fields(settings)} == {
        "app": "pypiserver",
        "data_volume": "pypiserver-data",
        "credentials_volume": "pypiserver-credentials",
        "secret": "pypi-auth-token",
        "min_containers": 0,
        "max_containers": 1,
        "scaledown_window": 300,
        "cpu": 0.5,
        "memory": 512,
        **dict.fromkeys(("region", "domain", "fallback_url", "upstream", "cooldown", "reserve"), ""),
        **dict.fromkeys(("client_uploaders", "bucket", "bucket_secret"), ""),
    }


def test_settings_have_the_type_of_their_default_and_others_keep_it(file: Any) -> None:
    read = file.DeploySettings.read
    settings = read({"PYPI_DEPLOY_CPU": "2", "PYPI_DEPLOY_MEMORY": "1024", "PYPI_DEPLOY_APP": "7"})
    assert (settings.cpu, settings.memory, settings.app, settings.max_containers) == (2.0, 1024, "7", 1)
    assert isinstance(settings.cpu, float)


@pytest.mark.parametrize(
    "environment",
    [
        {"PYPI_DEPLOY_APP": ""},  # an unset variable of a workflow
        {"PYPI_DEPLOY_NO_SUCH_SETTING": ""},
        {"PATH": "/bin", "APP": "other"},
        {"MY_PYPI_DEPLOY_APP": "other"},
    ],
)
def test_empty_variables_and_those_of_others_are_no_settings(file: Any, environment: Mapping[str, str]) -> None:
    assert file.DeploySettings.read(environment) == file.DeploySettings()


def test_settings_after_an_empty_variable_count(file: Any) -> None:
    found = file.DeploySettings.read({"PYPI_DEPLOY_APP": "", "HOME": "/", "PYPI_DEPLOY_MEMORY": "256"})
    assert found.memory == 256


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "PYPI_DEPLOY_MEMORIES",
            "1",
            "^PYPI_DEPLOY_MEMORIES is not a setting of this deployment; .*PYPI_DEPLOY_MEMORY,",
        ),
        ("PYPI_DEPLOY_PREFIX", "x", "^PYPI_DEPLOY_PREFIX is not a setting"),
        ("PYPI_DEPLOY_MEMORY", "1.5", "^PYPI_DEPLOY_MEMORY must be a number, not '1.5'$"),
        ("PYPI_DEPLOY_CPU", "half", "^PYPI_DEPLOY_CPU must be a number, not 'half'$"),
    ],
)
def test_unknown_or_unreadable_settings_stop_the_deployment(file: Any, variable: str, value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        file.DeploySettings.read({variable: value})


def test_the_container_reads_the_settings_of_the_deployment(file: Any) -> None:
    chosen = file.DeploySettings(app="staging", cpu=1.5, memory=2048, reserve="acme-*, b", bucket="s3://acme/index")
    variables = chosen.variables()
    assert variables["PYPI_DEPLOY_CPU"] == "1.5"
    assert variables["PYPI_DEPLOY_RESERVE"] == "acme-*, b"
    assert file.DeploySettings.read(variables) == chosen


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"PYPI_INDEX_REVISION": "a" * 40, "GITHUB_SHA": "b" * 40}, "a" * 12),
        ({"GITHUB_SHA": "b" * 40}, "b" * 12),
        ({"PYPI_INDEX_REVISION": "", "GITHUB_SHA": "0123456789abcdef"}, "0123456789ab"),
        ({"PYPI_INDEX_REVISION": "v1"}, "v1"),
    ],
)
def test_the_revision_is_the_container_s_or_the_workflow_s(
    file: Any, environment: Mapping[str, str], expected: str
) -> None:
    assert file.revision(environment) == expected


def test_the_revision_of_a_checkout_is_its_commit(file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "ROOT", tmp_path)
    assert file.revision({}) == ""  # no git repository
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["commit", "-qm", "first", "--allow-empty"]):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert file.revision({}) == head[:12]


def test_without_git_there_is_no_revision(file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert file.revision({}) == ""


def test_the_modules_of_the_index_are_found_and_those_of_the_client_s_commands_are_not(file: Any) -> None:
    found = file.imported_sources()
    assert {Path("secret.py"), Path("server/app.py"), Path("server/storage/bucket/opening.py")} <= found
    assert not [source for source in found if source.parts[0] in {"cli", "building", "machine", "checks"}]
    assert not [source for source in found if source.is_absolute() or not (ROOT / "publisher" / source).is_file()]


@pytest.mark.parametrize(
    "name",
    ["secret.py", "server/app.py", "server/web/templates/base.html", "server/py.typed"],
)
def test_containers_get_what_they_import_and_the_data_of_the_index(file: Any, name: str) -> None:
    assert not file.is_left_out(Path(name))


@pytest.mark.parametrize(
    "name",
    [
        "server/not_imported.py",
        "cli/main.py",
        "release.json",
        "files/server",
        "server/app.pyc",
        "server/__pycache__/app.cpython-312.pyc",
        "server/.DS_Store",
        "server/.cache/page.html",
    ],
)
def test_containers_do_without_other_files(file: Any, name: str) -> None:
    assert file.is_left_out(Path(name))


def test_the_shared_dictionary_gets_sets_and_creates(file: Any, dicts: tuple[MadeUpDict, MadeUpDict]) -> None:
    async def use() -> list[Any]:
        shared = file.SharedDict()
        await shared.put("lease/a", 1)
        return [
            await shared.get("lease/a"),
            await shared.get("lease/b"),
            await shared.create("lease/a", 2),
            await shared.create("lease/b", 3),
            await shared.get("lease/a"),
            await shared.get("lease/b"),
        ]

    assert asyncio.run(use()) == [1, None, False, True, 1, 3]
    assert dicts[0].entries == {"lease/a": 1, "lease/b": 3}
    assert dicts[1].entries == {}


def test_notices_of_changes_have_a_dictionary_of_their_own(file: Any, dicts: tuple[MadeUpDict, MadeUpDict]) -> None:
    leases, changes = dicts

    async def use() -> Any:
        shared = file.SharedDict()
        for key in ("changes/packages/a", "changes/credentials/b", "changes-of-mine"):
            await shared.put(key, key.upper())
        return await shared.items("changes/packages/")

    assert asyncio.run(use()) == {"changes/packages/a": "CHANGES/PACKAGES/A"}
    assert set(changes.entries) == {"changes/packages/a", "changes/credentials/b"}
    assert set(leases.entries) == {"changes-of-mine"}


def _write(file: Any, volume: MadeUpVolume, folder: Path) -> None:
    async def write() -> None:
        storage = file.open_volume(volume, folder, "packages")
        async with storage.writing() as files:
            await asyncio.to_thread(files.create, "a.txt", b"new")

    asyncio.run(write())


@pytest.mark.usefixtures("dicts")
def test_a_change_of_a_volume_is_committed(file: Any, tmp_path: Path) -> None:
    volume = MadeUpVolume()
    _write(file, volume, tmp_path)
    assert (tmp_path / "a.txt").read_bytes() == b"new"
    assert volume.commit.calls == 1


@pytest.mark.usefixtures("dicts")
def test_a_commit_whose_reload_was_refused_for_open_files_has_succeeded(file: Any, tmp_path: Path) -> None:
    volume = MadeUpVolume(AsyncCall(RuntimeError("there are open files preventing the operation")))
    _write(file, volume, tmp_path)
    assert volume.commit.calls == 1


@pytest.mark.usefixtures("dicts")
@pytest.mark.parametrize("error", [RuntimeError("commit failed"), OSError("open files")])
def test_any_other_failure_of_a_commit_fails_the_change(file: Any, tmp_path: Path, error: Exception) -> None:
    with pytest.raises(NotDurableError):
        _write(file, MadeUpVolume(AsyncCall(error)), tmp_path)


def test_others_changes_reload_the_volume(file: Any, dicts: tuple[MadeUpDict, MadeUpDict], tmp_path: Path) -> None:
    volume = MadeUpVolume()

    async def refresh() -> list[int]:
        storage = file.open_volume(volume, tmp_path, "packages")
        await storage.refresh()
        before = volume.reload.calls
        dicts[1].entries["changes/credentials/other"] = ("settled", "1")  # of the other volume
        await storage.refresh()
        between = volume.reload.calls
        dicts[1].entries["changes/packages/other"] = ("settled", "1")
        await storage.refresh()
        return [before, between, volume.reload.calls]

    before, between, after = asyncio.run(refresh())
    assert between == before
    assert after == between + 1


def _served(file: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[ServerSettings, Mapping[str, Any]]:
    """Run `server` up to serving; return the settings of its index, and how it would be served."""
    given: dict[str, Any] = {}

    def create(settings: ServerSettings, log: str) -> str:
        given.update(settings=settings, log=log)
        return "the app"

    monkeypatch.setattr(app, "create_app", create)
    monkeypatch.setattr(run, "listen", lambda host, port: f"{host}:{port}")
    monkeypatch.setattr(run, "serve_in_background", lambda served, socket: given.update(served=served, socket=socket))
    file.server.local()
    return given.pop("settings"), given


def test_the_server_of_a_deployment_with_defaults(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYPI_INDEX_REVISION", "0123456789ab")
    settings, served = _served(load(), monkeypatch)
    assert served == {"log": "json", "served": "the app", "socket": "0.0.0.0:8080"}
    assert settings.roots == (Path("/data/packages"),)
    assert settings.htpasswd == Path("/credentials/.htpasswd")
    assert settings.admin_token is not None
    assert settings.admin_token.reveal() == TOKEN
    assert (settings.fallback_url, settings.upstream, settings.public_url, settings.bucket) == (None,) * 4
    assert (settings.reserved, settings.client_uploaders) == ((), ())
    assert (settings.revision, settings.scheme, settings.trusted_proxies) == ("0123456789ab", "https", ("*",))
    packages, credentials = settings.packages_storage, settings.credentials_storage
    assert packages is not None
    assert credentials is not None
    assert [str(getattr(each, "root", None)) for each in (packages, credentials)] == ["/data/packages", "/credentials"]


def test_the_server_of_a_deployment_with_choices(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYPI_INDEX_REVISION", raising=False)
    file = load(
        domain=" pypi.acme.example , other.example",
        fallback_url="https://mirror.example/simple/",
        reserve="acme-*, ,tools ",
        client_uploaders=" ada,,ci ",
    )
    settings, _ = _served(file, monkeypatch)
    assert settings.public_url == "https://pypi.acme.example/"
    assert settings.fallback_url == "https://mirror.example/simple/"
    assert settings.reserved == ("acme-*", "tools")
    assert settings.client_uploaders == ("ada", "ci")
    assert settings.revision == ""


def test_the_server_passes_public_packages_on(load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = load(upstream="https://mirror.example/simple/", cooldown="3d")
    monkeypatch.setattr(file, "PUBLIC_CACHE", tmp_path)
    settings, _ = _served(file, monkeypatch)
    assert settings.upstream is not None
    assert [source.url for source in settings.upstream.sources] == ["https://mirror.example/simple/"]
    assert settings.upstream.cooldown == 3 * 86400
    assert settings.upstream.cache == tmp_path


def test_the_cache_of_public_packages_is_on_the_container_s_own_disk(file: Any) -> None:
    assert Path("/var/cache/pypi-publish") == file.PUBLIC_CACHE
    assert file.COMMIT_TIMEOUT == 60


def test_the_server_of_a_bucket_has_no_folders(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, _ = _served(load(bucket="s3://acme/index"), monkeypatch)
    assert (settings.bucket, settings.roots, settings.htpasswd) == ("s3://acme/index", (), Path(".htpasswd"))
    assert (settings.packages_storage, settings.credentials_storage) == (None, None)


def test_the_secret_of_a_bucket_is_given_to_containers(load: Load) -> None:
    assert len(load().secrets) == 1
    assert len(load(bucket_secret="bucket-keys").secrets) == 2


def test_the_url_is_the_one_that_modal_gave(file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert file.public_url() is None  # not deployed
    monkeypatch.setattr(file, "server", SimpleNamespace(get_web_url=lambda: "https://acme--pypiserver.modal.run"))
    assert file.public_url() == "https://acme--pypiserver.modal.run"


def _register(file: Any, account: object, token: str = TOKEN) -> tuple[int, Mapping[str, str], str]:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json")],
        "client": ("192.0.2.1", 1234),
        "scheme": "https",
    }
    answer = asyncio.run(file.register_user.local(SimpleNamespace(scope=scope), account, None))
    return answer.status_code, answer.headers, answer.body.decode()


@pytest.fixture
def registering(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the file with volumes and dictionaries of the test's own."""
    file = load()
    monkeypatch.setattr(file, "CREDENTIALS", tmp_path)
    monkeypatch.setattr(file, "credentials_volume", MadeUpVolume())
    monkeypatch.setattr(file, "leases", MadeUpDict())
    monkeypatch.setattr(file, "changes", MadeUpDict())
    return file


def test_registration_creates_an_account_on_the_volume(registering: Any, tmp_path: Path) -> None:
    status, headers, answer = _register(registering, {"username": "ada", "password": "correct horse"})
    assert (status, json.loads(answer)["status"]) == (201, "created")
    assert headers["content-type"].startswith("application/json")
    assert (tmp_path / ".htpasswd").read_text().startswith("ada:$2")
    assert registering.credentials_volume.commit.calls >= 1
    assert any(key.startswith("changes/credentials/") for key in registering.changes.entries)


@pytest.mark.parametrize(
    ("account", "token", "expected"),
    [
        ({"username": "ada", "password": "correct horse"}, "another-token", (401, "token")),
        ({"username": "ada", "password": "short"}, TOKEN, (422, "password")),
        ({"username": "ada"}, TOKEN, (422, "password")),
        (["ada", "correct horse"], TOKEN, (422, "object")),
    ],
)
def test_registration_refuses(
    registering: Any, tmp_path: Path, account: object, token: str, expected: tuple[int, str]
) -> None:
    status, _, answer = _register(registering, account, token)
    assert status == expected[0]
    assert expected[1] in answer
    assert not (tmp_path / ".htpasswd").exists()


def test_the_described_limits_of_an_account_are_the_ones_that_hold(registering: Any) -> None:
    schema = registering.ACCOUNT_SCHEMA
    assert (schema["type"], schema["title"]) == ("object", "Account")
    assert schema["required"] == list(schema["properties"]) == ["username", "password"]
    name, password = schema["properties"].values()
    assert (name["type"], password["type"], password["format"], password["writeOnly"]) == (
        "string",
        "string",
        "password",
        True,
    )
    short, long = "x" * password["minLength"], "x" * password["maxLength"]
    names = ["n" * name["maxLength"], "n" * (name["maxLength"] + 1)]
    tried = [(names[0], short), ("ada", long), (names[1], short), ("bob", short[1:]), ("cy", f"{long}x")]
    accounts = [{"username": user, "password": given} for user, given in tried]
    assert [_register(registering, account)[0] for account in accounts] == [201, 201, 422, 422, 422]


def test_accounts_of_a_bucket_are_opened_there(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = load(bucket="s3://acme/index")
    opened = []

    def open_storages(url: str) -> tuple[FolderStorage, FolderStorage]:
        opened.append(url)
        return FolderStorage(tmp_path / "packages"), FolderStorage(tmp_path / "accounts")

    monkeypatch.setattr(opening, "open_storages_in", open_storages)
    for name in ("packages", "accounts"):
        (tmp_path / name).mkdir()
    assert _register(file, {"username": "ada", "password": "correct horse"})[0] == 201
    assert _register(file, {"username": "ada", "password": "correct horse"})[0] == 200
    assert opened == ["s3://acme/index"]
    assert (tmp_path / "accounts/.htpasswd").exists()
    assert not list((tmp_path / "packages").iterdir())


def test_the_two_volumes_announce_their_changes_apart(
    file: Any, dicts: tuple[MadeUpDict, MadeUpDict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PACKAGES", "CREDENTIALS"):
        monkeypatch.setattr(file, name, tmp_path / name)
        (tmp_path / name).mkdir()
    for name in ("packages_volume", "credentials_volume"):
        monkeypatch.setattr(file, name, MadeUpVolume())

    async def write() -> None:
        settings = file.on_volumes()
        assert settings["htpasswd"] == tmp_path / "CREDENTIALS/.htpasswd"
        async with settings["packages_storage"].writing() as files:
            await asyncio.to_thread(files.create, "a.txt", b"new")

    asyncio.run(write())
    (key,) = dicts[1].entries
    assert key.startswith("changes/packages/")
    assert (file.packages_volume.commit.calls, file.credentials_volume.commit.calls) == (1, 0)
