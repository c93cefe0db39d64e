"""The deployed functions in Modal's own container entry point, with the packages of the image and nothing else."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from passlib.apache import HtpasswdFile

from tests.helpers.dists import make_wheel
from tests.modal.containers import TOKEN, Container, Platform

ANN = ("ann", "correct horse")
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def _register(container: Container, user: tuple[str, str] = ANN, path: str = "") -> requests.Response:
    account = {"username": user[0], "password": user[1]}
    return requests.post(container.url + path, json=account, headers=BEARER, timeout=60)


def _upload(container: Container, file: Path, auth: tuple[str, str] = ANN) -> requests.Response:
    form = {
        ":action": "file_upload",
        "protocol_version": "1",
        "sha256_digest": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    with file.open("rb") as content:
        return requests.post(container.url, data=form, files={"content": (file.name, content)}, auth=auth, timeout=60)


def _get(container: Container, path: str, auth: tuple[str, str] = ANN) -> requests.Response:
    return requests.get(container.url + path, auth=auth, timeout=60, allow_redirects=False)


def _wait_for(true: Callable[[], bool], limit: float = 20.0) -> None:
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def test_the_audience_is_the_host_of_the_deployments_own_url(server: Container, platform: Platform) -> None:
    answer = requests.get(f"{server.url}_/oidc/audience", headers={"Host": "evil.example"}, timeout=60)
    url = platform.workspace.web_url("server")
    assert (answer.status_code, answer.json()) == (200, {"audience": urlsplit(url).netloc})


@pytest.fixture
def htpasswd(platform: Platform, tmp_path: Path) -> None:
    """An account whose hash costs little, as an earlier deployment left it (apr1)."""
    users = HtpasswdFile(str(tmp_path / "htpasswd"), new=True, default_scheme="apr_md5_crypt")
    users.set_password(*ANN)
    platform.commit_to("pypiserver-credentials", ".htpasswd", users.to_string())


@pytest.fixture
def server(platform: Platform, htpasswd: None) -> Container:  # noqa: ARG001 - it has its account when it starts
    return platform.start("server")


@pytest.fixture
def another(platform: Platform, server: Container) -> Container:  # noqa: ARG001 - the second one
    return platform.start("server")


def _install(container: Container, project: str, target: Path) -> "subprocess.CompletedProcess[str]":
    url = container.url.replace("http://", f"http://{ANN[0]}:{ANN[1].replace(' ', '%20')}@") + "simple/"
    environment = {**os.environ, "PIP_NO_INDEX": "0", "PIP_FIND_LINKS": ""}
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-cache-dir", "--index-url", url, project]
    return subprocess.run(
        [*command, "--target", str(target)], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_register_here_and_log_in_there_at_once(platform: Platform) -> None:
    server, registration = platform.start("server"), platform.start("register_user")
    assert _get(server, "simple/").status_code == 401
    created = _register(registration)
    assert (created.status_code, created.json()) == (201, {"username": "ann", "status": "created"})
    assert _get(server, "simple/").status_code == 200
    assert _register(registration).json()["status"] == "unchanged"
    changed = _register(registration, ("ann", "fresh correct horse"))
    assert (changed.status_code, changed.json()["status"]) == (200, "changed")
    assert _get(server, "simple/", ("ann", "fresh correct horse")).status_code == 200


def test_refusals_of_the_registration_endpoint_reveal_no_secret(platform: Platform) -> None:
    registration = platform.start("register_user")
    short = _register(registration, ("ann", "pass7!x"))
    assert (short.status_code, "at least 8" in short.text) == (422, True)
    assert _register(registration, ("a:b", "correct horse")).status_code == 422
    answers = [short]
    for body in ({"password": "correct horse"}, ["correct horse"], "correct horse", None):
        answers.append(requests.post(registration.url, json=body, headers=BEARER, timeout=10))
        assert answers[-1].status_code == 422
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}):
        account = {"username": "ann", "password": "correct horse"}
        answers.append(requests.post(registration.url, json=account, headers=wrong, timeout=10))
        assert answers[-1].status_code == 401
    assert _get(registration, "").status_code == 405
    schema = requests.get(registration.url + "openapi.json", timeout=10)
    assert "writeOnly" in schema.text
    text = schema.text + registration.log.read_text() + "".join(answer.text for answer in answers)
    for secret in ("correct horse", "pass7!x", TOKEN):
        assert secret not in text
    assert platform.committed("pypiserver-credentials") <= {".htpasswd.lock"}


@pytest.mark.wide
def test_two_containers_register_at_once_and_lose_no_account(platform: Platform) -> None:
    containers = [platform.start("register_user"), platform.start("server")]
    paths = ["", "register"]
    with ThreadPoolExecutor(6) as threads:
        jobs = [
            threads.submit(_register, containers[n % 2], (f"user{n}", "correct horse"), paths[n % 2]) for n in range(6)
        ]
        assert [job.result().status_code for job in jobs] == [201] * 6
    listed = requests.get(containers[1].url + "users", headers=BEARER, timeout=10).json()
    assert listed == {"users": [f"user{n}" for n in range(6)], "services": []}


def test_an_account_that_could_not_be_committed_is_not_acknowledged(platform: Platform) -> None:
    registration = platform.start("register_user")
    registration.mount("pypiserver-credentials").trouble.failing_commits = 1
    assert _register(registration).status_code == 503
    assert ".htpasswd" not in platform.committed("pypiserver-credentials")
    assert _register(registration).json()["status"] == "unchanged"
    assert ".htpasswd" in platform.committed("pypiserver-credentials")


def test_a_removed_account_stops_working_elsewhere(platform: Platform, server: Container) -> None:
    other = platform.start("server")
    assert _get(other, "simple/").status_code == 200
    removed = requests.delete(server.url + "users/ann", headers=BEARER, timeout=10)
    assert (removed.json()["username"], removed.json()["status"]) == ("ann", "removed")
    _wait_for(lambda: _get(other, "simple/").status_code == 401)


def test_upload_to_one_and_install_from_the_other(
    platform: Platform, server: Container, another: Container, tmp_path: Path
) -> None:
    assert _get(another, "simple/acme-widgets/").status_code == 404
    wheel = make_wheel(tmp_path)
    answer = _upload(server, wheel)
    assert answer.status_code == 200, answer.text
    assert platform.committed("pypiserver-data") == {wheel.name}
    done = _install(another, "acme-widgets", tmp_path / "site")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "acme_widgets" / "__init__.py").exists()


def test_pages_elsewhere_catch_up(platform: Platform, server: Container, tmp_path: Path) -> None:
    other = platform.start("server")
    _upload(server, make_wheel(tmp_path))
    assert "1.0-py3" in _get(other, "simple/acme-widgets/").text
    _upload(server, make_wheel(tmp_path, version="1.1"))
    _wait_for(lambda: "1.1-py3" in _get(other, "simple/acme-widgets/").text)


def test_an_upload_that_could_not_be_committed_is_not_listed(
    platform: Platform, server: Container, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path)
    server.mount("pypiserver-data").trouble.failing_commits = 1
    refused = _upload(server, wheel)
    assert (refused.status_code, "durable" in refused.text) == (503, True)
    assert _get(server, "simple/acme-widgets/").status_code == 404
    assert _get(server, f"packages/{wheel.name}").status_code == 404
    assert platform.committed("pypiserver-data") == set()
    assert _upload(server, wheel).status_code == 200
    assert platform.committed("pypiserver-data") == {wheel.name}


def test_a_commit_whose_reload_is_refused_has_stored_the_file(
    platform: Platform, server: Container, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path)
    mount = server.mount("pypiserver-data")
    (mount.folder / "held-open").touch()
    mount.pid = os.getpid()
    with (mount.folder / "held-open").open():
        assert _upload(server, wheel).status_code == 200
    assert mount.refused >= 1
    assert wheel.name in platform.committed("pypiserver-data")
    assert _get(server, f"packages/{wheel.name}").content == wheel.read_bytes()


@pytest.mark.wide
def test_neither_slow_downloads_nor_slow_uploads_keep_the_volume_from_reloading(
    server: Container, another: Container, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, members={"acme_widgets/big": os.urandom(24 * 2**20)})
    assert _upload(server, wheel).status_code == 200
    mount = server.mount("pypiserver-data")

    def endless() -> Iterator[bytes]:
        yield b"--x\r\n"
        while mount.reloads < before + 2:
            time.sleep(0.05)
            yield b"."

    with requests.get(server.url + f"packages/{wheel.name}", auth=ANN, stream=True, timeout=30) as slow:
        first = slow.raw.read(1000)
        before = mount.reloads
        with ThreadPoolExecutor(1) as threads:
            headers = {"Content-Type": "multipart/form-data; boundary=x"}
            job = threads.submit(requests.post, server.url, data=endless(), headers=headers, auth=ANN, timeout=30)
            for number in range(2):
                assert _upload(another, make_wheel(tmp_path, f"acme_{number}")).status_code == 200
                assert _get(server, f"simple/acme-{number}/").status_code == 200
            assert job.result().status_code == 400, job.result().text + server.log.read_text()
        assert mount.reloads >= before + 2
        assert mount.refused == 0
        assert first + slow.raw.read() == wheel.read_bytes()


@pytest.mark.wide  # 240 requests, with reloads that take 0.7 s each
def test_nothing_vanishes_while_the_volume_looks_empty(server: Container, another: Container, tmp_path: Path) -> None:
    wheels = [make_wheel(tmp_path, name=f"acme_{n}") for n in range(4)]
    for wheel in wheels:
        assert _upload(server, wheel).status_code == 200
        assert _get(server, f"simple/acme-{wheel.name[5]}/").status_code == 200
    mount = server.mount("pypiserver-data")
    mount.trouble.slow_reload = 0.7
    before = mount.reloads
    seen: list[bool] = []

    def ask(number: int) -> None:
        if number % 100 == 25:
            seen.append(_upload(another, make_wheel(tmp_path, f"other_{number}")).status_code == 200)
            seen.append(_get(server, f"simple/other-{number}/").status_code == 200)  # makes it reload
            return
        wheel = wheels[number % 4]
        if number % 2:
            page = _get(server, f"simple/{wheel.name[:6].replace('_', '-')}/")
            seen.append(page.status_code == 200 and wheel.name in page.text)
        else:
            file = _get(server, f"packages/{wheel.name}")
            seen.append(file.status_code == 503 or file.content == wheel.read_bytes())

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(ask, range(240)))
    assert len(seen) == 243
    assert all(seen)
    assert mount.reloads >= before + 2


def test_two_writers_during_a_rolling_deploy(
    platform: Platform, server: Container, another: Container, tmp_path: Path
) -> None:
    wheels = [make_wheel(tmp_path, version=f"1.{n}") for n in range(8)]
    containers = [server, another]
    with ThreadPoolExecutor(4) as threads:
        jobs = [threads.submit(_upload, containers[n % 2], wheel) for n, wheel in enumerate(wheels)]
        assert [job.result().status_code for job in jobs] == [200] * 8
    assert platform.committed("pypiserver-data") == {wheel.name for wheel in wheels}
    again = _upload(another, wheels[0])
    assert again.status_code == 200, again.text  # stored by the other one: the same bytes
    (tmp_path / "other").mkdir()
    other_bytes = make_wheel(tmp_path / "other", version="1.0", members={"acme_widgets/new.py": b""})
    conflict = _upload(another, other_bytes)
    assert (conflict.status_code, conflict.text[:19]) == (409, "File already exists")
    third = platform.start("server")
    page = _get(third, "simple/acme-widgets/").text
    assert all(wheel.name in page for wheel in wheels)


def test_an_interrupt_lets_an_upload_that_has_arrived_finish(
    platform: Platform, server: Container, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path)
    mount = server.mount("pypiserver-data")
    mount.trouble.slow_commit = 1.5
    with ThreadPoolExecutor(1) as threads:
        job = threads.submit(_upload, server, wheel)
        _wait_for((mount.folder / wheel.name).exists)
        server.interrupt()
        assert server.process.wait(20) == 0, server.log.read_text()
        job.exception()  # Modal gives the input to another container: whatever this client saw, the file is there
    assert wheel.name in platform.committed("pypiserver-data")
    another = platform.start("server")
    assert _upload(another, wheel).status_code == 200
    assert _get(another, f"packages/{wheel.name}").content == wheel.read_bytes()


def test_an_interrupt_in_the_middle_of_an_upload_leaves_nothing(platform: Platform, server: Container) -> None:
    def half() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="content"; filename="acme-1.0-py3-none-any.whl"\r\n\r\nPK'
        server.interrupt()
        while server.process.poll() is None:
            time.sleep(0.05)
            yield b"."

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with pytest.raises(requests.RequestException):
        requests.post(server.url, data=half(), headers=headers, auth=ANN, timeout=30).raise_for_status()
    assert server.process.wait(20) == 0, server.log.read_text()
    assert platform.committed("pypiserver-data") == set()


def test_an_existing_volume_is_served_as_it_is(platform: Platform, htpasswd: None, tmp_path: Path) -> None:  # noqa: ARG001
    wheel = make_wheel(tmp_path)
    platform.commit_to("pypiserver-data", wheel.name, wheel.read_bytes())
    platform.commit_to("pypiserver-data", "notes.txt", b"not a package")
    server = platform.start("server")
    done = _install(server, "acme-widgets", tmp_path / "site")
    assert done.returncode == 0, done.stderr


def test_a_request_that_takes_too_long_ends_in_a_redirect_and_can_be_repeated(
    platform: Platform, server: Container, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path)
    mount = server.mount("pypiserver-data")
    mount.trouble.slow_commit, server.request_limit = 1.0, 0.5  # 150 seconds on Modal
    late = requests.post(
        server.url,
        data={":action": "file_upload"},
        files={"content": (wheel.name, wheel.read_bytes())},
        auth=ANN,
        timeout=30,
        allow_redirects=False,
    )
    assert (late.status_code, "__modal_function_call_id" in late.headers["location"]) == (303, True)
    _wait_for(lambda: wheel.name in platform.committed("pypiserver-data"))
    server.request_limit = 150
    assert _upload(server, wheel).status_code == 200


def test_the_first_page_of_a_large_volume_comes_at_once(
    platform: Platform,
    htpasswd: None,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    store = platform.volumes["vo-pypiserver-data"].store
    wheel = make_wheel(tmp_path).read_bytes()
    store.mkdir(parents=True)
    for number in range(3000):
        (store / f"acme_{number}-1.0-py3-none-any.whl").write_bytes(wheel)
    server = platform.start("server")
    assert _get(server, "simple/").text.count("<a ") == 3000
    mounts = (server.mount("pypiserver-data"), server.mount("pypiserver-credentials"))
    assert [mount.commits for mount in mounts] == [2, 1]  # the list of owned names, begun and completed
    assert "acme-2999" in _get(server, "simple/").text


def test_every_module_that_is_uploaded_can_be_imported(platform: Platform) -> None:
    code = (
        "import importlib, pathlib, sys\n"
        "root = pathlib.Path(sys.argv[1])\n"
        "for file in root.rglob('*.py'):\n"
        "    parts = file.relative_to(root).with_suffix('').parts\n"
        "    importlib.import_module('.'.join(parts).removesuffix('.__init__'))\n"
    )
    done = subprocess.run(
        [Path(sys.executable).parents[1] / "image" / "bin" / "python", "-c", code, platform.root],
        env={"PYTHONPATH": str(platform.root), "MODAL_TASK_ID": "ta-1", "MODAL_IS_REMOTE": "1"},
        cwd=platform.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_nothing_but_what_serving_needs_is_imported(platform: Platform, server: Container) -> None:
    code = (
        "import sys, pypi_deploy\n"
        "from publisher.server.app import create_app\n"
        "from publisher.server.run import serve_in_background\n"
        "heavy = {'pypiserver', 'passlib', 'twine', 'keyring', 'build', 'requests'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [Path(sys.executable).parents[1] / "image" / "bin" / "python", "-c", code],
        env={"PYTHONPATH": str(platform.root), "MODAL_TASK_ID": "ta-1", "MODAL_IS_REMOTE": "1"},
        cwd=server.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_no_start_compiles_a_module(platform: Platform) -> None:
    folder = platform.root / "publisher"
    compiled = list(folder.rglob("__pycache__/*.pyc"))
    assert {file.parents[1] / f"{file.name.split('.')[0]}.py" for file in compiled} == set(folder.rglob("*.py"))
    unchecked = (1).to_bytes(4, "little")  # PEP 552: Python does not check it against the source
    assert {file.read_bytes()[4:8] for file in compiled} == {unchecked}


@pytest.mark.wide
def test_of_two_first_uploaders_in_two_containers_one_maintains_the_project(platform: Platform, tmp_path: Path) -> None:
    people = [ANN, ("bob", "correct horse")]
    users = HtpasswdFile(str(tmp_path / "htpasswd"), new=True, default_scheme="apr_md5_crypt")
    for person in people:
        users.set_password(*person)
    platform.commit_to("pypiserver-credentials", ".htpasswd", users.to_string())
    containers = [platform.start("server"), platform.start("server")]
    for number in range(3):
        wheels = [make_wheel(tmp_path, f"raced_{number}", version) for version in ("1.0", "2.0")]
        with ThreadPoolExecutor(2) as pool:
            statuses = pool.map(lambda each: _upload(*each).status_code, zip(containers, wheels, people, strict=True))
        assert list(statuses) == [200, 200]

        def known(number: int = number) -> list[list[str]]:
            answers = [_get(container, f"-/owners/raced-{number}") for container in containers]
            return [answer.json()["maintainers"] for answer in answers]

        _wait_for(lambda known=known: known()[0] == known()[1] != [])  # type: ignore[misc]
        assert known()[0] in (["ann"], ["bob"])
