"""Requests of `modal deploy`: the real client, run on the deployment file against an API on loopback."""

import ast
import re
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from modal_proto import api_pb2

from tests.modal.api import LoopbackModal, new_api, running
from tests.modal.conftest import ROOT, Deploy, client_settings


def _function(api: LoopbackModal, name: str) -> Any:
    return api.workspace.functions[name]


def _commands(api: LoopbackModal) -> list[str]:
    return [command for image in api.workspace.images.values() for command in image.dockerfile_commands]


def _uploaded(api: LoopbackModal) -> set[str]:
    """Return the files that are uploaded, by their paths below the folder of the one that is deployed."""
    paths = [PurePosixPath(name) for files in api.workspace.mounts.values() for name in files]
    (folder,) = {path.parent for path in paths if path.name == "pypi_deploy.py"}
    return {str(path.relative_to(folder)) for path in paths}


def _needed() -> set[str]:
    """Return the files that the deployment file needs of this checkout, by what its sources say."""
    found: set[Path] = set()
    unread = [ROOT / "deployments" / "pypi_deploy.py"]
    while unread:
        new = {file for name in _imported(unread.pop()) for file in _files_of(name)} - found
        found |= new
        unread += new
    data = (file for file in (ROOT / "publisher" / "server").rglob("*") if file.suffix not in {".py", ".pyc"})
    found |= {file for file in data if file.is_file()}
    return {"pypi_deploy.py", *(str(file.relative_to(ROOT)) for file in found)}


def _imported(file: Path) -> set[str]:
    """Return the names of modules in a source: imported anywhere in it but for type checkers, or as a text."""
    found: set[str] = set()
    unread: list[ast.AST] = [ast.parse(file.read_text("utf-8"))]
    while unread:
        node = unread.pop()
        match node:
            case ast.If(ast.Name("TYPE_CHECKING"), _, orelse):
                unread += orelse
                continue
            case ast.Import(names):
                found |= {each.name for each in names}
            case ast.ImportFrom(str(module), names):
                found |= {module, *(f"{module}.{each.name}" for each in names)}
            case ast.Constant(str(text)):  # a module that is started
                found.add(text)
        unread += ast.iter_child_nodes(node)
    return {name for name in found if re.fullmatch(r"publisher(\.\w+)*", name)}


def _files_of(name: str) -> set[Path]:
    """Return the files of a module and of the packages around it; none for a name that is no module."""
    path = ROOT.joinpath(*name.split("."))
    packages = {each / "__init__.py" for each in (path, *path.parents) if each.is_relative_to(ROOT / "publisher")}
    return {file for file in {path.with_suffix(".py"), *packages} if file.is_file()}


def test_app_functions_volumes_and_secret_have_their_fixed_names(deployed: LoopbackModal) -> None:
    (published,) = deployed.asked("AppPublish")
    assert published.name == "pypiserver"
    assert set(published.function_ids) == {"server", "register_user"}
    assert set(deployed.workspace.volumes) == {"pypiserver-data", "pypiserver-credentials"}
    assert all(
        ask.object_creation_type == api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING
        for ask in deployed.asked("VolumeGetOrCreate")
    )
    (secret,) = {(ask.deployment_name, *ask.required_keys) for ask in deployed.asked("SecretGetOrCreate")}
    assert secret == ("pypi-auth-token", "AUTH_TOKEN")


def test_the_first_container_makes_the_dictionaries(tmp_path: Path) -> None:
    code = """import pypi_deploy as found
for each in (found.leases, found.changes):
    each.put("a", 1)
    print(each.get("a"))"""
    api = new_api()
    with running(api) as url:
        environment = {**client_settings(url, tmp_path), "PYTHONPATH": str(ROOT / "deployments")}
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.stdout == "1\n1\n", done.stderr
    assert set(api.workspace.dicts) == {"di-pypiserver-credentials-leases", "di-pypiserver-credentials-changes"}


def test_the_server_listens_on_8080_with_both_volumes(deployed: LoopbackModal) -> None:
    function = _function(deployed, "server")
    assert function.webhook_config.type == api_pb2.WEBHOOK_TYPE_WEB_SERVER
    assert function.webhook_config.web_server_port == 8080
    assert function.webhook_config.web_server_startup_timeout >= 30
    assert not function.webhook_config.requires_proxy_auth  # pip can't send what that wants
    assert {each.mount_path: each.volume_id for each in function.volume_mounts} == {
        "/data/packages": "vo-pypiserver-data",
        "/credentials": "vo-pypiserver-credentials",
    }
    assert list(function.secret_ids) == ["st-pypi-auth-token"]


def test_limits_of_the_server(deployed: LoopbackModal) -> None:
    function = _function(deployed, "server")
    assert function.max_concurrent_inputs == 200
    assert function.target_concurrent_inputs == 100
    assert function.timeout_secs == 600
    assert function.resources.memory_mb == 512
    settings = function.autoscaler_settings
    assert (settings.min_containers, settings.max_containers, settings.scaledown_window) == (0, 1, 300)


def test_registration_is_a_documented_post_endpoint_with_the_accounts_alone(deployed: LoopbackModal) -> None:
    function = _function(deployed, "register_user")
    assert function.webhook_config.type == api_pb2.WEBHOOK_TYPE_FUNCTION
    assert function.webhook_config.method == "POST"
    assert function.webhook_config.web_endpoint_docs
    assert {each.mount_path: each.volume_id for each in function.volume_mounts} == {
        "/credentials": "vo-pypiserver-credentials"
    }
    assert list(function.secret_ids) == ["st-pypi-auth-token"]


def test_the_image_has_the_locked_requirements(deployed: LoopbackModal) -> None:
    commands = _commands(deployed)
    assert any(re.match(r"FROM python:3\.12\.\d+-slim", command) for command in commands)
    assert any("pip install -r /.requirements.txt --require-hashes" in command for command in commands)
    (requirements,) = {
        each.data
        for image in deployed.workspace.images.values()
        for each in image.context_files
        if each.filename == "/.requirements.txt"
    }
    assert requirements == (ROOT / "requirements" / "modal.txt").read_bytes()


def test_what_the_containers_import_is_uploaded_and_nothing_else(deployed: LoopbackModal) -> None:
    assert _uploaded(deployed) == _needed()
    assert not any(name.startswith(("publisher/cli", "publisher/building")) for name in _uploaded(deployed))


def test_no_secret_is_uploaded(deployed: LoopbackModal) -> None:
    assert not any(image.secret_ids for image in deployed.workspace.images.values())
    everything = b"".join(message.SerializeToString() for _, message in deployed.calls)
    assert b"as-made-up" not in everything


def test_deploying_again_keeps_ids_and_sources(api: LoopbackModal, deploy: Deploy) -> None:
    done = deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    before = dict(api.workspace.function_ids), dict(api.workspace.volumes)
    images = set(api.workspace.images)
    done = deploy({"PYPI_INDEX_REVISION": "0123456789ab"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(api.asked("AppCreate")) == 1
    first, second = api.asked("AppPublish")
    assert first.app_id == second.app_id
    assert dict(first.function_ids) == dict(second.function_ids)
    assert before == (dict(api.workspace.function_ids), dict(api.workspace.volumes))
    (new,) = set(api.workspace.images) - images  # sources that did not change are not copied or compiled again
    assert all(command.startswith(("FROM ", "ENV ")) for command in api.workspace.images[new].dockerfile_commands)


def test_it_deploys_its_own_checkout_from_any_folder(api: LoopbackModal, deploy: Deploy, tmp_path: Path) -> None:
    other = tmp_path / "publisher"  # another version that is installed
    other.mkdir()
    for name in ("__init__.py", "old.py"):
        (other / name).write_text("")
    done = deploy({"PYTHONPATH": str(tmp_path)}, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert _uploaded(api) == _needed()


def test_a_missing_secret_is_named(api: LoopbackModal, deploy: Deploy) -> None:
    api.workspace.secrets.clear()
    done = deploy()
    assert done.returncode != 0
    assert "Secret 'pypi-auth-token' not found" in done.stdout + done.stderr
    assert not api.asked("AppPublish")


def test_the_settings_reach_the_functions_and_their_containers(api: LoopbackModal, deploy: Deploy) -> None:
    done = deploy(
        {
            "PYPI_DEPLOY_APP": "pypiserver-staging",
            "PYPI_DEPLOY_DATA_VOLUME": "staging-data",
            "PYPI_DEPLOY_CREDENTIALS_VOLUME": "staging-credentials",
            "PYPI_DEPLOY_MIN_CONTAINERS": "1",
            "PYPI_DEPLOY_MAX_CONTAINERS": "3",
            "PYPI_DEPLOY_REGION": "eu-west,eu-north",
            "PYPI_DEPLOY_DOMAIN": "pypi.acme.example",
            "PYPI_DEPLOY_RESERVE": "acme-*",
        }
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (published,) = api.asked("AppPublish")
    assert published.name == "pypiserver-staging"
    assert set(api.workspace.volumes) == {"staging-data", "staging-credentials"}
    function = _function(api, "server")
    settings = function.autoscaler_settings
    assert (settings.min_containers, settings.max_containers) == (1, 3)
    assert list(function.scheduler_placement.regions) == ["eu-west", "eu-north"]
    assert [each.name for each in function.webhook_config.custom_domains] == ["pypi.acme.example"]
    assert "ENV PYPI_DEPLOY_RESERVE='acme-*'" in _commands(api)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PYPI_DEPLOY_MAX_CONTAINER", "3", "PYPI_DEPLOY_MAX_CONTAINER is not a setting of this deployment"),
        ("PYPI_DEPLOY_MAX_CONTAINERS", "many", "PYPI_DEPLOY_MAX_CONTAINERS must be a number, not 'many'"),
    ],
)
def test_a_mistaken_setting_is_refused(
    api: LoopbackModal, deploy: Deploy, variable: str, value: str, message: str
) -> None:
    done = deploy({variable: value})
    assert done.returncode != 0
    assert message in " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert not api.asked("AppCreate")


def test_the_file_imports_without_token_variables_or_fastapi() -> None:
    code = (
        "import sys, time, modal\n"
        "sys.modules['fastapi'] = None\n"
        "started = time.perf_counter()\n"
        "sys.path.insert(0, 'deployments')\n"
        "import pypi_deploy\n"
        "assert not [name for name in sys.modules if name.startswith(('publisher', 'uvicorn', 'pypiserver'))]\n"
        "print(time.perf_counter() - started)\n"
    )
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], env={}, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert float(done.stdout) < 1 + (time.monotonic() - started) / 10  # a second, or slower on a busy machine


def test_every_setting_is_documented_with_its_default() -> None:
    code = (
        "import sys; sys.path.insert(0, 'deployments'); import pypi_deploy\n"
        "for item in pypi_deploy.DeploySettings().variables().items(): print(*item)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    reference = (ROOT / "docs" / "reference" / "modal.md").read_text("utf-8")
    for line in done.stdout.splitlines():
        variable, _, default = line.partition(" ")
        assert f"| `{variable}` | {f'`{default}`' if default else ''}" in reference


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*/*modal*.md")), ids=lambda page: page.stem)
def test_links_of_the_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text("utf-8")):
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        headings = re.findall(r"^#+ (.+)$", linked.read_text("utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, target
