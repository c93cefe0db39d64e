"""`doctor` names the cause in set-ups that are broken in one way each, and says that all is well where it is."""

import datetime as dt
import ssl
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from publisher.client.models import Account
from publisher.client.url import parse_index_url
from publisher.machine.diagnosis import DiagnosisLevel
from publisher.machine.doctor import keyring
from publisher.machine.doctor.credentials import Accepted
from publisher.machine.doctor.index import Thresholds, check_index
from publisher.secret import Credentials, Secret
from tests.conftest import PASSWORD, USER
from tests.helpers.answering import Answer, Request, answering, of_json
from tests.helpers.index import RunningIndex
from tests.helpers.terminal import typed
from tests.helpers.tool import Result, pypi_publish

ROOT = Path(__file__).parents[3]
LATIN = "p:ä ß latin"  # the keyring command prints it, pip and twine send it

_Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _keyring_is_the_only_tool(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the tools to tests of their own: they take seconds to start."""
    folder = tmp_path_factory.mktemp("path")
    (folder / "keyring").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m keyring "$@"\n')
    (folder / "keyring").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def _doctor(*options: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> Result:
    return pypi_publish("doctor", "--json", *options, cwd=cwd or Path.home(), env=env)


def _expect(result: Result, code: int, check: str, verdict: DiagnosisLevel, *words: str) -> _Json:
    """Expect a finding with these words in what it says or in its remedy, and return it."""
    assert result.code == code, result.stderr
    found: list[_Json] = [finding for finding in result.json["findings"] if finding["check"] == check]
    findings = [
        one for one in found if one["verdict"] == verdict and all(w in f"{one['what']} {one['remedy']}" for w in words)
    ]
    assert findings, (words, result.stderr)
    assert verdict in {DiagnosisLevel.OK, DiagnosisLevel.NOTE} or findings[0]["remedy"], "a trouble without a remedy"
    assert all(one["what"] in " ".join(result.stderr.split()) for one in found)
    return findings[0]


def _index_alone(url: str, **limits: Any) -> dict[str, str]:
    """Return the verdict and the words of each check of an index."""
    findings = list(check_index(parse_index_url(url), Thresholds(**limits)))
    return {finding.check: f"{finding.verdict}: {finding.what}" for finding in findings}


@pytest.fixture
def logged_in(index: RunningIndex, keyring_chain: Path) -> RunningIndex:
    """Log in, as on a machine where all is well."""
    index.add_user("hopper", LATIN)
    assert pypi_publish("login", "-u", "hopper", "--password-stdin", given=f"{LATIN}\n").code == 0
    assert keyring_chain.exists()
    return index


def _netrc(text: str, mode: int = 0o600) -> Path:
    path = Path.home() / ".netrc"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_all_is_well(logged_in: RunningIndex) -> None:
    done = _doctor()
    assert done.code == 0, done.stderr
    assert done.json["well"] is True
    assert "No problems found, but no tool was tried." in done.stderr
    for check in ("reachable", "clock", "is-an-index", "healthy", "accepted", "rights", "backend", "command"):
        assert {"ok"} == {one["verdict"] for one in done.json["findings"] if one["check"] == check}, check
    assert "plug-in" not in {one["check"] for one in done.json["findings"]}  # which only speaks where ours is missing
    assert logged_in.url in done.stderr
    assert LATIN not in done.everything
    assert pypi_publish("-q", "doctor", cwd=Path.home()).everything == ""


def test_the_only_login_names_the_index(logged_in: RunningIndex) -> None:
    done = _doctor(env={"PYPI_PUBLISH_INDEX_URL": ""})
    _expect(done, 0, "named", DiagnosisLevel.NOTE, f"hopper logged in to {logged_in.url}")


def test_no_index_is_named() -> None:
    _expect(_doctor(), 2, "named", DiagnosisLevel.PROBLEM, "No index URL is set", "--index-url")


def test_the_url_is_none() -> None:
    _expect(_doctor("--index-url", "acme.example"), 2, "named", DiagnosisLevel.PROBLEM, "expected http(s)")


def test_the_url_holds_a_password(logged_in: RunningIndex) -> None:
    url = logged_in.url.replace("://", "://hopper:hidden-secret@")
    done = _doctor("--index-url", url)
    _expect(done, 4, "named", DiagnosisLevel.WARNING, "contains a password", logged_in.url)
    assert "hidden-secret" not in done.everything


def test_the_host_does_not_exist() -> None:
    done = _doctor("--index-url", "https://acme.invalid/")
    _expect(done, 6, "reachable", DiagnosisLevel.PROBLEM, "unknown host 'acme.invalid'")


def test_nothing_listens(logged_in: RunningIndex) -> None:
    with answering(lambda _: None) as url:
        pass
    done = _doctor("--index-url", url)
    _expect(done, 6, "reachable", DiagnosisLevel.PROBLEM, "the connection was refused", "the index is running")
    assert logged_in.url not in done.stdout


def test_it_breaks_off() -> None:
    with answering(lambda _: None) as url:
        _expect(_doctor("--index-url", url), 6, "reachable", DiagnosisLevel.PROBLEM, "the connection broke off")


def test_it_does_not_speak_tls(index: RunningIndex) -> None:
    url = index.url.replace("http:", "https:")
    _expect(_doctor("--index-url", url), 6, "reachable", DiagnosisLevel.PROBLEM, "does not speak TLS", "http://")


def test_plain_http_to_another_machine_is_dangerous() -> None:
    found = _index_alone("http://acme.invalid/")
    assert found["encrypted"].startswith("warning: http://acme.invalid/ is plain HTTP")


@contextmanager
def _tls(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    host: str = "127.0.0.1",
    *,
    trusted: bool = True,
    not_before: dt.datetime | None = None,
    not_after: dt.datetime | None = None,
) -> Iterator[str]:
    """Serve an index's refusal with a certificate."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host, not_before=not_before, not_after=not_after).configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "authority.pem"))
    with answering(lambda _: Answer(401, b"a password, please"), context) as url:
        yield url


def _days(number: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=number)


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ({"not_before": _days(-9), "not_after": _days(-2)}, "its TLS certificate has expired"),
        ({"not_before": _days(2), "not_after": _days(9)}, "its TLS certificate is not valid yet"),
        ({"host": "other.example"}, "its TLS certificate is another host's"),
        ({"trusted": False}, "its TLS certificate is not trusted"),
    ],
    ids=["expired", "not yet valid", "another host's", "not trusted"],
)
def test_each_problem_of_a_certificate_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certificate: dict[str, Any], words: str
) -> None:
    with _tls(monkeypatch, tmp_path, **certificate) as url:
        _expect(_doctor("--index-url", url), 6, "reachable", DiagnosisLevel.PROBLEM, words)


def test_a_certificate_that_soon_expires(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with _tls(monkeypatch, tmp_path, not_before=_days(-2), not_after=_days(5)) as url:
        assert "warning: Its TLS certificate is trusted, for 4 more days" in _index_alone(url)["encrypted"]
    with _tls(monkeypatch, tmp_path, not_before=_days(-2), not_after=_days(50)) as url:
        assert "ok: Its TLS certificate is trusted" in _index_alone(url)["encrypted"]


@pytest.mark.parametrize(("minutes", "words"), [(10, "0:10:00 behind"), (-10, "0:10:00 ahead of")])
def test_a_clock_that_is_wrong(minutes: int, words: str) -> None:
    def answer(_: Request) -> Answer:
        date = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
        return Answer(401, headers={"Date": format_datetime(date, usegmt=True)})

    with answering(answer) as url:
        # a second more or less between two clocks that are read one after the other
        found = _index_alone(url)["clock"].replace("0:09:59", "0:10:00").replace("0:10:01", "0:10:00")
    assert found == f"warning: This machine's clock is {words} the index's."


def test_an_index_that_is_slow() -> None:
    with answering(lambda _: Answer(401)) as url:
        assert _index_alone(url, slow=0.0)["reachable"].startswith("warning: Slow")
        assert _index_alone(url, slow=60.0)["reachable"].startswith("ok")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(404), ("is not the root of a package index", "Check the index URL")),
        (Answer(200, b"<form>Sign in</form>", {"Content-Type": "text/html"}), ("lists no packages", "sign in first")),
        (Answer(302, headers={"Location": "https://login.example/"}), ("redirects to https://login.example/",)),
        (Answer(403), ("forbids access without asking for a password",)),
        (Answer(503, b"the disk is full", {"Content-Type": "text/plain"}), ("answered 503: the disk is full",)),
    ],
    ids=["nothing there", "a sign-in page", "a redirect", "forbidden", "unavailable"],
)
def test_something_else_than_an_index_answers(answer: Answer, words: tuple[str, ...]) -> None:
    with answering(lambda _: answer) as url:
        _expect(_doctor("--index-url", url), 6, "is-an-index", DiagnosisLevel.PROBLEM, *words)


def test_an_index_that_lost_its_disk(tmp_path: Path) -> None:
    own = RunningIndex.start(tmp_path / "own")
    try:
        own.root.rename(own.folder / "gone")
        own.root.write_text("no folder")
        done = _doctor("--index-url", own.url)
    finally:
        own.stop()
    _expect(done, 6, "healthy", DiagnosisLevel.PROBLEM, "The index can't work", "not on your machine")


def test_an_index_that_does_not_trust_its_proxy() -> None:
    health = Answer(200, b'{"status": "ok", "proxy": "not trusted"}', {"Content-Type": "application/json"})
    with answering(lambda request: health if request.path == "/health" else Answer(401)) as url:
        found = _index_alone(url)
    assert found["proxy"].startswith("warning: The index does not trust its proxy")
    assert found["healthy"].startswith("ok")


def test_an_open_index_needs_no_credentials() -> None:
    page = Answer(200, b'<a href="acme/">acme</a>', {"Content-Type": "text/html"})
    with answering(lambda request: page if request.path == "/simple/" else Answer(404)) as url:
        done = _doctor("--index-url", url)
    _expect(done, 4, "found", DiagnosisLevel.NOTE, "can be read without")
    _expect(done, 4, "healthy", DiagnosisLevel.NOTE, "not an index of pypi-publish")
    _expect(done, 4, "backend", DiagnosisLevel.PROBLEM, "No keyring can store passwords here")


def test_no_login(index: RunningIndex, keyring_chain: Path) -> None:
    done = _doctor()
    _expect(done, 4, "found", DiagnosisLevel.PROBLEM, f"No credentials for {index.url}", "`pypi-publish login`")
    assert not keyring_chain.exists()


def test_the_login_is_in_another_keyring(logged_in: RunningIndex, keyring_chain: Path) -> None:
    keyring_chain.unlink()
    done = _doctor()
    _expect(
        done,
        4,
        "found",
        DiagnosisLevel.PROBLEM,
        "The last login was hopper, but keyring no longer has the password",
        "PYTHON_KEYRING_BACKEND",
    )
    assert logged_in.url


def test_another_user_is_asked_for(logged_in: RunningIndex) -> None:
    done = _doctor("--username", "somebody")
    _expect(done, 4, "found", DiagnosisLevel.PROBLEM, "No credentials for somebody", "the last login was hopper")
    assert logged_in.url


def test_the_password_was_changed_elsewhere(logged_in: RunningIndex) -> None:
    logged_in.add_user("hopper", "changed elsewhere")
    _expect(
        _doctor(), 4, "accepted", DiagnosisLevel.PROBLEM, "refused the password of 'hopper' (from keyring)", "login"
    )


def test_a_password_without_a_user(index: RunningIndex, keyring_chain: Path) -> None:
    done = _doctor(env={"PYPI_PUBLISH_PASSWORD": "x"})
    _expect(done, 4, "found", DiagnosisLevel.PROBLEM, "PYPI_PUBLISH_PASSWORD is set, but no user name")
    assert index.url
    assert not keyring_chain.exists()


def test_netrc_holds_an_old_password(logged_in: RunningIndex) -> None:
    path = _netrc("machine 127.0.0.1 login hopper password outdated\n")
    done = _doctor()
    _expect(done, 4, "agree", DiagnosisLevel.WARNING, "Netrc has a password", "pip and uv look there first", str(path))
    assert logged_in.url


def test_netrc_is_read_by_others(index: RunningIndex, keyring_chain: Path) -> None:
    path = _netrc(f'machine 127.0.0.1 login {USER} password "{PASSWORD}"\n', 0o644)
    named = {"NETRC": str(path)}  # the default file must be private, or nothing reads it
    done = _doctor(env=named)
    _expect(done, 4, "netrc-mode", DiagnosisLevel.WARNING, "others on this machine can read it", f"chmod 600 {path}")
    path.chmod(stat.S_IRUSR)
    _expect(_doctor(env=named), 0, "accepted", DiagnosisLevel.OK, "from netrc")
    assert index.url
    assert not keyring_chain.exists()


def test_netrc_is_broken(logged_in: RunningIndex) -> None:
    _netrc("machine 127.0.0.1 login\n")
    _expect(_doctor(), 4, "found", DiagnosisLevel.PROBLEM, "can't be used: Not a valid netrc file")
    assert logged_in.url


@pytest.mark.parametrize(
    ("rights", "verdict", "words"),
    [
        (["list"], DiagnosisLevel.PROBLEM, "but not download"),
        (["download", "list"], DiagnosisLevel.NOTE, "install, but not publish"),
    ],
)
def test_rights_that_are_missing(keyring_file: Path, rights: list[str], verdict: DiagnosisLevel, words: str) -> None:
    account = {"username": USER, "rights": rights, "index": "pypi-publish", "version": "9.9"}

    pages: dict[str, _Json] = {"/whoami": account, "/simple/": {"projects": []}}

    def answer(request: Request) -> Answer:
        if "Authorization" not in request.headers:
            return Answer(401)
        return of_json(pages[request.path])

    with answering(answer) as url:
        done = _doctor("--index-url", url, env={"PYPI_PUBLISH_USERNAME": USER, "PYPI_PUBLISH_PASSWORD": "x"})
    code = 0 if verdict is DiagnosisLevel.NOTE else 4
    _expect(done, code, "rights", verdict, words)
    _expect(done, code, "version", DiagnosisLevel.NOTE, "runs pypi-publish 9.9")
    assert not keyring_file.exists()


@pytest.mark.parametrize(
    ("backend", "check", "words"),
    [
        ("no.such.Backend", "backend", "The keyring failed"),
        ("keyring.backends.null.Keyring", "backend", "No keyring can store passwords here"),
        ("keyring.backends.fail.Keyring", "backend", "No keyring can store passwords here"),
        ("tests.helpers.keyring_failures.Locked", "found", "the keychain is locked"),
    ],
)
def test_a_keyring_that_can_not_be_used(
    index: RunningIndex, keyring_file: Path, backend: str, check: str, words: str
) -> None:
    done = _doctor(env={"PYTHON_KEYRING_BACKEND": backend, "PYTHONPATH": str(ROOT)})
    _expect(done, 4, check, DiagnosisLevel.PROBLEM, words)
    assert index.url
    assert not keyring_file.exists()


def _path_with(folder: Path, script: str | None) -> dict[str, str]:
    """Return an environment whose `keyring` command is a script, or is not there."""
    folder.mkdir()
    if script is not None:
        (folder / "keyring").write_text(script)
        (folder / "keyring").chmod(0o755)
    return {"PATH": str(folder)}


_ELSEWHERE: dict[str, tuple[str | None, DiagnosisLevel, str]] = {
    "is missing": (None, DiagnosisLevel.WARNING, "No `keyring` command"),
    "finds nothing": ("#!/bin/sh\nexit 1\n", DiagnosisLevel.PROBLEM, "does not find the password"),
    "is too old": (
        "#!/bin/sh\necho 'unrecognized arguments: --mode=creds' >&2; exit 2\n",
        DiagnosisLevel.PROBLEM,
        "too old",
    ),
    "finds another": (
        '#!/bin/sh\necho \'{"username": "eve", "password": "x"}\'\n',
        DiagnosisLevel.PROBLEM,
        "password, for eve",
    ),
    "is another program": ("#!/bin/sh\necho hello\n", DiagnosisLevel.PROBLEM, "does not find the password"),
}


@pytest.mark.parametrize("case", _ELSEWHERE)
def test_the_keyring_command_that_tools_run(logged_in: RunningIndex, tmp_path: Path, case: str) -> None:
    script, verdict, words = _ELSEWHERE[case]
    done = _doctor(env=_path_with(tmp_path / "bin", script))
    _expect(done, 4, "command", verdict, words)
    assert logged_in.url


@pytest.mark.usefixtures("keyring_file")
def test_a_keyring_that_waits_for_a_person(
    logged_in: RunningIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "_TIME_LIMIT", 0.2)
    for name, value in _path_with(tmp_path / "bin", "#!/bin/sh\nexec /bin/sleep 60\n").items():
        monkeypatch.setenv(name, value)
    accepted = Accepted(Credentials("hopper", Secret(LATIN), "keyring"), Account("hopper", ()))
    found = [finding.what for finding in keyring.check_keyring(parse_index_url(logged_in.url), accepted)]
    assert "may have to be unlocked" in found[-1]


def test_a_keyring_without_the_plug_in_needs_the_name(logged_in: RunningIndex, tmp_path: Path) -> None:
    script = f"#!{sys.executable}\nimport keyring, keyring.cli, keyrings.alt.file as alternative\n"
    script += "keyring.set_keyring(alternative.PlaintextKeyring())\nkeyring.cli.main()\n"
    done = _doctor(env=_path_with(tmp_path / "bin", script))
    _expect(done, 4, "command", DiagnosisLevel.WARNING, "only for tools that send the user name", "plug-in")
    assert logged_in.url


def test_a_keyring_without_the_plug_in_knows_the_stored_names_alone(
    index: RunningIndex, keyring_file: Path, tmp_path: Path
) -> None:
    index.add_user("hopper", LATIN)
    assert pypi_publish("login", "-u", "hopper", "--password-stdin", given=f"{LATIN}\n").code == 0
    script = f'#!/bin/sh\nPYPI_PUBLISH_DEMO_KEYRING="{keyring_file}" exec "{sys.executable}" -m keyring "$@"\n'
    done = _doctor(env=_path_with(tmp_path / "bin", script))
    _expect(done, 0, "command", DiagnosisLevel.OK, "finds the password too")
    _expect(done, 0, "plug-in", DiagnosisLevel.NOTE, "lacks the plug-in", "PYTHON_KEYRING_BACKEND")


_PROJECTS: dict[str, tuple[str, DiagnosisLevel, str, str]] = {
    "no TOML": ("[project\n", DiagnosisLevel.PROBLEM, "configuration", "is not valid TOML"),
    "an unknown key": ("[tool.pypi-publish]\nindex = 'x'\n", DiagnosisLevel.PROBLEM, "configuration", "unknown key"),
    "a password": (
        "[tool.pypi-publish]\npassword = 'x'\n",
        DiagnosisLevel.PROBLEM,
        "configuration",
        "contains a password",
    ),
    "a password in the URL": (
        "[build-system]\nrequires=[]\n[tool.pypi-publish]\nindex-url = 'https://a:hidden@acme.invalid/'\n",
        DiagnosisLevel.PROBLEM,
        "secret",
        "everyone with access to the repository",
    ),
    "no backend": (
        "[project]\nname = 'acme'\nversion = '1'\n",
        DiagnosisLevel.WARNING,
        "build-system",
        "no build backend",
    ),
}


@pytest.mark.parametrize("case", _PROJECTS)
def test_a_project_that_is_not_as_it_should_be(logged_in: RunningIndex, tmp_path: Path, case: str) -> None:
    text, verdict, check, words = _PROJECTS[case]
    (tmp_path / "pyproject.toml").write_text(text)
    done = _doctor(cwd=tmp_path)
    _expect(done, 2, check, verdict, words)
    assert "hidden" not in done.everything
    assert logged_in.url


def test_on_a_terminal_it_is_seen_to_be_at_work() -> None:
    shown, code = typed(["doctor", "--index-url", "https://acme.invalid/"], [])
    assert (code, "still looking\x1b[0m\r\x1b[K" in shown) == (6, True), shown
    lasting = [line.rpartition("\x1b[K")[2] for line in shown.split("\n")]
    assert not [line for line in lasting if "still looking" in line]
    assert "✗" in "".join(lasting)
    assert "still looking" not in _doctor("--index-url", "https://acme.invalid/").everything
    quiet, _ = typed(["-q", "doctor", "--index-url", "https://acme.invalid/"], [])
    assert "still looking" not in quiet


def test_a_problem_weighs_more_than_a_warning_before_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(_PROJECTS["no backend"][0])
    done = _doctor("--index-url", "https://acme.invalid/", cwd=tmp_path)
    _expect(done, 6, "build-system", DiagnosisLevel.WARNING, "no build backend")
    _expect(done, 6, "reachable", DiagnosisLevel.PROBLEM, "acme.invalid")
    assert "problem" in done.stderr.splitlines()[-1]


def test_a_project_that_names_another_index(logged_in: RunningIndex, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pypi-publish]\nindex-url = 'https://acme.invalid/'\n")
    done = _doctor(cwd=tmp_path)
    _expect(done, 0, "index-url", DiagnosisLevel.NOTE, "https://acme.invalid/", logged_in.url)
