"""The deploy workflow, run by `act` on this machine: Modal is an API on loopback, the deployed index is one here."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from modal_proto import api_pb2

from tests.conftest import WHEELS
from tests.helpers.dists import make_wheel
from tests.helpers.index import ADMIN_TOKEN, RunningIndex
from tests.helpers.issuer import github_claims, running_issuer
from tests.helpers.projects import ABSENT_INDEX, commit, git
from tests.helpers.tool import pypi_publish
from tests.helpers.trusted import secrets_of, trusting_index
from tests.modal.api import LoopbackModal
from tests.modal.conftest import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "deploy-modal.yaml"
NOTHING = "true"
# every entry a link of its own: whatever clears that folder leaves the real one alone
ENVIRONMENT = "mkdir .venv && ln -s {0}/bin {0}/lib {0}/pyvenv.cfg .venv/ && touch .venv/.ready"


@pytest.fixture
def loopback(api: LoopbackModal, server_url: str) -> tuple[LoopbackModal, str]:
    return api, server_url


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone's files, as they are here, with tests that only say that they ran."""
    place = tmp_path / "checkout"
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().split():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, place / name)
    (place / ".ci" / "run").write_text("test -z ${MODAL_TOKEN_ID-} && echo THE TESTS RAN WITHOUT SECRETS\n")
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*command, *arguments], cwd=place, check=True)
    subprocess.run(["git", "remote", "add", "origin", "https://github.com/acme/index.git"], cwd=place, check=True)
    return place


@pytest.fixture
def index(tmp_path: Path, checkout: Path) -> Iterator[RunningIndex]:
    revision = git(checkout, "rev-parse", "HEAD")[:12]
    with trusting_index(tmp_path / "index", None, "--revision", revision) as index:
        yield index


def _act(checkout: Path, server_url: str, *options: str) -> "subprocess.CompletedProcess[str]":
    actions = checkout.parent / "actions"
    pinned = re.findall(r"uses: (\S+@[0-9a-f]{40}) ", WORKFLOW.read_text())
    command = [str(Path(sys.executable).parent / "act"), "push", "-W", ".github/workflows/deploy-modal.yaml"]
    command += ["--platform", "ubuntu-24.04=-self-hosted", "--action-cache-path", str(checkout.parent / "cache")]
    for action in set(pinned):
        stand_in = actions / action.replace("/", "-")
        stand_in.mkdir(parents=True, exist_ok=True)
        does = ENVIRONMENT.format(Path(sys.executable).parents[1]) if "setup-python" in action else NOTHING
        (stand_in / "action.yml").write_text(
            "name: stand-in\ndescription: stand-in\n"
            f"runs: {{using: composite, steps: [{{run: '{does}', shell: bash}}]}}\n"
        )
        command += ["--local-repository", f"{action}={stand_in}"]
    command += ["--secret", "MODAL_TOKEN_ID=ak-made-up", "--secret", "MODAL_TOKEN_SECRET=as-made-up"]
    command += ["--env", f"MODAL_SERVER_URL={server_url}", "--env", f"MODAL_CONFIG_PATH={os.devnull}"]
    command += ["--env", "SMOKE_TEST_SECONDS=0"]
    command += options
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False, timeout=120)


def test_the_workflow_tests_deploys_and_asks_the_index(
    api: LoopbackModal, server_url: str, index: RunningIndex, checkout: Path
) -> None:
    api.workspace.url = index.url
    done = _act(checkout, server_url)
    log = done.stdout + done.stderr
    assert done.returncode == 0, log
    assert log.index("THE TESTS RAN WITHOUT SECRETS") < log.index("Run Main Deploy")
    assert f"ok: {index.url}health answered as revision " in log
    assert f"ok: {index.url}simple/ answered 401" in log
    assert [each.name for each in api.asked("AppPublish")] == ["pypiserver"]
    assert "as-made-up" not in log
    assert not any(index.root.glob("pypi_publish*"))  # it does not know which index


def _trust_line(page: str) -> list[str]:
    """Return the words of the command in a page that lets the deploy workflow publish the client."""
    text = (ROOT / page).read_text().replace("\\\n", " ")
    (line,) = (line for line in text.splitlines() if "trust add" in line and "--workflow deploy-modal.yaml" in line)
    return line.removeprefix("$ pypi-publish ").split()


@pytest.mark.wide
def test_the_workflow_publishes_the_client_with_no_secret(
    api: LoopbackModal, server_url: str, index: RunningIndex, checkout: Path
) -> None:
    # slow (one run of act, with a build)
    api.workspace.url = index.url
    earlier = make_wheel(index.root, "pypi_publish", "0.0.1")  # as the tutorial publishes it before
    workflow = "acme/index/.github/workflows/deploy-modal.yaml@refs/heads/main"
    with running_issuer() as issuer:
        issuer.runner_claims = github_claims(
            repository="acme/index",
            ref="refs/heads/main",
            environment="release",
            workflow_ref=workflow,
            job_workflow_ref=workflow,
        )
        filled = {"OWNER/REPOSITORY": "acme/index", "REPOSITORY_ID": "1001", "OWNER_ID": "42"}
        words = [filled.get(word, word) for word in _trust_line("docs/how-to/run-the-index-on-modal.md")]
        admin = {"PYPI_PUBLISH_ADMIN_TOKEN": ADMIN_TOKEN, "PYPI_PUBLISH_INDEX_URL": index.url}
        trusted = pypi_publish(*words, "--issuer", issuer.url, env=admin)
        assert trusted.code == 0, trusted.stderr
        given = {name: str(WHEELS) for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS")}
        given |= {"PIP_NO_INDEX": "1", "UV_DEFAULT_INDEX": ABSENT_INDEX, **issuer.runner_variables}
        options = [option for name, value in given.items() for option in ("--env", f"{name}={value}")]
        done = _act(checkout, server_url, "--var", f"PYPI_PUBLISH_INDEX_URL={index.url}", *options)
        log = done.stdout + done.stderr
        assert done.returncode == 0, log
        shown = re.sub(r"::add-mask::.*", "", log)
        assert not [secret for secret in secrets_of(index, issuer) if secret in shown]
    assert log.index("ok: ") < log.index("Run Main Publish the client")
    (wheel,) = set(index.root.glob("pypi_publish-*.whl")) - {earlier}
    with zipfile.ZipFile(wheel) as archive:
        made = json.loads(archive.read("publisher/release.json"))
    assert made == {"repository": "acme/index", "commit": git(checkout, "rev-parse", "HEAD")}


def test_a_deployed_index_that_does_not_work_is_reported_with_the_way_back(
    api: LoopbackModal, server_url: str, index: RunningIndex, checkout: Path
) -> None:
    api.workspace.url = index.url + "simple"  # answers, and is no index
    for _ in range(2):  # on a busy machine, act may lose the output of a step that ends at once
        done = _act(checkout, server_url)
        log = done.stdout + done.stderr
        assert done.returncode != 0
        assert "WRONG" in log
        if "modal app rollback" in log:
            break
    assert "modal app rollback pypiserver" in log


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("another revision", r"says revision '[0-9a-f]{12}', not "),
        ("no accounts", "says status 503, not 'ok'"),
        pytest.param("no folder", "says status 503, not 'ok'", marks=pytest.mark.wide),
    ],
)
def test_a_half_working_or_older_index_fails(
    loopback: tuple[LoopbackModal, str], index: RunningIndex, checkout: Path, fault: str, words: str
) -> None:
    api, server_url = loopback
    if fault == "another revision":
        (checkout / "later").touch()
        commit(checkout)
    elif fault == "no accounts":
        index.htpasswd.unlink()
    else:
        shutil.rmtree(index.root)
    workspace = api.workspace
    workspace.url = index.url
    workspace.app_ids["pypiserver"] = "ap-1"
    workspace.function_ids["server"] = "fu-server"
    workspace.functions["server"] = api_pb2.Function(function_name="server")
    command = [sys.executable, "deployments/smoke_test.py"]
    environment = {**os.environ, "MODAL_SERVER_URL": server_url, "MODAL_CONFIG_PATH": os.devnull}
    environment |= {"MODAL_TOKEN_ID": "ak-made-up", "MODAL_TOKEN_SECRET": "as-made-up", "SMOKE_TEST_SECONDS": "0"}
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode > 0
    assert re.search(rf"WRONG: {re.escape(index.url)}health {words}", done.stdout), done.stdout + done.stderr


def _workflow() -> Any:
    return yaml.safe_load(WORKFLOW.read_text())


def test_the_workflow_is_careful() -> None:
    workflow = _workflow()
    assert workflow["permissions"] == {}
    assert workflow["concurrency"] == {"group": "deploy-modal", "cancel-in-progress": False}
    assert workflow[True] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}  # YAML's `on`
    assert workflow["jobs"]["deploy"]["needs"] == "test"
    for job in workflow["jobs"].values():
        identity = {"id-token": "write"} if job is workflow["jobs"]["client"] else {}
        assert job["permissions"] == {"contents": "read", **identity}
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False
    for line in WORKFLOW.read_text().splitlines():
        assert "uses:" not in line or re.search(r"# v\d+\.\d+\.\d+$", line)
    assert "secrets." not in str(workflow["jobs"]["test"])
    client = workflow["jobs"]["client"]
    assert (client["needs"], client["if"]) == ("deploy", "${{ vars.PYPI_PUBLISH_INDEX_URL }}")
    assert "secrets." not in str(client)
    *_, publish = client["steps"]
    assert publish["env"]["PYPI_PUBLISH_TRUSTED_PUBLISHING"] == "always"
    assert publish["run"].endswith(".venv/bin/pypi-publish publish .\n")
    checkout = client["steps"][0]
    assert checkout["with"]["fetch-depth"] == 0  # a version without its tags is a wrong one


def test_every_setting_can_be_set_for_the_workflow() -> None:
    code = (
        "import sys; sys.path.insert(0, 'deployments'); import pypi_deploy; print(*pypi_deploy.deployment.variables())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    environment = _workflow()["jobs"]["deploy"]["env"]
    assert set(done.stdout.split()) == {name for name in environment if name.startswith("PYPI_DEPLOY_")}
    assert all(value == f"${{{{ vars.{name} }}}}" for name, value in environment.items())
