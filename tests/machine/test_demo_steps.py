"""The demo's steps at their failures, each of which names the step and the reason."""

import sys
import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from publisher.machine import demo
from publisher.machine.demo import START_LIMIT, DemoFailedError, Show, run_demo
from tests.helpers.answering import Answer, Request, answering, of_text
from tests.helpers.waiting import is_running


class Shown:
    """The demo's report as lists."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.commands: list[str] = []
        self.lines: list[str] = []
        self.seconds: list[float] = []
        self.show = Show(self.steps.append, self.commands.append, self.lines.append, self.seconds.append)


def _run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> tuple[Shown, DemoFailedError]:
    """Run the demo with a shell script in place of this program, until it fails."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(demo, "_tool_command", lambda: [str(program)])
    shown = Shown()
    with pytest.raises(DemoFailedError) as caught:
        run_demo(None, shown.show)
    return shown, caught.value


START = "Start an index with passwords on a free port"


def test_an_index_that_ends_at_once_is_reported_with_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shown, error = _run(
        monkeypatch, tmp_path, f"echo \"$*\" > {tmp_path}/arguments; echo 'the port is taken' >&2; exit 1"
    )
    assert (tmp_path / "arguments").read_text().startswith("serve --host 127.0.0.1 --port 0 --root ")
    assert error.message == f"{START}: The index did not start:\nthe port is taken"
    assert (shown.steps, shown.seconds) == ([START], [])
    assert shown.commands == ["pypi-publish serve --port 0 --root packages --htpasswd htpasswd"]


def test_an_index_that_never_says_where_it_serves_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pid, later = tmp_path / "pid", count(step=2 * START_LIMIT)

    def clock() -> float:
        """Return a time that passes once the index has begun."""
        return next(later) if pid.exists() and pid.read_text() else 0.0

    monkeypatch.setattr(demo, "time", SimpleNamespace(monotonic=clock, sleep=time.sleep))
    _, error = _run(monkeypatch, tmp_path, f"echo 'Starting'; echo $$ > {pid}; exec sleep 60")
    assert error.message == f"{START}: The index did not start:\nStarting"
    assert not is_running(int(pid.read_text()))


def _serving(url: str, rest: str = "") -> str:
    serve = f"echo 'Serving /packages on {url}'; exec sleep 60"
    return f'case "$1" in serve) {serve};; *) {rest};; esac'


def test_a_refused_registration_names_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return of_text(507, "The disk is full.")

    with answering(answer) as url:
        shown, error = _run(monkeypatch, tmp_path, _serving(url))
    step = "Register a user over HTTP"
    assert error.message == f"{step}: The index did not register the user: The disk is full."
    assert shown.steps == [START, step]
    assert len(shown.seconds) == 1
    (request,) = asked
    assert (request.method, request.path) == ("POST", "/register")
    assert request.headers["Authorization"].startswith("Bearer ")
    assert b'"demo"' in request.body
    assert shown.lines == [url]


def test_a_command_that_fails_is_shown_with_its_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with answering(lambda _: Answer(201, b"created\n")) as url:
        shown, error = _run(monkeypatch, tmp_path, _serving(url, "echo 'no keyring' >&2; exit 4"))
    assert error.message.startswith("Log in: ")
    assert error.message.endswith("`pypi-publish login --username demo --password-stdin` ended with 4:\nno keyring")
    assert shown.lines[-1] == "201 created"
    assert len(shown.seconds) == 2


def test_files_that_are_not_there_already_fail_the_second_publication(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    report = '{"files": [{"path": "a.whl", "status": "uploaded"}], "projects": [{}]}'
    kept = f'printf "%s|" "$PYPI_PUBLISH_INDEX_URL" "$PYPI_PUBLISH_USERNAME" "$*" >> {tmp_path / "log"}'
    with answering(lambda _: Answer(201, b"created\n")) as url:
        monkeypatch.setenv("PYPI_PUBLISH_USERNAME", "another")
        shown, error = _run(monkeypatch, tmp_path, _serving(url, f"{kept}; echo '{report}'"))
    assert error.message.endswith("The files should all be there already; they are uploaded.")
    assert [step.partition(" ")[0] for step in shown.steps] == ["Start", "Register", "Log", "Build,", "Publish"]
    assert shown.commands[-1] == "pypi-publish publish acme-greetings --json"  # without the temporary folder
    logged = (tmp_path / "log").read_text().split("|")
    assert logged[:3] == [url, "", "login --username demo --password-stdin"]


RELEASE = '"name": "Acme_Widgets", "normalized-name": "acme-widgets", "version": "1.0"'


def _whole(tmp_path: Path, url: str, python: str) -> str:
    """Return a script that publishes, and write one in place of an environment's python."""
    states = (
        f"if [ -e {tmp_path}/once ]; then s=already-there; else s=uploaded; fi; "
        f"case $1 in publish) touch {tmp_path}/once;; esac"
    )
    report = f'{{"files": [{{"path": "dist/a.whl", "status": "%s"}}], "projects": [{{{RELEASE}}}]}}'
    (tmp_path / "python").write_text(f"#!/bin/sh\n{python}\n")
    return _serving(url, f"{states}; printf '{report}' $s")


@pytest.mark.parametrize(("given", "version"), [(True, "1.0"), (True, "0.9"), (False, "1.0")])
def test_a_release_is_installed_and_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, *, given: bool
) -> None:
    def create(environment: Path, *, with_pip: bool, symlinks: bool) -> None:
        assert (with_pip, symlinks) == (True, True)
        (environment / "bin").mkdir(parents=True)
        (environment / "bin/python").symlink_to(tmp_path / "python")
        (environment / "bin/acme-greet").symlink_to(tmp_path / "python")

    monkeypatch.setattr(demo, "venv", SimpleNamespace(create=create))
    making = 'case "$*" in *download*) mkdir -p "$6"; touch "$6/acme.whl";; esac'
    with answering(lambda _: Answer(201, b"created\n")) as url:
        script = _whole(tmp_path, url, f"{making}\necho {version}")
        (tmp_path / "python").chmod(0o755)
        program = tmp_path / "program"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(demo, "_tool_command", lambda: [str(program)])
        shown = Shown()
        if version == "1.0":
            run_demo(tmp_path / "mine" if given else None, shown.show)
        else:
            with pytest.raises(DemoFailedError, match=r"The environment has the version 0\.9, not 1\.0\.$"):
                run_demo(tmp_path / "mine", shown.show)
    pips = [command for command in shown.commands if command.startswith("pip ")]
    second = [command for command in shown.commands if command.startswith("pypi-publish ")][3]
    if given:
        assert pips == [
            "pip download --no-deps --dest downloads acme-widgets==1.0",
            "pip install downloads/acme.whl",
        ]
        assert second == "pypi-publish upload dist/a.whl --json"
        assert shown.commands[-1].startswith('python -c "import importlib.metadata as m')
        assert "'Acme_Widgets'" in shown.commands[-1]
    else:
        assert pips == ["pip install acme-widgets==1.0"]
        assert second == "pypi-publish publish acme-greetings --json"
        assert shown.commands[-1] == "acme-greet"
    assert shown.lines[-1] == version
    assert len(shown.seconds) == (7 if version == "1.0" else 6)


def test_this_program_is_run_by_its_own_interpreter() -> None:
    assert demo._tool_command() == [sys.executable, "-m", "publisher.cli.main"]
