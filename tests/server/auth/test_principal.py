"""The rights of a sender on a project: what grants cover, and what limits them."""

import pytest

from publisher.server.auth.errors import PasswordNeededError, RightMissingError
from publisher.server.auth.oidc.minted_principal import MintedPrincipal, PublisherPart
from publisher.server.auth.principal import (
    ADMIN_TOKEN,
    ANONYMOUS,
    EVERYTHING,
    MAINTAINER_RIGHTS,
    WORKING_RIGHTS,
    Grant,
    Origin,
    Principal,
    PrincipalKind,
    Right,
)

R, P, C, M, A = Right.READ, Right.PUBLISH, Right.CREATE, Right.MANAGE, Right.ADMIN


def _grant(pattern: str, *rights: Right) -> Grant:
    return Grant(frozenset(rights), pattern)


def _account(*grants: Grant, name: str = "ada") -> Principal:
    return Principal(name, PrincipalKind.ACCOUNT, grants, account=name)


@pytest.mark.parametrize(
    ("given", "included"),
    [(R, {R}), (P, {P, R}), (C, {C}), (M, {M, R}), (A, {A})],
)
def test_publishing_and_managing_include_reading_and_nothing_else(given: Right, included: set[Right]) -> None:
    grant = _grant("*", given)
    for project in ("acme", None):
        assert {right for right in Right if grant.covers(right, project)} == included


@pytest.mark.parametrize(
    ("pattern", "project", "covers"),
    [
        ("*", "acme", True),
        ("acme", "acme", True),
        ("acme", "acme-tools", False),
        ("acme-*", "acme-tools", True),
        ("acme-*", "acme", True),
        ("acme-*", "acmes", False),
        ("*-tools", "acme-tools", True),
        ("acme", None, True),
    ],
)
def test_a_pattern_covers_its_projects(pattern: str, project: str | None, *, covers: bool) -> None:
    assert _grant(pattern, P).covers(P, project) == covers


@pytest.mark.parametrize("pattern", ["*", "pypi-*", "pypi-publis*", "*pypi-publish", "pypi-publish*"])
def test_no_pattern_with_a_star_covers_the_client_but_for_reading(pattern: str) -> None:
    grant = _grant(pattern, *Right)
    assert {right for right in Right if grant.covers(right, "pypi-publish")} == {R}
    assert _grant("pypi-publish", *Right).covers(P, "pypi-publish")


@pytest.mark.parametrize(
    ("kind", "account", "may"),
    [
        (PrincipalKind.ACCOUNT, "ada", MAINTAINER_RIGHTS),
        (PrincipalKind.ACCOUNT, "bob", frozenset[Right]()),
        (PrincipalKind.TOKEN, "ada", frozenset[Right]()),
        (PrincipalKind.MINTED, "ada", frozenset[Right]()),
        (PrincipalKind.ANONYMOUS, None, frozenset[Right]()),
    ],
)
def test_a_record_gives_its_maintainers_all_rights_but_creating(
    kind: PrincipalKind, account: str | None, may: frozenset[Right]
) -> None:
    principal = Principal("x", kind, account=account)
    assert {right for right in Right if principal.may(right, "acme", {"ada"})} == may


def test_a_token_has_what_both_its_grants_and_its_owner_have() -> None:
    owner = _account(_grant("acme-*", R, P))
    token = Principal("ada", PrincipalKind.TOKEN, (_grant("*", P, M),), account="ada", token="ci", within=owner)
    assert token.may(P, "acme-tools")
    assert token.may(R, "acme-tools")
    assert not token.may(M, "acme-tools")
    assert not token.may(P, "other")
    assert token.may(M, "acme-tools", {"ada"}), "the owner maintains it, and the token may manage"
    narrow = Principal("ada", PrincipalKind.TOKEN, (_grant("other", M),), account="ada", within=owner)
    assert not narrow.may(M, "acme-tools", {"ada"})
    assert not token.is_person
    assert owner.is_person


@pytest.mark.parametrize(
    ("grants", "reads"),
    [
        ((), False),
        ((_grant("*", R),), True),
        ((_grant("*", P),), True),
        ((_grant("*", C),), False),
        ((_grant("*", A),), False),
        ((_grant("acme-*", R),), False),
        ((_grant("acme-*", R), _grant("*", M)), True),
    ],
)
def test_everything_is_read_by_those_with_a_grant_on_everything(grants: tuple[Grant, ...], *, reads: bool) -> None:
    assert _account(*grants).reads_everything == reads
    token = Principal("ada", PrincipalKind.TOKEN, (_grant("*", R),), within=_account(*grants))
    assert token.reads_everything == reads
    assert not Principal("ada", PrincipalKind.TOKEN, (_grant("a", R),), within=_account(*grants)).reads_everything


def test_names_for_logs_and_records() -> None:
    assert (ANONYMOUS.username, ADMIN_TOKEN.username) == (None, None)
    assert (ANONYMOUS.is_person, ADMIN_TOKEN.is_person) == (False, False)
    assert ADMIN_TOKEN.grants == (Grant(frozenset({A}), EVERYTHING),)
    assert ANONYMOUS.grants == ()
    assert _account().username == "ada"
    assert _account().as_record() == {"user": "ada", "kind": "account"}
    assert ADMIN_TOKEN.as_record() == {"user": "AUTH_TOKEN", "kind": "admin_token"}
    job = Principal("acme/widgets", PrincipalKind.MINTED, token="jti", origin=Origin("https://ci", "acme/widgets"))
    assert job.as_record() == {
        "user": "acme/widgets",
        "kind": "minted",
        "token": "jti",
        "origin": {"issuer": "https://ci", "repository": "acme/widgets"},
    }


def test_an_origin_leaves_out_what_is_not_known() -> None:
    full = Origin("https://ci", "acme/widgets", "abc", "7")
    assert full.as_record() == {"issuer": "https://ci", "repository": "acme/widgets", "commit": "abc", "run": "7"}
    assert Origin("https://ci", "").as_record() == {"issuer": "https://ci"}


def _job(*parts: PublisherPart) -> MintedPrincipal:
    return MintedPrincipal("acme/widgets", PrincipalKind.MINTED, parts=parts)


@pytest.mark.parametrize(
    ("voucher", "may"),
    [
        (None, {R, P, C}),
        (_account(_grant("*", *WORKING_RIGHTS)), {R, P, C}),
        (_account(_grant("acme", M)), {R, P}),
        (_account(_grant("acme", C)), {C}),
        (_account(_grant("*", A)), {R, P, C}),
        (_account(_grant("acme", R, P)), set[Right]()),
        (_account(_grant("other", *WORKING_RIGHTS)), set[Right]()),
    ],
)
def test_a_job_publishes_by_a_voucher_that_manages_and_creates_by_one_that_creates(
    voucher: Principal | None, may: set[Right]
) -> None:
    job = _job(PublisherPart((_grant("acme", R, P, C),), voucher))
    assert {right for right in Right if job.may(right, "acme")} == may
    assert not any(job.may(right, "other") for right in Right)
    assert {right for right in Right if job.may(right)} == {R, P, C}, "on any project: its handler asks again"


def test_a_voucher_may_be_a_maintainer_by_the_projects_record() -> None:
    job = _job(PublisherPart((_grant("acme", R, P),), _account()))
    assert not job.may(P, "acme")
    assert job.may(P, "acme", {"ada"})
    assert not job.may(P, "acme", {"bob"})


def test_each_publisher_of_a_job_counts_for_its_own_projects() -> None:
    job = _job(
        PublisherPart((_grant("acme", P),), _account()),
        PublisherPart((_grant("web", P), _grant("docs", P)), None),
    )
    assert [job.may(P, project) for project in ("acme", "web", "docs", "x")] == [False, True, True, False]
    assert not _job().may(R)


@pytest.mark.parametrize(
    ("principal", "right", "project", "message"),
    [
        (
            _account(),
            P,
            "acme",
            (
                "ada lacks the right 'publish' on acme. "
                "An admin can give it: pypi-publish users set-role ada publisher --project acme"
            ),
        ),
        (
            _account(),
            R,
            None,
            "ada lacks the right 'read' on any project. An admin can give it: pypi-publish users set-role ada reader",
        ),
        (
            _account(),
            M,
            "acme",
            (
                "ada lacks the right 'manage' on acme. "
                "An admin can give it: pypi-publish users set-role ada maintainer --project acme"
            ),
        ),
        (
            _account(),
            C,
            "new",
            (
                "ada lacks the right 'create' on new. "
                "An admin can give it: pypi-publish users set-role ada maintainer --project new"
            ),
        ),
        (_account(), A, None, "ada lacks the right 'admin' on this index."),
        (
            Principal("ada", PrincipalKind.TOKEN, account="ada"),
            P,
            "acme",
            "the token of ada lacks the right 'publish' on acme.",
        ),
        (
            ADMIN_TOKEN,
            P,
            "acme",
            "AUTH_TOKEN, which only administers accounts and rights, lacks the right 'publish' on acme.",
        ),
        (
            _account(),
            P,
            "pypi-publish",
            (
                "ada lacks the right 'publish' on pypi-publish. This name is reserved for the index's own client; "
                "an admin can allow an account: serve --client-uploader ada."
            ),
        ),
        (
            Principal("acme/widgets", PrincipalKind.MINTED),
            P,
            "pypi-publish",
            (
                "the token of acme/widgets lacks the right 'publish' on pypi-publish. This name is reserved for the "
                "index's own client; an admin can allow an account: serve --client-uploader NAME."
            ),
        ),
    ],
)
def test_a_refusal_names_the_right_the_project_and_the_remedy(
    principal: Principal, right: Right, project: str | None, message: str
) -> None:
    assert RightMissingError(principal, right, project).message == message


def test_reading_the_client_is_a_role_as_for_every_project() -> None:
    text = RightMissingError(_account(), R, "pypi-publish").message
    assert text.endswith("pypi-publish users set-role ada reader --project pypi-publish")


def test_a_missing_password_is_named() -> None:
    assert "needs your account's password" in PasswordNeededError().message
