"""The administration of an index: the requests that commands send, and the lines that they print."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from publisher.cli.options.accounts import AccountsArgs
from publisher.cli.options.public_packages import PublicPackagesArgs
from publisher.cli.options.server import ServeArgs
from publisher.cli.options.storage import StorageArgs
from publisher.cli.options.trust import TrustArgs, TrustPlaceArgs
from publisher.cli.run.admin import access, accounts, bucket_settings, public_packages, roles, storage, trust
from publisher.client.access import AccessHints
from publisher.errors import ConfigurationError, IndexUnavailableError, PublishError
from publisher.github.provenance import ActionRef
from publisher.secret import Secret
from tests.helpers.shown import running

PLACE, ACCOUNTS, PACKAGES = TrustPlaceArgs(), AccountsArgs(), PublicPackagesArgs()


def _run(work: Callable[[], object], given: str | None = None, **settings: Any) -> click.testing.Result:
    @click.command()
    def command() -> None:
        with running(**settings):
            work()

    return CliRunner().invoke(command, input=given)


class Asked:
    """An index that gives one answer, and notes what it was asked for and by whom."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}
        self.asked: list[tuple[Any, ...]] = []
        self.as_admin: list[bool] = []

    def ask(self, *request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return self.answer

    @contextmanager
    def connected(
        self, place: TrustPlaceArgs, *, as_admin: bool = False, hints: AccessHints | None = None
    ) -> Iterator["Asked"]:
        assert place is PLACE
        assert hints is None or "admin token" in hints.refused
        self.as_admin.append(as_admin)
        yield self


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Asked:
    found = Asked()
    for module in (access, roles, trust):
        monkeypatch.setattr(module, "connected", found.connected)
    return found


TOKEN = {
    "owner": "ada",
    "name": "ci",
    "token": "pypi-x",
    "expires": 1767225600,
    "last-used": None,
    "grants": [{"rights": ["read", "publish"], "project": "a"}, {"rights": ["read"], "project": "b"}],
    "rights-now": [{"projects": "a", "rights": ["read"]}, {"projects": "b", "rights": ["read"]}],
}


@pytest.mark.parametrize(("owner", "as_admin"), [(None, False), ("bot", True)])
def test_a_token_is_printed_once_and_alone(index: Asked, owner: str | None, *, as_admin: bool) -> None:
    index.answer = {**TOKEN}

    def create() -> None:
        access.create_token(PLACE, name="ci", rights=("read",), projects=("a",), days=1.5, owner=owner)

    done = _run(create)
    body = {"name": "ci", "rights": ["read"], "projects": ["a"], "expires-days": 1.5, "owner": owner}
    assert (index.asked, index.as_admin) == ([("POST", "-/tokens", body)], [as_admin])
    assert done.stdout == "pypi-x\n"
    granted = "read, publish on a; read on b"
    assert done.stderr == f"Token 'ci' of ada, shown only once: {granted}, until 2026-01-01.\n"
    assert json.loads(_run(create, as_json=True).stdout) == TOKEN


def test_tokens_are_listed_with_what_their_owner_no_longer_has(index: Asked) -> None:
    other = {**TOKEN, "name": "old", "expires": None, "last-used": "2026-01-02", "rights-now": []}
    index.answer = {"tokens": [TOKEN, other]}
    granted = "read, publish on a; read on b"
    assert _run(lambda: access.list_tokens(PLACE)).stdout.splitlines() == [
        "ada/ci  read, publish on a; read on b  until 2026-01-01  not used yet  (ada no longer has: publish on a)",
        f"ada/old  {granted}  never expires  used 2026-01-02  (ada no longer has: publish, read on a; read on b)",
    ]
    assert index.asked == [("GET", "-/tokens")]
    assert json.loads(_run(lambda: access.list_tokens(PLACE), as_json=True).stdout) == index.answer
    index.answer = {"tokens": []}
    assert _run(lambda: access.list_tokens(PLACE)).output == "No tokens.\n"


@pytest.mark.parametrize(("name", "path", "as_admin"), [("c i", "c%20i", False), ("@x/c i", "@x/c%20i", True)])
def test_a_token_is_revoked_by_its_owner_or_an_admin(index: Asked, name: str, path: str, *, as_admin: bool) -> None:
    index.answer = {"name": "c i", "owner": "ada"}
    done = _run(lambda: access.revoke_token(PLACE, name))
    assert (index.asked, index.as_admin) == ([("DELETE", f"-/tokens/{path}")], [as_admin])
    assert done.stderr == "The token 'c i' of ada is revoked, everywhere within seconds.\n"
    assert json.loads(_run(lambda: access.revoke_token(PLACE, name), as_json=True).stdout) == index.answer


@pytest.mark.parametrize(
    ("add", "remove", "request_sent"),
    [
        (None, None, ("GET", "-/owners/a%2Fb")),
        ("bob", None, ("PUT", "-/owners/a%2Fb", {"add": "bob", "remove": None})),
        (None, "bob", ("PUT", "-/owners/a%2Fb", {"add": None, "remove": "bob"})),
    ],
)
def test_maintainers_are_shown_or_changed(
    index: Asked, add: str | None, remove: str | None, request_sent: tuple[Any, ...]
) -> None:
    index.answer = {"project": "a", "maintainers": ["ada", "bob"]}
    assert _run(lambda: access.show_owners(PLACE, "a/b", add=add, remove=remove)).stdout == "ada\nbob\n"
    assert (index.asked, index.as_admin) == ([request_sent], [True])
    index.answer = {"project": "a", "maintainers": []}
    assert "names no maintainers" in _run(lambda: access.show_owners(PLACE, "a/b", add=add, remove=remove)).stderr


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, "-/audit"),
        ({"project": "a"}, "-/audit?project=a"),
        ({"user": "ä", "since": 0.0}, "-/audit?user=%C3%A4&since=0.0"),
    ],
)
def test_events_are_asked_for_as_the_options_say(index: Asked, given: dict[str, Any], path: str) -> None:
    event = {
        "v": 1,
        "at": "2026-01-02",
        "user": "ada",
        "kind": "account",
        "token": "ci",
        "what": "upload",
        "project": "a",
        "from": "10.0.0.1",
        "file": "f",
        "expires": 1767225600,
    }
    index.answer = {"events": [event, {"at": 1, "what": "start", "expires": "never"}]}
    options: dict[str, Any] = {"project": None, "user": None, "since": None, **given}
    assert _run(lambda: access.show_audit(PLACE, **options)).stdout.splitlines() == [
        '2026-01-02  ada/ci  upload  a  10.0.0.1  file="f" expires=2026-01-01',
        '1  start  expires="never"',
    ]
    assert (index.asked, index.as_admin) == ([("GET", path)], [True])
    index.answer = {"events": []}
    assert _run(lambda: access.show_audit(PLACE, **options)).output == "No event matches.\n"


LOWER = "Rights add up: lower these rules in access.toml, beside the accounts, to take rights away."


@pytest.mark.parametrize(
    ("role", "wider", "lines"),
    [
        ("reader", [], ["bob is reader of a."]),
        ("none", [], ["bob has no role on a any more."]),
        (
            "reader",
            [{"rule": "[users]", "role": "admin", "project": "*", "rights": []}],
            ["bob is reader of a, but [users] still makes bob admin of *.", LOWER],
        ),
        (
            "none",
            [
                {"rule": "[everyone]", "role": None, "project": "*", "rights": ["read", "publish"]},
                *({"rule": "record", "role": None, "project": name, "rights": []} for name in "abcd"),
            ],
            [
                "bob has no role on a any more, but [everyone] still gives every account read, publish on *.",
                "Also, bob still maintains a, b, c and 1 more.",
                LOWER,
                "`pypi-publish projects owners NAME --remove bob` removes a maintainer.",
            ],
        ),
        (
            "reader",
            [{"rule": "record", "role": None, "project": name, "rights": []} for name in "abc"],
            [
                "bob is reader of a, but bob still maintains a, b, c.",
                "`pypi-publish projects owners NAME --remove bob` removes a maintainer.",
            ],
        ),
    ],
)  # fmt: skip
def test_a_role_is_set_and_rules_that_give_more_are_named(
    index: Asked, role: str, wider: list[dict[str, Any]], lines: list[str]
) -> None:
    index.answer = {"wider": wider}
    done = _run(lambda: roles.set_role(PLACE, "bob", role, "a"))
    assert (index.asked, index.as_admin) == (
        [("PUT", "-/roles", {"name": "bob", "role": role, "project": "a"})],
        [True],
    )
    assert done.stderr.splitlines() == lines


@pytest.mark.parametrize(
    ("role", "lines"),
    [
        ("reader", ["bob is reader of a.", "No account is named bob. If you create one, it will have this role."]),
        ("none", ["bob has no role on a any more."]),
    ],
)
def test_a_role_for_an_unknown_account_is_set_with_a_remark(index: Asked, role: str, lines: list[str]) -> None:
    index.answer = {"wider": [], "known": False}
    assert _run(lambda: roles.set_role(PLACE, "bob", role, "a")).stderr.splitlines() == lines


PUBLISHER = {
    "name": "n",
    "title": "acme/widgets",
    "projects": ["a", "b"],
    "state": "active",
    "vouched-by": "ada",
    "standing": {"a": "maintainer", "b": "admin"},
    "registered": 1767225600,
}


@pytest.mark.parametrize("own", [None, ActionRef("me/index", "0a" * 20)])
def test_a_workflow_is_registered_and_may_call_this_projects_own(
    index: Asked, monkeypatch: pytest.MonkeyPatch, own: ActionRef | None
) -> None:
    monkeypatch.setattr(trust, "find_action_ref", lambda: own)
    index.answer = {"publisher": PUBLISHER}
    pins = {"repository_id": "1", "repository_owner_id": None}
    given = TrustArgs(("a", "b"), "", "refs/tags/*", create=True, voucher="ada")
    done = _run(lambda: trust.add_github(PLACE, given, "acme/widgets", "w.yml", pins, ["x"], "i"))
    body = {
        "kind": "github",
        "issuer": "i",
        "settings": {
            "repository": "acme/widgets",
            "workflow": "w.yml",
            "environment": "",
            "ref": "refs/tags/*",
            "called_workflows": ["x", *(["me/index/.github/workflows/publish.yaml"] if own else [])],
        },
        "pins": {"repository_id": "1"},
        "projects": ["a", "b"],
        "creates": True,
        "voucher": "ada",
    }
    assert (index.asked, index.as_admin) == ([("POST", "-/trust", body)], [True])
    assert done.stdout == "n\n"
    first, warning, numbers = done.stderr.splitlines()
    assert first == "acme/widgets may publish a b; ada vouches for it."
    assert warning.startswith("warning: Without --environment")
    assert "gh api repos/acme/widgets" in numbers
    pinned = {"repository_id": "1", "repository_owner_id": "2"}
    quiet = TrustArgs(("a",), "release")
    assert (
        _run(lambda: trust.add_github(PLACE, quiet, "acme/widgets", "w.yml", pinned, [], None)).stderr == f"{first}\n"
    )


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"state": "pending"}, ["acme/widgets may publish a b, which it may create; ada vouches for it."]),
        (
            {"standing": {"a": "", "b": "admin"}},
            [
                "acme/widgets may publish a b; ada vouches for it.",
                "warning: ada lacks the right 'manage' on a: jobs are refused until it has that.",
            ],
        ),
        (
            {"state": "pending", "standing": {"a": ""}},
            ["acme/widgets may publish a b, which it may create; ada vouches for it."],
        ),
    ],
)
def test_a_publisher_is_said_to_work_or_not(index: Asked, changes: dict[str, Any], lines: list[str]) -> None:
    index.answer = {"publisher": {**PUBLISHER, **changes}}
    given = TrustArgs(("a",), "release")
    done = _run(lambda: trust.add_gitlab(PLACE, given, "g/p", "c.yml", {"project_id": "1"}, None))
    assert done.stderr.splitlines() == lines
    assert index.asked[0][2]["settings"] == {
        "repository": "g/p",
        "workflow": "c.yml",
        "environment": "release",
        "ref": "refs/tags/*",
    }


def test_claims_are_names_and_patterns(index: Asked) -> None:
    index.answer = {"publisher": PUBLISHER}
    _run(lambda: trust.add_oidc(PLACE, TrustArgs(("a",)), "i", ["sub=x=y", "b=*"]))
    assert index.asked[0][2]["settings"] == {"claims": {"sub": "x=y", "b": "*"}}
    for wrong in ("sub", "=x", "sub="):
        done = _run(partial(trust.add_oidc, PLACE, TrustArgs(("a",)), "i", [wrong]))
        assert isinstance(done.exception, ConfigurationError)
        assert "expected NAME=PATTERN" in done.exception.message


def test_publishers_are_listed_and_removed(index: Asked) -> None:
    lost = {**PUBLISHER, "standing": {"a": "", "b": "admin"}, "registered": None}
    index.answer = {"publishers": [PUBLISHER, lost]}
    assert _run(lambda: trust.list_publishers(PLACE)).stdout.splitlines() == [
        "n  acme/widgets  a b  vouched for by ada (admin, maintainer)  since 2026-01-01",
        "n  acme/widgets  a b  vouched for by ada, who lacks 'manage' on a: jobs are refused",
    ]
    index.answer = {"publishers": []}
    assert _run(lambda: trust.list_publishers(PLACE)).output == "No trusted publishers.\n"
    index.answer = {"publisher": PUBLISHER}
    assert _run(lambda: trust.remove_publisher(PLACE, "a/b")).stderr == "acme/widgets may no longer publish a b.\n"
    assert index.asked[-1] == ("DELETE", "-/trust/a%2Fb")
    assert index.as_admin == [True] * 3


class Editor:
    """Accounts that are kept in a list."""

    def __init__(self, status: str = "created") -> None:
        self.status = status
        self.calls: list[tuple[Any, ...]] = []

    def add(self, username: str, password: Secret) -> str:
        self.calls.append((username, password))
        return self.status

    def add_service(self, username: str) -> str:
        self.calls.append((username,))
        return self.status

    def remove(self, username: str) -> Mapping[str, list[str]]:
        return {"tokens": ["a", "b"], "roles": []} if username == "bob" else {}

    def names(self) -> list[str]:
        return ["ada", "bob"]


@pytest.fixture
def editor(monkeypatch: pytest.MonkeyPatch) -> Editor:
    found = Editor()

    @contextmanager
    def opened(place: AccountsArgs) -> Iterator[Editor]:
        assert place is ACCOUNTS
        yield found

    monkeypatch.setattr(accounts, "_open", opened)
    return found


@pytest.mark.parametrize(
    ("status", "words"),
    [("created", "is created"), ("changed", "has a new password"), ("unchanged", "had this password already")],
)
def test_an_account_gets_the_password_of_stdin(editor: Editor, status: str, words: str) -> None:
    editor.status = status
    done = _run(lambda: accounts.add_account(ACCOUNTS, "bob", generate=False, password_stdin=True), "päss\n")
    assert (editor.calls, done.stdout) == ([("bob", Secret("päss"))], "")
    assert done.stderr == f"The account 'bob' {words}.\n"


def test_a_generated_password_is_printed_once_and_alone(editor: Editor) -> None:
    done = _run(lambda: accounts.add_account(ACCOUNTS, "bob", generate=True, password_stdin=False))
    assert done.stdout == f"{editor.calls[0][1].reveal()}\n"
    shown = json.loads(
        _run(lambda: accounts.add_account(ACCOUNTS, "b", generate=True, password_stdin=False), as_json=True).stdout
    )
    assert shown == {"username": "b", "status": "created", "password": editor.calls[1][1].reveal()}
    typed = _run(lambda: accounts.add_account(ACCOUNTS, "b", generate=False, password_stdin=True), "x\n", as_json=True)
    assert json.loads(typed.stdout) == {"username": "b", "status": "created"}
    assert editor.calls[0][1] != editor.calls[1][1]


@pytest.mark.parametrize(
    ("generate", "stdin", "words"), [(True, True, "can't be combined"), (False, False, "--generate")]
)
def test_a_password_has_one_origin(editor: Editor, words: str, *, generate: bool, stdin: bool) -> None:
    done = _run(lambda: accounts.add_account(ACCOUNTS, "bob", generate=generate, password_stdin=stdin))
    assert (done.exit_code, words in done.output, editor.calls) == (2, True, [])


def test_only_a_known_account_gets_a_new_password(editor: Editor) -> None:
    _run(lambda: accounts.rotate_password(ACCOUNTS, "bob", generate=False, password_stdin=True), "new\n")
    assert editor.calls == [("bob", Secret("new"))]
    done = _run(lambda: accounts.rotate_password(ACCOUNTS, "eve", generate=False, password_stdin=True), "new\n")
    assert isinstance(done.exception, PublishError)
    assert done.exception.message == "Unknown user eve."
    assert len(editor.calls) == 1


def test_service_accounts_removals_and_lists_are_said(editor: Editor) -> None:
    assert _run(lambda: accounts.add_service_account(ACCOUNTS, "ci")).stderr == "The service account 'ci' is created.\n"
    editor.status = "unchanged"
    assert "'ci' exists already" in _run(lambda: accounts.add_service_account(ACCOUNTS, "ci")).stderr
    assert _run(lambda: accounts.remove_account(ACCOUNTS, "bob")).stderr.splitlines() == [
        "The account 'bob' is removed.",
        "Also removed: tokens a, b",
    ]
    shown = json.loads(_run(lambda: accounts.remove_account(ACCOUNTS, "bob"), as_json=True).stdout)
    assert shown == {"username": "bob", "status": "removed", "ended": {"tokens": ["a", "b"]}}
    assert _run(lambda: accounts.list_accounts(ACCOUNTS)).stdout == "ada\nbob\n"
    assert json.loads(_run(lambda: accounts.list_accounts(ACCOUNTS), as_json=True).stdout) == {"users": ["ada", "bob"]}


class Public:
    """Public packages that give one answer, and note what they were asked for."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}
        self.asked: list[tuple[Any, ...]] = []

    def show(self, path: str) -> dict[str, Any]:
        self.asked.append((path,))
        return self.answer

    def change(self, path: str, values: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append((path, dict(values)))
        return self.answer


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Public:
    found = Public()

    @contextmanager
    def opened(place: PublicPackagesArgs, *, cache_alone: bool = False) -> Iterator[Public]:
        assert place is PACKAGES
        assert cache_alone in {True, False}
        yield found

    monkeypatch.setattr(public_packages, "_open", opened)
    return found


def test_cached_projects_are_results_and_the_rest_messages(public: Public) -> None:
    public.answer = {
        "upstreams": [{"url": "u", "status": "up"}, {"url": "v", "status": "down", "reason": "slow"}],
        "allowed": [
            {"until": "2026", "name": "a", "version": "1", "reason": "r"},
            {"until": "2027", "name": "b", "version": "", "reason": "s"},
        ],
        "claimed": [{"name": "c", "hides": ""}, {"name": "d", "hides": "D"}],
        "projects": [{"name": "e", "files": 2, "bytes": 12345}, {"name": "f", "files": 1, "bytes": 1}],
    }
    done = _run(lambda: public_packages.list_cached(PACKAGES))
    assert done.stdout == "e  2 files  12.3 kB\nf  1 file  1 byte\n"
    assert done.stderr.splitlines() == [
        "u: up",
        "v: down: slow",
        "allowed until 2026: a==1 (r)",
        "allowed until 2027: b (s)",
        "claimed: c",
        "claimed: d, hides D",
    ]
    assert json.loads(_run(lambda: public_packages.list_cached(PACKAGES), as_json=True).stdout) == public.answer


@pytest.mark.parametrize(("requirement", "path"), [("a", "why/a"), (" a == 1 ", "why/a/1")])
def test_the_reason_for_each_file_is_given(public: Public, requirement: str, path: str) -> None:
    public.answer = {
        "reason": "because",
        "files": [
            {"filename": "f", "passed-on": True, "reason": ""},
            {"filename": "g", "passed-on": False, "reason": "g is young"},
            {"filename": "h", "passed-on": False, "reason": "denied"},
        ],
    }
    done = _run(lambda: public_packages.explain(PACKAGES, requirement))
    assert (done.stdout.splitlines(), done.stderr) == (["f  passed on", "g is young", "h  denied"], "because\n")
    assert public.asked == [(path,)]


def test_an_exception_needs_an_end_and_a_reason(public: Public) -> None:
    public.answer = {"name": "a", "version": "1", "until": "2026", "removed": 2}
    for until, reason in ((None, None), ("2026", None), (None, "r")):
        allow = partial(public_packages.allow_early, PACKAGES, "a==1", until=until, reason=reason, remove=False)
        assert (_run(allow).exit_code, public.asked) == (2, [])
    allowed = _run(lambda: public_packages.allow_early(PACKAGES, "a==1", until="2026", reason="r", remove=False))
    assert allowed.stderr == "a==1 is passed on until 2026, whatever its age.\n"
    removed = _run(lambda: public_packages.allow_early(PACKAGES, "a==1", until=None, reason=None, remove=True))
    assert removed.stderr == "Removed 2 exceptions for a==1.\n"
    assert public.asked == [
        ("allow", {"name": "a", "version": "1", "until": "2026", "reason": "r"}),
        ("disallow", {"name": "a", "version": "1"}),
    ]


def test_claims_pages_and_removals_are_said(public: Public) -> None:
    public.answer = {"asked": 3, "claims": [{"name": "a", "hides": "A"}]}
    done = _run(lambda: public_packages.list_claims(PACKAGES))
    assert (done.stdout, done.stderr.splitlines()[1]) == ("a  A\n", "Public names: 1 of 3.")
    public.answer = {"name": "a", "hides": "A", "files": 2, "confirmed": "now"}
    assert _run(lambda: public_packages.claim_name(PACKAGES, "a")).stderr == "a may be published here; it hides A.\n"
    assert (
        "a has 2 files upstream; page checked at now"
        in _run(lambda: public_packages.refresh_page(PACKAGES, "a")).stderr
    )
    assert "Removed a with 2 files from the cache" in _run(lambda: public_packages.remove_cached(PACKAGES, "a")).stderr
    public.answer["hides"] = ""
    assert "no public project has it" in _run(lambda: public_packages.claim_name(PACKAGES, "a")).stderr
    named = {"name": "a"}
    assert public.asked == [("claims", {}), ("claim", named), ("refresh", named), ("remove", named), ("claim", named)]


def test_the_files_of_a_lock_file_are_fetched_and_failures_counted(public: Public, tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"a==1 --hash=sha256:{'ab' * 32}\nb==2 --hash=sha256:{'cd' * 32}\n")
    public.answer = {"files": ["f", "g"], "failed": {}}
    done = _run(lambda: public_packages.warm_cache(PACKAGES, lock))
    assert done.stderr.splitlines() == ["[1/2] a 1: 2 files", "[2/2] b 2: 2 files"]
    assert public.asked[0][1]["set"] == "requirements.txt"
    public.answer = {"files": [], "failed": {"f": "gone"}, "owned": True}
    failed = _run(lambda: public_packages.warm_cache(PACKAGES, lock))
    assert failed.stderr.splitlines()[:2] == ["[1/2] a 1: private", "  f: gone"]
    assert isinstance(failed.exception, IndexUnavailableError)
    assert failed.exception.message == "2 files could not be fetched."


def test_an_index_is_named_or_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for work in (
        lambda: accounts.list_accounts(ACCOUNTS),
        lambda: public_packages.list_cached(PACKAGES),
        lambda: storage.confirm_loss(StorageArgs()),
    ):
        done = _run(work)
        assert isinstance(done.exception, ConfigurationError)
        assert done.exception.message == "No index URL is set."


@pytest.mark.parametrize("url", ["s3://b/p", "gs://b/p/", "az://b"])
def test_the_url_of_a_bucket_has_one_of_three_schemes(url: str) -> None:
    assert bucket_settings.require_bucket_url(url) == url.rstrip("/")
    with pytest.raises(click.BadParameter, match="expected s3://"):
        bucket_settings.require_bucket_url(f"x{url}")


def test_files_are_fetched_from_the_bucket_from_a_size_or_never() -> None:
    assert bucket_settings.signed_from(ServeArgs()) == 2**20
    assert bucket_settings.signed_from(ServeArgs(signed_from=0)) == 0
    assert bucket_settings.signed_from(ServeArgs(no_signed_urls=True)) is None
