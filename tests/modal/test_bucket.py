"""The deployment with PYPI_DEPLOY_BUCKET: packages and accounts in a bucket, and nothing on the volumes."""

import hashlib
from pathlib import Path

import pytest
import requests

from tests.helpers.bucket_index import new_index
from tests.helpers.dists import make_wheel
from tests.modal.api import new_api, running
from tests.modal.conftest import run_deploy
from tests.modal.containers import TOKEN, Platform, build_image

ANN = ("ann", "correct horse")


@pytest.mark.wide
@pytest.mark.usefixtures("object_store")
def test_containers_share_a_bucket(tmp_path: Path) -> None:
    url, objects = new_index("somebody", "correct horse")
    api = new_api()
    with running(api) as api_url:
        done = run_deploy(api_url, tmp_path, {"PYPI_DEPLOY_BUCKET": url})
    assert done.returncode == 0, done.stdout + done.stderr
    platform = Platform(api.workspace, build_image(api.workspace, tmp_path / "image"), tmp_path / "platform")
    try:
        one, other, registration = (platform.start(name) for name in ("server", "server", "register_user"))
        account = {"username": ANN[0], "password": ANN[1]}
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert requests.post(registration.url, json=account, headers=bearer, timeout=60).status_code == 201
        wheel = make_wheel(tmp_path, "acme")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        form = {":action": "file_upload", "sha256_digest": digest}
        with wheel.open("rb") as content:
            files = {"content": (wheel.name, content)}
            assert requests.post(one.url, data=form, files=files, auth=ANN, timeout=60).status_code == 200
        assert wheel.name in requests.get(f"{other.url}simple/acme/", auth=ANN, timeout=60).text
        assert requests.get(f"{other.url}packages/{wheel.name}", auth=ANN, timeout=60).content == wheel.read_bytes()
        for volume in ("pypiserver-data", "pypiserver-credentials"):
            assert platform.committed(volume) == set()
    finally:
        platform.close()
    assert {key.partition("/")[0] for key, _ in objects.walk("")} >= {"accounts", "files", "projects", "index.json"}
