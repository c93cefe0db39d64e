"""Findings of `doctor` about the real tools, and about configurations that can be misled."""

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from publisher.client.models import Account
from publisher.client.url import IndexUrl, parse_index_url
from publisher.machine.candidate import Candidate
from publisher.machine.configure import make_setup
from publisher.machine.diagnosis import Diagnosis, DiagnosisLevel
from publisher.machine.doctor.credentials import Accepted
from publisher.machine.doctor.tools import check_tools
from publisher.machine.paths import Machine, this_machine
from publisher.machine.programs import Outcome
from publisher.machine.tools.installer import Examined, Installer
from publisher.machine.tools.pdm import Pdm
from publisher.machine.tools.pip import Pip
from publisher.machine.tools.poetry import Poetry
from publisher.machine.tools.pypirc import Pypirc
from publisher.machine.tools.uv import Uv
from publisher.secret import Credentials, Secret
from tests.conftest import USER
from tests.helpers.answering import Answer, Request, answering
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.tool import pypi_publish, run

CLIENTS = Path(sys.executable).parents[1] / "clients/bin"
LATIN = "p:ä ß latin"
ACME = "https://acme.example/"
OTHER = "https://other.example/simple/"
CANDIDATE = Candidate("widgets", "1.1.0", frozenset({"1.0", "1.1.0"}))


@pytest.fixture(scope="module")
def own_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    """Run an index that has nothing but widgets 1.1.0."""
    folder = tmp_path_factory.mktemp("own")
    running = RunningIndex.start(folder)
    running.add_user(USER, LATIN)
    client = Client(running.url, (USER, LATIN))
    assert client.upload(make_wheel(folder, "widgets", "1.1.0")).status_code == 200
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name)
    for name in ("UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_NO_CONFIG"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "shared"))


def _examine(
    tool: Installer | Pypirc, folder: Path, url: str = ACME, candidate: Candidate | None = None
) -> tuple[list[Diagnosis], bool | None]:
    findings: list[Diagnosis] = []
    machine = _machine(folder)
    setup = make_setup(parse_index_url(url), Account(USER, None))
    steps = tool.examine(Examined(machine, setup, candidate))
    while True:
        try:
            findings.append(next(steps))
        except StopIteration as end:
            assert all(found.remedy for found in findings if not found.verdict.is_well)
            return findings, end.value


def _machine(folder: Path) -> Machine:
    return this_machine()._replace(folder=folder)


def _shown(findings: list[Diagnosis], check: str) -> str:
    return " | ".join(f"{finding.verdict}: {finding.what}" for finding in findings if finding.check == check)


def _home(path: str, text: str, mode: int = 0o600) -> Path:
    file = Path.home() / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def _project(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(text)
    return folder


def _stand_in(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program on the path that takes no second to start."""
    (folder / "bin").mkdir(exist_ok=True)
    program = folder / "bin" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder / "bin"))


def _accepted() -> Accepted:
    return Accepted(Credentials(USER, Secret(LATIN), "keyring"), Account(USER, ()))


def test_pip_uv_and_twine_through_keyring(own_index: RunningIndex, keyring_chain: Path) -> None:
    # slow (each tool starts several times): a machine that is set up, with no secret in any file
    login = pypi_publish("login", "-u", USER, "--password-stdin", "--index-url", own_index.url, given=f"{LATIN}\n")
    assert login.code == 0, login.stderr
    _home(".config/pip/pip.conf", f"[global]\nindex-url = {own_index.url}simple/\nkeyring-provider = import\n")
    _home(
        ".config/uv/uv.toml",
        'keyring-provider = "subprocess"\n[[index]]\nname = "acme"\nexplicit = true\nauthenticate = "always"\n'
        f'url = "{own_index.url}simple/"\n',
    )
    _home(".pypirc", f"[distutils]\nindex-servers = acme\n[acme]\nrepository = {own_index.url}\n")
    done = pypi_publish("doctor", "--json", cwd=Path.home())
    assert done.code == 0, done.stderr
    for words in ("pip 2", "uv 0", "and so do flit and hatch"):
        assert words in done.stderr
    well = {finding["check"] for finding in done.json["findings"] if finding["verdict"] == "ok"}
    assert {"pip", "pip-trial", "uv", "uv-trial", "twine"} <= well
    assert "All is well." in done.stderr
    assert keyring_chain.exists()


def test_poetry_and_pdm_are_tried_in_a_project(
    own_index: RunningIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # slow (two slow tools lock a project)
    monkeypatch.setenv("PATH", f"{CLIENTS}:/usr/bin:/bin")
    monkeypatch.setenv("POETRY_HTTP_BASIC_ACME_USERNAME", USER)
    monkeypatch.setenv("POETRY_HTTP_BASIC_ACME_PASSWORD", LATIN)
    monkeypatch.setenv("PDM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("POETRY_CACHE_DIR", str(tmp_path / "cache"))
    _home(".netrc", f'machine 127.0.0.1 login {USER} password "{LATIN}"\n')
    source = f'name = "acme"\nurl = "{own_index.url}simple/"\n'
    _project(
        tmp_path,
        f'[[tool.poetry.source]]\n{source}priority = "explicit"\n'
        f'[[tool.pdm.source]]\n{source}include_packages = ["widgets"]\n',
    )
    for tool, name in ((Poetry(), "poetry"), (Pdm(), "pdm")):
        findings, known = _examine(tool, tmp_path, own_index.url, CANDIDATE)
        assert known is True
        assert "gets widgets 1.1.0 from this index" in _shown(findings, f"{name}-trial"), findings
        assert not _shown(findings, f"{name}-leak")


def test_pip_that_takes_a_strangers_package_is_reported(own_index: RunningIndex, tmp_path: Path) -> None:
    # slow (pip starts four times)
    link = '<a href="widgets-99.0.0-py3-none-any.whl">widgets-99.0.0-py3-none-any.whl</a>'

    def hostile(request: Request) -> Answer:
        body = link.encode() if request.path.endswith("/widgets/") else b""
        return Answer(200 if body else 404, body, {"Content-Type": "text/html"})

    secret = own_index.url.replace("://", f"://{USER}:{quote(LATIN)}@")
    _home(".netrc", f'machine 127.0.0.1 login {USER} password "{LATIN}"\n')
    with answering(hostile) as public:
        file = _home(
            ".config/pip/pip.conf",
            f"[global]\nindex-url = {own_index.url}simple/\nextra-index-url =\n  {public}simple/\n  {secret}simple/\n",
        )
        findings, known = _examine(Pip(), tmp_path, own_index.url, CANDIDATE)
    assert known is True
    assert str(file) in _shown(findings, "pip")
    assert f"this index or {public}simple/ has" in _shown(findings, "pip-leak")
    assert "problem: " in _shown(findings, "pip-trial")
    assert "takes widgets 99.0.0 from another index; this one has 1.1.0" in _shown(findings, "pip-trial")
    assert "has a password in a URL" in _shown(findings, "pip-secret")
    assert quote(LATIN) not in repr(findings)


def test_a_refused_pip_gets_a_remedy(own_index: RunningIndex, tmp_path: Path) -> None:
    # slow (pip starts four times)
    _home(".config/pip/pip.conf", f"[global]\nindex-url = {own_index.url}simple/\n")
    findings, _ = _examine(Pip(), tmp_path, own_index.url, CANDIDATE)
    trial = next(finding for finding in findings if finding.check == "pip-trial")
    assert trial.verdict is DiagnosisLevel.PROBLEM
    assert "it found no password that the index accepts" in trial.what
    assert "keyring-provider" in str(trial.remedy)


def test_pip_ignores_the_keyring_of_its_own_environment(
    own_index: RunningIndex, tmp_path: Path, keyring_chain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # slow (pip starts four times)
    login = pypi_publish("login", "-u", USER, "--password-stdin", "--index-url", own_index.url, given=f"{LATIN}\n")
    assert login.code == 0, login.stderr
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    _home(".config/pip/pip.conf", f"[global]\nindex-url = {own_index.url}simple/\nkeyring-provider = subprocess\n")
    findings, _ = _examine(Pip(), tmp_path, own_index.url, CANDIDATE)
    trial = next(finding for finding in findings if finding.check == "pip-trial")
    assert trial.verdict is DiagnosisLevel.PROBLEM
    assert "config --site set global.keyring-provider import" in str(trial.remedy)
    assert keyring_chain.exists()


def test_a_pip_that_cannot_read_the_index_is_to_be_updated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crash = "Traceback (most recent call last):\nTypeError: unhashable type: 'dict'"
    script = f'case "$1" in --version) echo pip 23.0.1;; config) echo;; *) echo "{crash}" >&2; exit 2;; esac'
    _stand_in(tmp_path, "pip", script, monkeypatch)
    monkeypatch.setenv("PIP_INDEX_URL", f"{ACME}simple/")
    script = script.replace("config) echo;;", f"""config) echo "global.index-url='{ACME}simple/'";;""")
    _stand_in(tmp_path, "pip", script, monkeypatch)
    findings, _ = _examine(Pip(), tmp_path, ACME, CANDIDATE)
    trial = next(finding for finding in findings if finding.check == "pip-trial")
    assert "it crashes (TypeError: unhashable type: 'dict')" in trial.what
    assert "-m pip install -U pip" in str(trial.remedy)


def test_pip_that_does_not_know_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", OTHER)
    findings, known = _examine(Pip(), tmp_path, ACME, CANDIDATE)
    assert known is False
    assert _shown(findings, "pip").endswith(f"does not use this index: it installs from {OTHER}.")
    assert [finding.verdict for finding in findings] == [DiagnosisLevel.NOTE]


def _index(url: str = f"{ACME}simple/", **keys: bool) -> str:
    flags = "".join(f"{key} = true\n" for key in keys)
    return f'[[index]]\nname = "i{abs(hash(url)) % 100}"\nurl = "{url}"\n{flags}'


_UV: dict[str, tuple[str, str | None]] = {
    "explicit": (_index(explicit=True), None),
    "the only one": (_index(default=True), None),
    "before the public one": (_index(), "comes from the public index"),
    "before another": (_index() + _index(OTHER, default=True), f"comes from {OTHER}"),
    "after another": (_index(OTHER) + _index(default=True), f"asks {OTHER} first"),
    "beside an explicit one": (_index(OTHER, explicit=True) + _index(default=True), None),
    "compared": ('index-strategy = "unsafe-best-match"\n' + _index(), "'unsafe-best-match' compares"),
    "in the old way": (f'index-url = "{OTHER}"\nextra-index-url = ["{ACME}simple/"]\n', f"comes from {OTHER}"),
}


@pytest.mark.parametrize("case", _UV)
def test_how_uv_can_be_misled(tmp_path: Path, case: str) -> None:
    text, words = _UV[case]
    file = _home(".config/uv/uv.toml", text)
    findings, known = _examine(Uv(), tmp_path)
    assert known is True
    assert str(file) in _shown(findings, "uv")
    leak = _shown(findings, "uv-leak")
    assert (words in leak) if words else not leak, findings


def test_uv_reads_the_nearest_project_variables_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "src/inner"
    inner.mkdir(parents=True)
    _project(tmp_path, f'[[tool.uv.index]]\nurl = "{ACME}simple/"\nexplicit = true\n')
    _project(inner, "[project]\nname = 'inner'\n")  # says nothing to uv
    findings, known = _examine(Uv(), inner)
    assert (known, str(tmp_path / "pyproject.toml") in _shown(findings, "uv")) == (True, True)
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    assert _examine(Uv(), inner)[1] is False
    monkeypatch.setenv("UV_INDEX", f"acme={ACME}simple/ {OTHER}")
    findings, known = _examine(Uv(), inner)
    assert (known, "UV_INDEX" in _shown(findings, "uv")) == (True, True)
    monkeypatch.setenv("UV_DEFAULT_INDEX", ACME.replace("://", "://ada:hidden@") + "simple/")
    findings, _ = _examine(Uv(), inner)
    assert "UV_DEFAULT_INDEX has a password" in _shown(findings, "uv-secret")
    assert "hidden" not in repr(findings)
    monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "broken.toml"))
    monkeypatch.delenv("UV_NO_CONFIG")
    (tmp_path / "broken.toml").write_text("[[index\n")
    findings, known = _examine(Uv(), inner)
    assert (
        known,
        "problem: " in _shown(findings, "uv"),
        "unreadable configuration" in _shown(findings, "uv"),
    ) == (
        False,
        True,
        True,
    )


def test_a_uv_without_keyring_gets_a_remedy(own_index: RunningIndex, tmp_path: Path) -> None:
    _home(".config/uv/uv.toml", _index(f"{own_index.url}simple/", explicit=True))
    findings, _ = _examine(Uv(), tmp_path, own_index.url, CANDIDATE)
    trial = next(finding for finding in findings if finding.check == "uv-trial")
    assert trial.verdict is DiagnosisLevel.PROBLEM
    assert "can't download widgets" in trial.what
    assert "Let uv ask keyring" in str(trial.remedy)


def test_a_uv_that_only_projects_configure(own_index: RunningIndex, tmp_path: Path, keyring_chain: Path) -> None:
    login = pypi_publish("login", "-u", USER, "--password-stdin", "--index-url", own_index.url, given=f"{LATIN}\n")
    assert login.code == 0, login.stderr
    _home(".config/uv/uv.toml", 'keyring-provider = "subprocess"\n')
    findings, known = _examine(Uv(), tmp_path, own_index.url, CANDIDATE)
    assert known is True
    assert "from each project that names it" in _shown(findings, "uv")
    assert "gets widgets 1.1.0 from this index" in _shown(findings, "uv-trial")
    assert keyring_chain.exists()


def _sources(tool: str, *sources: tuple[str, str, str]) -> str:
    return "".join(f'[[tool.{tool}.source]]\nname = "{name}"\nurl = "{url}"\n{more}\n' for name, url, more in sources)


_OURS = ("acme", f"{ACME}simple/")
_POETRY: dict[str, tuple[str, str | None]] = {
    "explicit": (_sources("poetry", (*_OURS, 'priority = "explicit"')), None),
    "the only one": (_sources("poetry", (*_OURS, "")), None),
    "supplemental": (_sources("poetry", (*_OURS, 'priority = "supplemental"')), "asks the public index first"),
    "beside another": (_sources("poetry", (*_OURS, ""), ("b", OTHER, "")), f"this index or {OTHER} has"),
    "beside the public one": (_sources("poetry", (*_OURS, ""), ("PyPI", "", "")), "or the public index has"),
}


@pytest.mark.parametrize("case", _POETRY)
def test_how_poetry_can_be_misled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    text, words = _POETRY[case]
    _stand_in(tmp_path, "poetry", "echo 'Poetry (version 2.5.1)'", monkeypatch)
    findings, known = _examine(Poetry(), _project(tmp_path, text))
    assert (known, "ok: poetry 2.5.1 uses this index" in _shown(findings, "poetry")) == (True, True)
    leak = _shown(findings, "poetry-leak")
    assert (words in leak) if words else not leak, findings


_PDM: dict[str, tuple[str, str | None]] = {
    "bound to its packages": (_sources("pdm", (*_OURS, 'include_packages = ["acme-*"]')), None),
    "in the public one's place": (_sources("pdm", ("pypi", f"{ACME}simple/", "")), None),
    "beside the public one": (_sources("pdm", (*_OURS, "")), "this index or the public index has"),
}


@pytest.mark.parametrize("case", _PDM)
def test_how_pdm_can_be_misled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    text, words = _PDM[case]
    _stand_in(tmp_path, "pdm", "echo 'PDM, version 2.29.3'", monkeypatch)
    findings, known = _examine(Pdm(), _project(tmp_path, text))
    assert known is True
    leak = _shown(findings, "pdm-leak")
    assert (words in leak) if words else not leak, findings


def test_pdm_that_is_pointed_here_for_all_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # slow (pdm starts three times)
    monkeypatch.setenv("PATH", f"{CLIENTS}:/usr/bin:/bin")
    assert _examine(Pdm(), tmp_path)[1] is False
    assert run([str(CLIENTS / "pdm"), "config", "pypi.url", f"{ACME}simple/"]).code == 0
    findings, known = _examine(Pdm(), tmp_path)
    assert (known, "from `pdm config pypi.url`" in _shown(findings, "pdm")) == (True, True)


def test_pypirc_is_read_as_twine_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _stand_in(tmp_path, "twine", "echo 'twine version 7.0.0 (keyring: 25.7.0)'", monkeypatch)
    assert "has no name for this index" in _shown(_examine(Pypirc(), tmp_path)[0], "twine")
    file = _home(".pypirc", f"[acme]\nrepository = {ACME}legacy/\nusername = ada\npassword = x\n", 0o644)
    findings, _ = _examine(Pypirc(), tmp_path)
    assert "twine 7.0.0 knows this index as 'acme', and so do flit and hatch" in _shown(findings, "twine")
    assert f"warning: {file} contains passwords" in _shown(findings, "pypirc-mode")
    file.write_text("[acme]\nrepository\n")
    assert "problem: " in _shown(_examine(Pypirc(), tmp_path)[0], "pypirc")


def test_twines_default_index_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _stand_in(tmp_path, "twine", "echo 'twine version 7.0.0 (keyring: 25.7.0)'", monkeypatch)

    def noted() -> str:
        return _shown(_examine(Pypirc(), tmp_path)[0], "twine-leak")

    assert f"note: twine 7.0.0 uploads to the public index unless you pass `--repository-url {ACME}`" in noted()
    _home(".pypirc", f"[acme]\nrepository = {ACME}\n")
    assert "the public index unless you pass `-r acme`" in noted()
    monkeypatch.setenv("TWINE_REPOSITORY", "other")
    assert "uploads to 'other' unless" in noted()
    monkeypatch.setenv("TWINE_REPOSITORY", "acme")
    assert not noted()
    monkeypatch.setenv("TWINE_REPOSITORY_URL", OTHER.replace("://", "://ada:hidden@"))
    assert "uploads to https://ada:****@other.example/simple/ unless" in noted()
    monkeypatch.setenv("TWINE_REPOSITORY_URL", ACME)
    assert not noted()


def test_a_tool_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _stand_in(tmp_path, "uv", "echo 'Traceback: no module' >&2; exit 1", monkeypatch)
    findings, known = _examine(Uv(), tmp_path)
    assert (known, _shown(findings, "uv")) == (None, "problem: uv does not start: Traceback: no module.")


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("error: 401 for https://ada:p%40ss@acme.example/simple/", "401 for https://ada:****@acme.example/simple/"),
        ("ERROR: https://:token@acme.example/ is down\nWARNING: a new release", "https://:****@acme.example/ is down"),
        ("no route to https://ada@acme.example/\n\n", "no route to https://ada@acme.example/"),
        ("", "no output"),
    ],
)
def test_output_of_programs_is_shown_without_passwords(output: str, shown: str) -> None:
    assert Outcome(1, "", output).last_line == shown


def test_no_tool_knows_the_index(own_index: RunningIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def checked(url: IndexUrl) -> list[Diagnosis]:
        return list(check_tools(url, _machine(tmp_path), _accepted()))

    index = parse_index_url(own_index.url)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checked(index) == []
    _stand_in(tmp_path, "poetry", "echo 'Poetry (version 2.5.1)'", monkeypatch)
    assert "warning: No tool on this machine uses the index." in _shown(checked(index), "configured")


def test_an_index_without_wheels_is_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: RunningIndex
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    empty = RunningIndex.start(tmp_path / "empty")
    empty.add_user(USER, LATIN)
    try:
        findings = list(check_tools(parse_index_url(empty.url), _machine(tmp_path), _accepted()))
    finally:
        empty.stop()
    assert _shown(findings, "candidate") == "note: The index is empty, so no tool could be tried."
    refused = list(check_tools(parse_index_url(index.url), _machine(tmp_path), _accepted()))
    assert "problem: " in _shown(refused, "candidate")
