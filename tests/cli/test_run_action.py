"""The steps of the actions: which work they have done with which inputs, and the outputs that they set."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from publisher.cli.options.building import BuildArgs
from publisher.cli.options.publishing import PublishArgs
from publisher.cli.options.target import TargetArgs
from publisher.cli.run import action
from publisher.client.models import Account
from publisher.client.url import IndexUrl
from publisher.errors import CheckFailedError, ConfigurationError, NoCredentialsError, PublishError
from publisher.project.distributions import parse_filename
from publisher.publish.report import FileReport, Release, Report, State
from publisher.secret import Credentials, Secret
from tests.helpers.scripted import URL
from tests.helpers.shown import make_runner, outputs, running

TARGET = TargetArgs("https://acme.example/", "ada", password=Secret("pw"))
PUSHED_TAG = {"GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "v1.0", "GITHUB_REF_TYPE": "tag"}
PULL_REQUEST = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF_NAME": "3/merge"}
GIVEN = {"INPUT_INDEX_URL": "https://acme.example/", "INPUT_USERNAME": "ada", "INPUT_PASSWORD": "pw\n"}


def _report() -> Report:
    file = parse_filename("acme-1.0-py3-none-any.whl")
    release = Release(canonicalize_name("acme"), file.version, "acme")
    return Report(URL, [FileReport(file, release, State.UPLOADED, 1, "ab")])


@dataclass
class Done:
    """The work that a step had done, in the place of that work."""

    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    failure: PublishError | None = None

    def note(self, name: str, result: object = None) -> Callable[..., object]:
        def call(*args: Any, **_: Any) -> object:
            self.calls.append((name, args))
            if self.failure is not None:
                raise self.failure
            return result

        return call


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Done:
    found = Done()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "acme"\nversion = "1.0"\n')
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/acme-1.0.tar.gz").write_text("x")
    for name, result in (
        ("publish_projects", _report()),
        ("upload_files", _report()),
        ("build_projects", None),
        ("check_only", None),
    ):
        monkeypatch.setattr(action, name, found.note(name, result))
    return found


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """Return a function that runs the step `publish` with inputs in a run, and returns its outputs."""

    def run(inputs: dict[str, str], event: dict[str, str]) -> dict[str, str]:
        for name, value in {**GIVEN, **inputs, **event}.items():
            monkeypatch.setenv(name, value)
        runner = make_runner(tmp_path)
        with running(runner=runner):
            action.publish_step()
        return outputs(runner)

    return run


PUBLISHED = PublishArgs("v1.0", require_tag=False)


def test_a_tag_publishes_the_project(done: Done, step: Callable[..., dict[str, str]]) -> None:
    step({}, PUSHED_TAG)
    assert done.calls == [("publish_projects", ([Path()], TARGET, PUBLISHED, BuildArgs(None)))]
    assert "INPUT_PASSWORD" not in os.environ


def test_every_condition_is_handed_on(done: Done, step: Callable[..., dict[str, str]]) -> None:
    given = {
        "INPUT_TAG": "r-2",
        "INPUT_TAG_PREFIX": "r-",
        "INPUT_SKIP_EXISTING": "true",
        "INPUT_ALLOW_DIRTY": "true",
        "INPUT_DRY_RUN": "true",
        "INPUT_TRUSTED_PUBLISHING": "never",
        "INPUT_BUILD": "true",
        "INPUT_PACKAGES_DIR": "out",
    }
    step(given, PUSHED_TAG)
    publish = PublishArgs("r-2", False, True, True, "r-", True, "never")  # noqa: FBT003 - in the order of the options
    assert done.calls == [("publish_projects", ([Path()], TARGET, publish, BuildArgs(Path("out"))))]


def test_built_files_are_uploaded(done: Done, step: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    step({"INPUT_BUILD": "false"}, PUSHED_TAG)
    assert done.calls == [("upload_files", ([tmp_path / "dist/acme-1.0.tar.gz"], TARGET, PUBLISHED))]


def test_the_environment_names_index_account_and_tag_where_inputs_do_not(
    done: Done, step: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYPI_PUBLISH_INDEX_URL", "https://env.example/")
    monkeypatch.setenv("PYPI_PUBLISH_USERNAME", "bob")
    monkeypatch.setenv("PYPI_PUBLISH_TAG", "v3.0")
    step({"INPUT_INDEX_URL": "", "INPUT_USERNAME": "", "INPUT_PASSWORD": ""}, PUSHED_TAG)
    _, (_, target, publish, _) = done.calls[0]
    assert (target, publish.tag) == (TargetArgs("https://env.example/", "bob"), "v3.0")
    step({}, PUSHED_TAG)
    assert done.calls[1][1][1] == TARGET


@pytest.mark.parametrize(
    ("event", "password", "compares"),
    [
        ({**PUSHED_TAG}, "", True),
        ({"GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "main"}, "", True),
        (PULL_REQUEST, "pw", True),
        (PULL_REQUEST, "", False),
        ({**PUSHED_TAG, "GITHUB_ACTOR": "dependabot[bot]"}, "", False),
    ],
)
def test_a_dry_run_without_secrets_builds_and_checks_only(  # noqa: PLR0917 - fixtures and values of a table
    done: Done,
    step: Callable[..., dict[str, str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    event: dict[str, str],
    password: str,
    *,
    compares: bool,
) -> None:
    found = step({"INPUT_DRY_RUN": "true", "INPUT_PASSWORD": password}, event)
    assert [name for name, _ in done.calls] == ["publish_projects" if compares else "build_projects"]
    if not compares:
        assert found == {"published": "false", "uploaded": "0", "skipped-count": "0", "files": "[]"}
        assert "not compared with the index" in (tmp_path / "summary").read_text()
    assert ("This run has no credentials" in capsys.readouterr().err) is not compares


def test_a_dry_run_without_secrets_checks_files_that_were_built(
    done: Done, step: Callable[..., dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"INPUT_DRY_RUN": "true", "INPUT_PASSWORD": "", "INPUT_BUILD": "false"}
    step(given, PULL_REQUEST)
    assert done.calls == [("check_only", ([tmp_path / "dist/acme-1.0.tar.gz"],))]
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "pw")
    step(given, PULL_REQUEST)
    assert [name for name, _ in done.calls] == ["check_only", "upload_files"]


def test_a_run_that_may_not_publish_says_so_with_the_remedy_of_a_workflow(
    done: Done, step: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    with pytest.raises(CheckFailedError) as caught:
        step({}, PULL_REQUEST)
    assert "`dry-run: true`" in str(caught.value.hint)
    assert outputs(make_runner(tmp_path)) == {"published": "false"}
    assert done.calls == []


def test_a_failure_gets_the_remedy_of_a_workflow(done: Done, step: Callable[..., dict[str, str]]) -> None:
    done.failure = NoCredentialsError("None.", hint="Run `pypi-publish login`.")
    with pytest.raises(NoCredentialsError) as caught:
        step({}, PUSHED_TAG)
    assert "pypi-publish login" not in str(caught.value.hint)
    assert "gh secret set" in str(caught.value.hint)


@pytest.mark.parametrize(("value", "printed"), [("true", True), ("false", False)])
def test_digests_are_printed_where_they_are_wanted(
    done: Done, step: Callable[..., dict[str, str]], capsys: pytest.CaptureFixture[str], value: str, *, printed: bool
) -> None:
    step({"INPUT_PRINT_HASH": value}, PUSHED_TAG)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "::add-mask::pw"
    assert ("sha256:ab  acme-1.0-py3-none-any.whl" in lines) is printed
    assert len(done.calls) == 1


def test_verbose_is_vv(done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**GIVEN, **PUSHED_TAG, "INPUT_VERBOSE": "true"}.items():
        monkeypatch.setenv(name, value)
    with running(runner=make_runner(tmp_path)) as output:
        action.publish_step()
    assert output.verbosity == 2
    assert len(done.calls) == 1


def test_outside_of_github_a_step_is_refused() -> None:
    with running(), pytest.raises(ConfigurationError, match="This is a step of GitHub Actions") as caught:
        action.publish_step()
    assert caught.value.hint == "Elsewhere, use `pypi-publish publish`."


def test_builds_may_find_requirements_on_the_index(
    done: Done, step: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_INDEX", "https://other.example/simple/")
    for name in ("UV_INDEX_PYPI_PUBLISH_USERNAME", "UV_INDEX_PYPI_PUBLISH_PASSWORD"):
        monkeypatch.setenv(name, "")  # so that the step's values end with the test
    step({"INPUT_BUILD_INDEX": "true"}, PUSHED_TAG)
    _, (_, target, publish, _) = done.calls[0]
    assert target == TargetArgs("https://acme.example/", "ada", password=Secret("pw"))
    assert publish.trusted_publishing == "never"
    assert os.environ["UV_INDEX"] == "pypi_publish=https://acme.example/simple/ https://other.example/simple/"
    assert os.environ["UV_INDEX_PYPI_PUBLISH_USERNAME"] == "ada"
    assert os.environ["UV_INDEX_PYPI_PUBLISH_PASSWORD"] == "pw"


def test_a_token_is_an_output_and_nothing_is_published(
    done: Done, step: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Job:
        def find(self, url: IndexUrl) -> Credentials:
            assert url == URL
            return Credentials("__token__", Secret("pypi-x"), "trusted publishing")

    modes: list[str] = []

    def resolve(mode: str, _: object) -> Job:
        modes.append(mode)
        return Job()

    monkeypatch.setattr(action, "resolve_trusted", resolve)
    found = step({"INPUT_EXPORT_TOKEN": "true"}, PUSHED_TAG)
    assert found == {"published": "false", "token": "pypi-x", "index-url": "https://acme.example/"}
    assert (modes, done.calls) == (["always"], [])
    assert "for 15 minutes; nothing was published" in capsys.readouterr().err
    with pytest.raises(CheckFailedError):
        step({"INPUT_EXPORT_TOKEN": "true"}, PULL_REQUEST)


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """Return a function that runs the step `configure` for an account, and returns its outputs."""

    def run(account: Account, **inputs: str) -> dict[str, str]:
        for name, value in {**GIVEN, **inputs}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(action, "prove", lambda *_: account)
        (tmp_path / "temporary").mkdir(exist_ok=True)
        runner = make_runner(tmp_path)
        with running(runner=runner):
            action.configure_step()
        return outputs(runner)

    return run


ENTRY = 'machine acme.example\nlogin "ada"\npassword "pw"\n'
OURS = Account("ada", (), "1.0", passes_on=True)


def test_following_steps_install_from_the_index(
    configured: Callable[..., dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    netrc = tmp_path / "temporary/pypi-publish.netrc"
    assert configured(OURS) == {"index-url": "https://acme.example/simple/", "netrc": str(netrc)}
    assert netrc.read_text() == ENTRY
    variables = (tmp_path / "environment").read_text()
    assert f"\n{netrc}\n" in variables
    assert "PIP_INDEX_URL<<" in variables
    shown = capsys.readouterr().err
    assert "The following steps install from https://acme.example/ as ada." in shown
    assert "::warning" not in shown
    assert "Public packages are passed on" in (tmp_path / "summary").read_text()


@pytest.mark.parametrize(
    ("account", "only_index", "warns"),
    [
        (OURS, "true", False),
        (Account("ada", (), "1.0"), "true", True),
        (Account("ada", (), "1.0"), "false", False),
        (Account("ada", None), "true", False),
    ],
)
def test_an_index_without_public_packages_is_warned_of_where_it_is_the_only_one(
    configured: Callable[..., dict[str, str]],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    account: Account,
    only_index: str,
    *,
    warns: bool,
) -> None:
    configured(account, INPUT_ONLY_INDEX=only_index)
    shown = capsys.readouterr().err
    assert ("does not pass public packages on" in shown) is warns
    assert ("pip install --index-url https://acme.example/simple/ PACKAGE" in shown) is (only_index == "false")
    assert ("PIP_INDEX_URL" in (tmp_path / "environment").read_text()) is (only_index == "true")
    assert (tmp_path / "summary").exists() is (account.version is not None)


def test_an_earlier_netrc_of_the_job_is_kept(
    configured: Callable[..., dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = tmp_path / "earlier"
    earlier.write_text("machine other.example login bob password x\n")
    monkeypatch.setenv("NETRC", str(earlier))
    text = Path(configured(OURS)["netrc"]).read_text()
    assert text == earlier.read_text() + ENTRY
