import json
import os
from pathlib import Path

import pytest

from publisher.errors import CheckFailedError, ConfigurationError
from publisher.github.event import Event, read_event
from publisher.github.hints import missing_credentials_hint
from publisher.github.inputs import (
    Inputs,
    find_files,
    find_projects,
    read_inputs,
    release_tag,
)
from tests.helpers.tool import pypi_publish


def _inputs(**given: str) -> Inputs:
    return read_inputs({f"INPUT_{name.upper()}": value for name, value in given.items()})


def test_inputs_that_are_empty_are_not_given() -> None:
    inputs = read_inputs({"INPUT_INDEX_URL": "", "INPUT_PASSWORD": "", "INPUT_BUILD": " ", "INPUT_DRY_RUN": ""})
    assert (inputs.index_url, inputs.username, inputs.password, inputs.tag) == (None, None, None, None)
    assert (inputs.package_dirs, inputs.packages_dir, inputs.builds) == ((".",), None, True)
    assert (inputs.require_tag, inputs.skip_existing, inputs.dry_run) == (True, None, False)


@pytest.mark.parametrize("value", ["true", "True", "TRUE", "1", "yes", " on "])
def test_flags_are_on(value: str) -> None:
    assert _inputs(dry_run=value).dry_run


@pytest.mark.parametrize("value", ["false", "False", "0", "no", "off"])
def test_flags_are_off(value: str) -> None:
    assert not _inputs(require_tag=value).require_tag


@pytest.mark.parametrize(
    "name", ["build", "require-tag", "skip-existing", "allow-dirty", "dry-run", "print-hash", "verbose"]
)
def test_a_flag_that_is_neither_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"The input {name} must be true or false, not 'maybe'"):
        _inputs(**{name.replace("-", "_"): "maybe"})


def test_other_names_of_inputs_mean_the_same() -> None:
    moved = _inputs(repository_url="https://acme.example", user="ada", password="pw\n")
    assert (moved.index_url, moved.username) == ("https://acme.example", "ada")
    assert moved.password is not None
    assert moved.password.reveal() == "pw"
    assert "pw" not in repr(moved)
    assert _inputs(user="ada", username="ada").username == "ada"
    with pytest.raises(ConfigurationError, match="inputs username and user are aliases but have different values"):
        _inputs(user="ada", username="bob")


def test_a_prefix_of_tags_is_handed_on() -> None:
    assert _inputs(tag_prefix="release-").tag_prefix == "release-"
    assert _inputs().tag_prefix is None


@pytest.mark.parametrize(
    ("given", "builds", "folder"),
    [
        ({}, True, None),
        ({"packages_dir": "out"}, False, "out"),
        ({"build": "false"}, False, "dist"),
        ({"build": "true", "packages_dir": "out"}, True, "out"),
    ],
)
def test_what_is_published(given: dict[str, str], *, builds: bool, folder: str | None) -> None:
    inputs = _inputs(**given)
    assert (inputs.builds, inputs.packages_dir) == (builds, Path(folder) if folder else None)


def test_projects_are_lines_and_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("packages/b", "packages/a", "packages/notes", "with space", "[odd]"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("packages/b", "packages/a", "with space", "[odd]"):
        (tmp_path / name / "pyproject.toml").touch()
    assert find_projects(("packages/*",)) == [Path("packages/a"), Path("packages/b")]
    assert find_projects(("packages/a", "packages/*", "with space")) == [
        Path("packages/a"),
        Path("packages/b"),
        Path("with space"),
    ]
    assert find_projects(("[odd]",)) == [Path("[odd]")]
    assert find_projects((str(tmp_path / "packages" / "[a]"),)) == [tmp_path / "packages" / "a"]
    with pytest.raises(ConfigurationError, match="no folder that 'packages/n\\*' matches has"):
        find_projects(("packages/n*",))
    with pytest.raises(ConfigurationError, match=r"package-dir: the folder '\.' is not a Python project") as caught:
        find_projects((".",))
    assert caught.value.hint == "Set package-dir to another folder: `[odd]`, `with space`, `packages/a`, `packages/b`."


def test_files_that_are_there_are_found(tmp_path: Path) -> None:
    for name in ("a-1.tar.gz", "a-1-py3-none-any.whl", "a-1.zip", "notes.txt", ".gitignore", "a.whl.asc"):
        (tmp_path / name).touch()
    (tmp_path / "artifact").mkdir()
    (tmp_path / "artifact/b-1.tar.gz").touch()
    assert [path.name for path in find_files(tmp_path)] == [
        "a-1-py3-none-any.whl",
        "a-1.tar.gz",
        "a-1.zip",
        "b-1.tar.gz",
    ]
    with pytest.raises(CheckFailedError, match="does not exist"):
        find_files(tmp_path / "dist")
    (tmp_path / "dist").mkdir()
    with pytest.raises(CheckFailedError, match="holds no wheel and no sdist"):
        find_files(tmp_path / "dist")


PUSHED_TAG, PUSHED_BRANCH = Event("push", "v1.0", "v1.0"), Event("push", "main")
PULL_REQUEST = Event("pull_request_target", "3/merge")


@pytest.mark.parametrize(
    ("given", "event", "named", "tag"),
    [
        ({}, PUSHED_TAG, None, "v1.0"),
        ({}, PUSHED_TAG, "v2.0", "v2.0"),
        ({"tag": "v3.0"}, PUSHED_TAG, "v2.0", "v3.0"),
        ({"tag": "v3.0"}, PUSHED_BRANCH, None, "v3.0"),
        ({"require_tag": "false"}, PUSHED_BRANCH, None, None),
        ({"dry_run": "true"}, PUSHED_BRANCH, None, None),
        ({"dry_run": "true"}, PULL_REQUEST, None, None),
    ],
)
def test_which_tag_is_released(given: dict[str, str], event: Event, named: str | None, tag: str | None) -> None:
    assert release_tag(_inputs(**given), event, named) == tag


@pytest.mark.parametrize(
    ("given", "event", "reason"),
    [
        ({}, PUSHED_BRANCH, "This run is for main, not for a tag"),
        ({}, PULL_REQUEST, "A pull request publishes nothing"),
        ({"require_tag": "false", "tag": "v1.0"}, PULL_REQUEST, "A pull request publishes nothing"),
    ],
)
def test_runs_that_publish_nothing(given: dict[str, str], event: Event, reason: str) -> None:
    with pytest.raises(CheckFailedError, match=reason):
        release_tag(_inputs(**given), event, None)


def test_what_started_a_run(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"release": {"tag_name": "v1.0"}}))
    environment = {"GITHUB_EVENT_NAME": "release", "GITHUB_EVENT_PATH": str(event), "GITHUB_REF_NAME": "main"}
    assert read_event(environment) == Event("release", "main", "v1.0")
    pushed = {**environment, "GITHUB_REF_NAME": "v2.0", "GITHUB_REF_TYPE": "tag"}
    assert read_event(pushed).tag == "v2.0"
    event.write_text(json.dumps({"pull_request": {"head": {"repo": {"fork": True}}}}))
    assert read_event(environment).lacks_secrets
    event.write_text(json.dumps({"pull_request": {"head": {"repo": {"fork": False}}}}))
    assert not read_event(environment).lacks_secrets
    assert read_event({**environment, "GITHUB_ACTOR": "dependabot[bot]"}).lacks_secrets
    event.write_text("half a fi")
    assert read_event(environment) == Event("release", "main")
    assert read_event({}) == Event("", "")


def test_missing_secrets_are_explained() -> None:
    assert "gh secret set" in missing_credentials_hint(PUSHED_TAG)
    assert "of a fork" in missing_credentials_hint(Event("pull_request", "3/merge", lacks_secrets=True))


def test_outside_github_it_says_where_it_belongs() -> None:
    done = pypi_publish("action", "publish", env={"INPUT_PASSWORD": "secret"})
    assert done.code == 2
    assert "a step of GitHub Actions" in done.stderr


def test_it_is_not_listed(tmp_path: Path) -> None:
    assert "action" not in pypi_publish("--help").stdout.split()
    assert os.fspath(tmp_path)


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("only_index", True),
        ("build_index", False),
        ("require_tag", True),
        ("skip_existing", None),
        ("allow_dirty", False),
        ("dry_run", False),
        ("export_token", False),
        ("print_hash", False),
        ("verbose", False),
        ("builds", True),
    ],
)
def test_each_flag_has_its_default_and_both_values(name: str, default: bool | None) -> None:  # noqa: FBT001 - a test's parameter
    given = "build" if name == "builds" else name
    assert getattr(_inputs(), name) is default
    assert getattr(_inputs(**{given: "yes"}), name) is True
    assert getattr(_inputs(**{given: "off"}), name) is False


@pytest.mark.parametrize("name", ["index_url", "username", "tag", "tag_prefix", "trusted_publishing"])
def test_each_text_is_trimmed(name: str) -> None:
    assert getattr(_inputs(**{name: " never "}), name) == "never"
    assert getattr(_inputs(), name) is None


def test_the_use_of_trusted_publishing_is_one_of_three_words() -> None:
    with pytest.raises(ConfigurationError, match="must be auto, always, never, not 'maybe'"):
        _inputs(trusted_publishing="maybe")


def test_the_password_leaves_the_environment_also_when_it_is_empty() -> None:
    environment = {"INPUT_PASSWORD": "a b\n", "INPUT_USER": "ada"}
    inputs = read_inputs(environment)
    assert environment == {"INPUT_USER": "ada"}
    assert inputs.password is not None
    assert inputs.password.reveal() == "a b"


def test_lines_of_folders_are_trimmed_and_empty_ones_left_out() -> None:
    assert _inputs(package_dir=" a \n\n  b c\n").package_dirs == ("a", "b c")


def test_a_run_without_a_ref_is_named_so() -> None:
    with pytest.raises(CheckFailedError, match="This run is for no ref, not for a tag") as caught:
        release_tag(_inputs(), Event("push", ""), None)
    assert "`require-tag: false`" in str(caught.value.hint)


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (5, 5), (6, 5)])
def test_up_to_five_other_folders_are_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, shown: int
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(count):
        (tmp_path / f"p{number}").mkdir()
        (tmp_path / f"p{number}/pyproject.toml").touch()
    with pytest.raises(ConfigurationError) as caught:
        find_projects((".",))
    assert str(caught.value.hint).count("`") == 2 * shown


def test_an_empty_checkout_is_said_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        find_projects((".",))
    assert caught.value.hint == "Check out the repository before this step."
    assert find_projects(("missing", "missing")) == [Path("missing")]
