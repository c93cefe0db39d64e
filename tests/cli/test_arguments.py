"""Each command's arguments and options, as they reach the function that does its work."""

from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from publisher.cli.main import group
from publisher.cli.options.accounts import AccountsArgs
from publisher.cli.options.building import BuildArgs
from publisher.cli.options.checks import CheckArgs
from publisher.cli.options.duration import duration
from publisher.cli.options.public_packages import PublicPackagesArgs
from publisher.cli.options.publishing import PublishArgs
from publisher.cli.options.repository import InitArgs
from publisher.cli.options.storage import StorageArgs
from publisher.cli.options.target import TargetArgs
from publisher.cli.options.tools import ConfigArgs
from publisher.cli.options.trust import TrustArgs, TrustPlaceArgs

TARGET, PLACE, PUBLIC, ACCOUNTS = TargetArgs(), TrustPlaceArgs(), PublicPackagesArgs(), AccountsArgs()
BUILD, PUBLISH, CHECK, TRUST = BuildArgs(), PublishArgs(), CheckArgs(), TrustArgs(("a",))
ADMIN = "publisher.cli.run.admin"
BEGUN = {"begun": None}
"""No build begins before the command's work, in these tests."""

Case = tuple[str, str, tuple[Any, ...], dict[str, Any]]

CASES: list[Case] = [
    (
        "publish",
        "publishing.publish_projects",
        ((Path(),), TARGET, PUBLISH, BUILD),
        {**BEGUN, "jobs": None, "since": None},
    ),
    (
        (
            "publish a b --jobs 3 --since v1 --tag v2 --tag-prefix r- --require-tag --no-skip-existing --allow-dirty "
            "--dry-run --trusted-publishing always --out-dir o --installer pip --sdist"
        ),
        "publishing.publish_projects",
        (
            (Path("a"), Path("b")),
            TARGET,
            PublishArgs("v2", True, False, True, "r-", True, "always"),  # noqa: FBT003 - in the order of the options
            BuildArgs(Path("o"), "pip", sdist=True),
        ),
        {**BEGUN, "jobs": 3, "since": "v1"},
    ),
    ("build", "publishing.build_projects", ((Path(),), BUILD), {"jobs": None}),
    ("build a --wheel --jobs 1", "publishing.build_projects", ((Path("a"),), BuildArgs(wheel=True)), {"jobs": 1}),
    ("upload f", "publishing.upload_files", ((Path("f"),), TARGET, PUBLISH), {"jobs": None}),
    (
        "upload f -u ada --index-url https://a.example/ --password-stdin --skip-existing",
        "publishing.upload_files",
        ((Path("f"),), TargetArgs("https://a.example/", "ada", password_stdin=True), PublishArgs(skip_existing=True)),
        {"jobs": None},
    ),
    ("check", "checking.run_checks", ((), CHECK, TARGET, BUILD), {"jobs": None}),
    (
        "check a --only source --only build --fix --strict --tag v1 --explain PP101 -r name",
        "checking.run_checks",
        (
            (Path("a"),),
            CheckArgs(("source", "build"), fix=True, strict=True, tag="v1", explain="PP101"),
            TargetArgs(repository="name"),
            BUILD,
        ),
        {"jobs": None},
    ),
    ("config pip", "tools.configure", ("pip", ConfigArgs(), TARGET), {}),
    (
        (
            "config --all --write --remove --dry-run --scope site --name n --package a --package b --only-index "
            "--embed-credentials --env"
        ),
        "tools.configure",
        (None, ConfigArgs(True, True, True, True, "site", "n", ("a", "b"), True, True, True), TARGET),  # noqa: FBT003 - in the order of the options
        {},
    ),
    ("config uv --beside-public", "tools.configure", ("uv", ConfigArgs(only_index=False), TARGET), {}),
    ("delete a 1.0", "releases.delete", (TARGET, "a", "1.0", None), {"confirmed": False}),
    ("delete a 1.0 f --yes", "releases.delete", (TARGET, "a", "1.0", "f"), {"confirmed": True}),
    ("list", "releases.list_projects", (TARGET,), {}),
    ("list a", "releases.list_files", (TARGET, "a"), {}),
    ("yank a 1.0 --reason broken", "releases.yank", (TARGET, "a", "1.0", "broken"), {}),
    ("unyank a 1.0", "releases.unyank", (TARGET, "a", "1.0"), {}),
    ("login", "session.log_in", (TARGET,), {"configure": None, "as_token": False}),
    ("login --no-configure --token", "session.log_in", (TARGET,), {"configure": False, "as_token": True}),
    ("login --configure", "session.log_in", (TARGET,), {"configure": True, "as_token": False}),
    ("logout", "session.log_out", (TARGET,), {"everywhere": False}),
    ("logout --everywhere -u ada", "session.log_out", (TargetArgs(username="ada"),), {"everywhere": True}),
    ("whoami", "session.show_account", (TARGET,), {}),
    ("passwd", "password.change_own_password", (TARGET,), {"new_from_stdin": False, "keep": True}),
    (
        "passwd --new-password-stdin --no-keyring",
        "password.change_own_password",
        (TARGET,),
        {"new_from_stdin": True, "keep": False},
    ),
    ("doctor", "diagnosis.diagnose", (TARGET,), {}),
    ("init", "repository.set_up_repository", (Path(), TARGET, InitArgs()), {}),
    (
        "init --action a/b@c --environment e --no-hooks --secrets --dry-run --yes --force",
        "repository.set_up_repository",
        (Path(), TARGET, InitArgs("a/b@c", "e", False, True, True, True, True)),  # noqa: FBT003 - in the order of the options
        {},
    ),
    ("demo", "demo.show_demo", (None,), {}),
    ("action publish", "action.publish_step", (), {}),
    ("action configure", "action.configure_step", (), {}),
    ("users add bob", "admin.accounts.add_account", (ACCOUNTS, "bob"), {"generate": False, "password_stdin": False}),
    (
        "users add bob --generate --password-stdin --htpasswd h",
        "admin.accounts.add_account",
        (AccountsArgs(htpasswd=Path("h")), "bob"),
        {"generate": True, "password_stdin": True},
    ),
    ("users add bob --service", "admin.accounts.add_service_account", (ACCOUNTS, "bob"), {}),
    (
        "users rotate bob --generate",
        "admin.accounts.rotate_password",
        (ACCOUNTS, "bob"),
        {"generate": True, "password_stdin": False},
    ),
    (
        "users remove bob --index-url https://a.example/",
        "admin.accounts.remove_account",
        (AccountsArgs("https://a.example/"), "bob"),
        {},
    ),
    ("users list", "admin.accounts.list_accounts", (ACCOUNTS,), {}),
    ("users set-role @devs reader", "admin.roles.set_role", (PLACE, "@devs", "reader", "*"), {}),
    (
        "users set-role bob none --project a-*",
        "admin.roles.set_role",
        (PLACE, "bob", "none", "a-*"),
        {},
    ),
    (
        "token create --name n --can read",
        "admin.access.create_token",
        (PLACE,),
        {"name": "n", "rights": ("read",), "projects": (), "days": None, "owner": None},
    ),
    (
        "token create --name n --can read --can publish --project a --project b --expires 36h --for bot -u ada",
        "admin.access.create_token",
        (TrustPlaceArgs(username="ada"),),
        {"name": "n", "rights": ("read", "publish"), "projects": ("a", "b"), "days": 1.5, "owner": "bot"},
    ),
    ("token list", "admin.access.list_tokens", (PLACE,), {}),
    ("token revoke n", "admin.access.revoke_token", (PLACE, "n"), {}),
    (
        "trust add github a/b --workflow w.yml --project a",
        "admin.trust.add_github",
        (PLACE, TRUST, "a/b", "w.yml", {"repository_id": None, "repository_owner_id": None}, (), None),
        {},
    ),
    (
        (
            "trust add github a/b --workflow w.yml --project a --project b --environment e --ref r --create --for bob "
            "--repository-id 1 --owner-id 2 --called-workflow x --called-workflow y --issuer i"
        ),
        "admin.trust.add_github",
        (
            PLACE,
            TrustArgs(("a", "b"), "e", "r", create=True, voucher="bob"),
            "a/b",
            "w.yml",
            {"repository_id": "1", "repository_owner_id": "2"},
            ("x", "y"),
            "i",
        ),
        {},
    ),
    (
        "trust add gitlab g/p --project a",
        "admin.trust.add_gitlab",
        (PLACE, TRUST, "g/p", ".gitlab-ci.yml", {"project_id": None, "namespace_id": None}, None),
        {},
    ),
    (
        "trust add gitlab g/p --project a --config-file c --project-id 1 --namespace-id 2 --issuer i",
        "admin.trust.add_gitlab",
        (PLACE, TRUST, "g/p", "c", {"project_id": "1", "namespace_id": "2"}, "i"),
        {},
    ),
    (
        "trust add oidc --issuer i --claim sub=x --project a",
        "admin.trust.add_oidc",
        (PLACE, TRUST, "i", ("sub=x",)),
        {},
    ),
    (
        "trust add oidc --issuer i --claim sub=x --claim y=z --project a --create --for bob",
        "admin.trust.add_oidc",
        (PLACE, TrustArgs(("a",), create=True, voucher="bob"), "i", ("sub=x", "y=z")),
        {},
    ),
    ("trust list", "admin.trust.list_publishers", (PLACE,), {}),
    ("trust remove n", "admin.trust.remove_publisher", (PLACE, "n"), {}),
    ("upstream list", "admin.public_packages.list_cached", (PUBLIC,), {}),
    ("upstream why a==1", "admin.public_packages.explain", (PUBLIC, "a==1"), {}),
    (
        "upstream allow a",
        "admin.public_packages.allow_early",
        (PUBLIC, "a"),
        {"until": None, "reason": None, "remove": False},
    ),
    (
        "upstream allow a --until 2026-12-31 --reason r --remove",
        "admin.public_packages.allow_early",
        (PUBLIC, "a"),
        {"until": "2026-12-31", "reason": "r", "remove": True},
    ),
    ("upstream claims", "admin.public_packages.list_claims", (PUBLIC,), {}),
    ("upstream warm f", "admin.public_packages.warm_cache", (PUBLIC, Path("f")), {}),
    ("upstream refresh a", "admin.public_packages.refresh_page", (PUBLIC, "a"), {}),
    (
        (
            "upstream remove a --root r --htpasswd h --state s --upstream u --upstream-cache c --upstream-policy p "
            "--cooldown 3d"
        ),
        "admin.public_packages.remove_cached",
        (PublicPackagesArgs(None, Path("r"), Path("h"), Path("s"), "u", Path("c"), Path("p"), "3d"), "a"),
        {},
    ),
    ("projects claim a", "admin.public_packages.claim_name", (PUBLIC, "a"), {}),
    ("projects owners a", "admin.access.show_owners", (PLACE, "a"), {"add": None, "remove": None}),
    ("projects owners a --add bob", "admin.access.show_owners", (PLACE, "a"), {"add": "bob", "remove": None}),
    ("projects owners a --remove bob", "admin.access.show_owners", (PLACE, "a"), {"add": None, "remove": "bob"}),
    ("storage create s3://b/p", "admin.stores.create_index", ("s3://b/p",), {}),
    ("storage copy a b", "admin.stores.copy_store", (("a", None), ("b", None)), {}),
    (
        "storage copy a b --from-htpasswd f --to-htpasswd t",
        "admin.stores.copy_store",
        (("a", Path("f")), ("b", Path("t"))),
        {},
    ),
    ("storage check p", "admin.stores.check_store", ("p",), {"read_files": False, "remove_unlisted": False}),
    (
        "storage check p --read-files --remove-unlisted",
        "admin.stores.check_store",
        ("p",),
        {"read_files": True, "remove_unlisted": True},
    ),
    ("storage confirm-loss", "admin.storage.confirm_loss", (StorageArgs(),), {}),
]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], list[tuple[tuple[Any, ...], dict[str, Any]]]]:
    """Return a function that runs a command with another function in the place of its work, and returns the calls."""

    def run(words: str, function: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        module, _, name = f"publisher.cli.run.{function}".rpartition(".")
        monkeypatch.setattr("publisher.cli.run.builds.early.begin_build", lambda *_: nullcontext())
        monkeypatch.setattr(import_module(module), name, lambda *args, **options: calls.append((args, options)))
        done = CliRunner().invoke(group, words.split())
        assert done.exit_code == 0, done.output
        return calls

    return run


@pytest.mark.parametrize(("words", "function", "args", "options"), CASES, ids=[case[0] for case in CASES])
def test_a_command_hands_on_all_that_it_is_given(
    call: Callable[[str, str], list[tuple[tuple[Any, ...], dict[str, Any]]]],
    words: str,
    function: str,
    args: tuple[Any, ...],
    options: dict[str, Any],
) -> None:
    assert call(words, function) == [(args, options)]


def test_without_a_command_arguments_are_those_of_publish(
    call: Callable[[str, str], list[tuple[tuple[Any, ...], dict[str, Any]]]], tmp_path: Path
) -> None:
    for words, folder in (("", Path()), ("-q", Path()), (f"-v {tmp_path}", tmp_path), ("--dry-run", Path())):
        ((args, _),) = call(words, "publishing.publish_projects")
        assert args[0] == (folder,)
        assert args[2].dry_run is ("--dry-run" in words)


def test_a_maintainer_is_added_or_removed() -> None:
    done = CliRunner().invoke(group, ["projects", "owners", "a", "--add", "x", "--remove", "y"])
    assert done.exit_code == 2
    assert "can't be combined" in done.output


VARIABLES: list[tuple[str, str, str, object]] = [
    ("PYPI_PUBLISH_INDEX_URL", "whoami", "session.show_account", TargetArgs(index_url="7")),
    ("PYPI_PUBLISH_USERNAME", "whoami", "session.show_account", TargetArgs(username="7")),
    ("PYPI_PUBLISH_INDEX_URL", "token list", "admin.access.list_tokens", TrustPlaceArgs(index_url="7")),
    ("PYPI_PUBLISH_INDEX_URL", "users list", "admin.accounts.list_accounts", AccountsArgs("7")),
    ("PYPI_PUBLISH_ADMIN_URL", "users list", "admin.accounts.list_accounts", AccountsArgs("7")),
    (
        "PYPI_INDEX_HTPASSWD",
        "upstream list",
        "admin.public_packages.list_cached",
        PublicPackagesArgs(htpasswd=Path("7")),
    ),
    ("PYPI_INDEX_STATE", "upstream list", "admin.public_packages.list_cached", PublicPackagesArgs(state=Path("7"))),
    ("PYPI_INDEX_UPSTREAM", "upstream list", "admin.public_packages.list_cached", PublicPackagesArgs(upstream="7")),
    (
        "PYPI_INDEX_UPSTREAM_CACHE",
        "upstream list",
        "admin.public_packages.list_cached",
        PublicPackagesArgs(upstream_cache=Path("7")),
    ),
    (
        "PYPI_INDEX_UPSTREAM_POLICY",
        "upstream list",
        "admin.public_packages.list_cached",
        PublicPackagesArgs(upstream_policy=Path("7")),
    ),
    ("PYPI_INDEX_COOLDOWN", "upstream list", "admin.public_packages.list_cached", PublicPackagesArgs(cooldown="7")),
]


@pytest.mark.parametrize(("variable", "words", "function", "first"), VARIABLES)
def test_the_environment_can_hold_an_option(  # noqa: PLR0917 - values of a table
    call: Callable[[str, str], list[tuple[tuple[Any, ...], dict[str, Any]]]],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    words: str,
    function: str,
    first: object,
) -> None:
    monkeypatch.setenv(variable, "7")
    ((args, _),) = call(words, function)
    assert args[0] == first


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("PYPI_PUBLISH_TAG", "v1", PublishArgs("v1")),
        ("PYPI_PUBLISH_TAG_PREFIX", "r-", PublishArgs(tag_prefix="r-")),
        ("PYPI_PUBLISH_SKIP_EXISTING", "1", PublishArgs(skip_existing=True)),
        ("PYPI_PUBLISH_TRUSTED_PUBLISHING", "never", PublishArgs(trusted_publishing="never")),
    ],
)
def test_the_environment_can_hold_a_condition_of_an_upload(
    call: Callable[[str, str], list[tuple[tuple[Any, ...], dict[str, Any]]]],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    expected: PublishArgs,
) -> None:
    monkeypatch.setenv(variable, value)
    ((args, _),) = call("upload f", "publishing.upload_files")
    assert args[2] == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1m", 60), ("90m", 5400), ("1h", 3600), ("12h", 43200), ("1d", 86400), ("90d", 7776000), (" 2w ", 1209600)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "d", "0d", "00h", "1s", "-1d", "1.5d", "1 d", "1d2h", "1234567d", "1D"])
def test_another_text_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter, match="expected a duration like 90d, 12h or 30m"):
        duration(text)
