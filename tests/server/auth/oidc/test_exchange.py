"""The exchange of an issuer's token: what is accepted, and one test for each attack and mistake."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization

from publisher.server.auth.errors import CredentialsRefusedError
from publisher.server.auth.fresh_copy import CopyTimes
from publisher.server.auth.oidc.errors import (
    InvalidJwtError,
    InvalidPublisherError,
    IssuerUnavailableError,
    MintingRefusedError,
)
from publisher.server.auth.oidc.issuers import IssuerKeys, KeyTimes
from publisher.server.auth.oidc.jose import LEEWAY, parse_keys
from publisher.server.auth.oidc.minted_tokens import MintedToken
from publisher.server.auth.oidc.registry import PublisherRegistry
from publisher.server.auth.oidc.service import TrustedPublishing
from publisher.server.auth.oidc.urls import check_url
from publisher.server.auth.principal import WORKING_RIGHTS, Grant, Principal, PrincipalKind, Right
from publisher.server.auth.revocations import Revocations
from publisher.server.storage.folder import FolderStorage
from tests.helpers.issuer import REPOSITORY, Issuer, github_claims, gitlab_claims, running_issuer

AUDIENCE = "pypi.acme.example"
NOW = CopyTimes(fresh=0.0)


@dataclass
class Accounts:
    """The accounts that vouch, with the rights that they have now."""

    grants: dict[str, tuple[Grant, ...]] = field(default_factory=lambda: {"ada": (Grant(WORKING_RIGHTS),)})

    def principal_now(self, username: str) -> Principal | None:
        found = self.grants.get(username)
        return None if found is None else Principal(username, PrincipalKind.ACCOUNT, found, account=username)

    async def principal(self, username: str) -> Principal | None:
        return self.principal_now(username)


@dataclass
class Index:
    """One process of an index with trusted publishing."""

    publishing: TrustedPublishing
    accounts: Accounts
    projects: set[str]

    @classmethod
    def open(cls, folder: Path, url: str = f"https://{AUDIENCE}/", revocations: CopyTimes = NOW) -> "Index":
        folder.mkdir(exist_ok=True)
        storage = FolderStorage(folder, mode=0o600)
        accounts, projects = Accounts(), {"acme-widgets", "acme-gears"}

        async def exists(name: str) -> bool:
            return name in projects

        publishing = TrustedPublishing(
            storage,
            url,
            revocations=Revocations(storage, revocations),
            vouchers=accounts,
            is_published=exists,
            registry=PublisherRegistry(storage, NOW),
        )
        return cls(publishing, accounts, projects)

    def trust(self, issuer: Issuer, kind: str = "github", **values: Any) -> str:
        settings = {"repository": REPOSITORY, "workflow": "publish.yml"} if kind == "github" else {}
        settings |= {"repository": REPOSITORY} if kind == "gitlab" else {}
        settings |= values.pop("settings", {})
        voucher = values.pop("voucher", "ada")
        described = {"kind": kind, "issuer": issuer.url, "settings": settings, "projects": ["acme-widgets"], **values}
        return asyncio.run(self.publishing.add(described, voucher)).name

    def mint(self, token: str) -> MintedToken:
        return asyncio.run(self.publishing.mint(token))

    def refusal(self, token: str) -> tuple[str, str]:
        with pytest.raises(MintingRefusedError) as caught:
            self.mint(token)
        return caught.value.code.value, caught.value.description

    def verify(self, minted: MintedToken | str) -> Principal:
        text = minted if isinstance(minted, str) else minted.text
        return asyncio.run(self.publishing.tokens.verify(text))


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index.open(tmp_path / "credentials")


@pytest.fixture
def trusted(index: Index, issuer: Issuer) -> Index:
    index.trust(issuer)
    return index


def test_a_job_publishes_its_projects_and_no_other(tmp_path: Path, issuer: Issuer) -> None:
    trusted = Index.open(tmp_path / "credentials", revocations=CopyTimes())
    trusted.trust(issuer)
    minted = trusted.mint(issuer.token(github_claims(), AUDIENCE))
    assert minted.text.startswith("pypi-publish-oidc_")
    assert 890 < minted.expires - time.time() <= 900
    verified, recalled = trusted.verify(minted), trusted.publishing.tokens.recall(minted.text)
    assert recalled is not None
    for principal in (minted.principal, verified, recalled.principal):
        assert principal.kind is PrincipalKind.MINTED
        assert principal.may(Right.PUBLISH, "acme-widgets")
        assert principal.may(Right.READ, "acme-widgets")
        assert not principal.may(Right.PUBLISH, "acme-gears")
        assert not principal.may(Right.READ, "acme-gears")
        assert not any(principal.may(right, "acme-widgets") for right in (Right.CREATE, Right.MANAGE, Right.ADMIN))
        assert not principal.is_person
        assert principal.origin is not None
        assert (principal.origin.repository, principal.origin.commit) == (REPOSITORY, "a" * 40)
        assert principal.origin.run.endswith("777")


def test_es256_and_a_second_key_are_accepted(trusted: Index, issuer: Issuer) -> None:
    issuer.add_key("curve", curve=True)
    trusted.mint(issuer.token(github_claims(), AUDIENCE))
    issuer.key_id = "first"
    trusted.mint(issuer.token(github_claims(), AUDIENCE))


def test_gitlab(index: Index, issuer: Issuer) -> None:
    index.trust(issuer, "gitlab", settings={"environment": "release"})
    claims = gitlab_claims(issuer, environment="release")
    minted = index.mint(issuer.token(claims, AUDIENCE))
    assert minted.principal.may(Right.PUBLISH, "acme-widgets")
    for change in (
        {"environment": "Release"},
        {"project_path": "acme/gears"},
        {"project_id": "2003"},
        {"namespace_id": "85"},
        {"ref_path": "refs/heads/main"},
        {"ref_path": "refs/merge-requests/1/head"},
        {"ci_config_ref_uri": str(claims["ci_config_ref_uri"]).replace(".gitlab-ci.yml", "other.yml")},
        {"ci_config_ref_uri": str(claims["ci_config_ref_uri"]).replace("refs/tags/v1.0", "refs/heads/main")},
        {"ci_config_ref_uri": f"elsewhere.example/{REPOSITORY}//.gitlab-ci.yml@refs/tags/v1.0"},
    ):
        changed = gitlab_claims(issuer, environment="release") | change
        assert index.refusal(issuer.token(changed, AUDIENCE))[0] == "invalid-publisher", change


def test_any_issuer_by_rules(index: Index, issuer: Issuer) -> None:
    index.trust(issuer, "oidc", settings={"claims": {"sub": "pipeline:acme/*", "protected": "true"}})
    claims = {"sub": "pipeline:acme/widgets", "protected": True}
    assert index.mint(issuer.token(claims, AUDIENCE)).principal.may(Right.PUBLISH, "acme-widgets")
    for change in (
        {"sub": "pipeline:evil/widgets"},
        {"protected": False},
        {"protected": None},
        {"protected": ["true"]},
    ):
        assert index.refusal(issuer.token(claims | change, AUDIENCE))[0] == "invalid-publisher", change


# attacks


def test_a_wrong_issuer_is_refused_and_never_asked(trusted: Index, issuer: Issuer) -> None:
    with running_issuer() as other:
        code, text = trusted.refusal(other.token(github_claims(), AUDIENCE))
        assert code == "invalid-publisher"
        assert other.url in text
        assert other.asked == []
        forged = other.token(github_claims(iss=issuer.url), AUDIENCE)
        assert trusted.refusal(forged)[0] == "invalid-token"
        for spelling in (f"{issuer.url}/", issuer.url.upper(), f"{issuer.url}#x"):
            assert trusted.refusal(issuer.token(github_claims(iss=spelling), AUDIENCE))[0] == "invalid-publisher"


@pytest.mark.parametrize(
    "audience", [[AUDIENCE], [AUDIENCE, "pypi"], "pypi", "other.acme.example", f"https://{AUDIENCE}", "", None]
)
def test_another_audience(trusted: Index, issuer: Issuer, audience: Any) -> None:
    assert trusted.refusal(issuer.token(github_claims(), audience))[0] == "invalid-token"


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"exp": time.time() - 60}, "expired"),
        ({"nbf": time.time() + 3600}, "not valid yet"),
        ({"iat": time.time() + 3600}, "not valid yet"),
        ({"exp": time.time() + 10**6}, "more than a day"),
        ({"exp": None}, "exp"),
        ({"iat": None}, "iat"),
        ({"jti": None}, "jti"),
        ({"jti": ""}, "jti"),
        ({"exp": "soon"}, "not valid"),
        ({"exp": 10**400}, ""),
    ],
)
def test_times_and_identifier(trusted: Index, issuer: Issuer, claims: dict[str, Any], says: str) -> None:
    code, text = trusted.refusal(issuer.token(github_claims(**claims), AUDIENCE))
    assert code == "invalid-token"
    assert says in text


def test_clocks_may_differ_by_half_a_minute(trusted: Index, issuer: Issuer) -> None:
    now = time.time()
    trusted.mint(issuer.token(github_claims(exp=int(now - 20)), AUDIENCE))
    trusted.mint(issuer.token(github_claims(nbf=int(now + 20), iat=int(now + 20)), AUDIENCE))


def _forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(part).encode() for part in (header, claims)] + [signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def _claims(issuer: Issuer) -> dict[str, Any]:
    return dict(jwt.decode(issuer.token(github_claims(), AUDIENCE), options={"verify_signature": False}))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None])
def test_no_algorithm(trusted: Index, issuer: Issuer, algorithm: str | None) -> None:
    token = _forged({"alg": algorithm, "typ": "JWT", "kid": "first"}, _claims(issuer))
    assert trusted.refusal(token)[0] == "invalid-token"


@pytest.mark.parametrize("form", ["pem", "der", "jwk"])
def test_the_public_key_as_a_shared_secret(trusted: Index, issuer: Issuer, form: str) -> None:
    public = issuer.keys["first"].public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    secret = {
        "pem": public.public_bytes(serialization.Encoding.PEM, spki),
        "der": public.public_bytes(serialization.Encoding.DER, spki),
        "jwk": json.dumps(issuer.public_key("first")).encode(),
    }[form]
    unsigned = _forged({"alg": "HS256", "typ": "JWT", "kid": "first"}, _claims(issuer)).rstrip(".")
    mac = hmac.HMAC(secret, hashes.SHA256())
    mac.update(unsigned.encode())
    token = f"{unsigned}.{base64.urlsafe_b64encode(mac.finalize()).rstrip(b'=').decode()}"
    code, text = trusted.refusal(token)
    assert (code, "algorithm" in text) == ("invalid-token", True)


@pytest.mark.parametrize("name", ["jku", "jwk", "x5u", "x5c"])
def test_keys_that_the_token_brings_are_not_looked_at(trusted: Index, issuer: Issuer, name: str) -> None:
    with running_issuer() as other:
        value: Any = {"jwk": other.public_key("first"), "x5c": ["MIIB"]}.get(name, f"{other.url}/keys")
        claims = github_claims(iss=issuer.url)
        assert trusted.refusal(other.token(claims, AUDIENCE, headers={name: value}))[0] == "invalid-token"
        assert other.asked == []
        trusted.mint(issuer.token(github_claims(), AUDIENCE, headers={name: value}))
        assert other.asked == []


@pytest.mark.parametrize("algorithm", [["RS256"], {"RS256": 1}, 256, True])
def test_algorithms_must_be_text(trusted: Index, issuer: Issuer, algorithm: Any) -> None:
    token = _forged({"alg": algorithm, "typ": "JWT", "kid": "first"}, _claims(issuer))
    assert trusted.refusal(token)[0] == "invalid-token"


@pytest.mark.parametrize("key_id", ["../../credentials", "", "first' OR 1", "x" * 5000, None, 1, ["first"]])
def test_odd_key_names(trusted: Index, issuer: Issuer, key_id: Any) -> None:
    token = issuer.token(github_claims(), AUDIENCE).split(".")
    header = json.loads(base64.urlsafe_b64decode(token[0] + "=="))
    header["kid"] = key_id
    token[0] = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    assert trusted.refusal(".".join(token))[0] == "invalid-token"


def test_critical_extensions_are_not_passed_over(trusted: Index, issuer: Issuer) -> None:
    token = issuer.token(github_claims(), AUDIENCE, headers={"crit": ["exp"], "exp": 1})
    assert trusted.refusal(token)[0] == "invalid-token"


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "....", "e30.e30.", "ä" * 50, "x" * 50_000, "\ud800.a.b"])
def test_no_token_at_all(trusted: Index, text: str) -> None:
    assert trusted.refusal(text)[0] == "invalid-token"


def test_a_changed_claim_breaks_the_signature(trusted: Index, issuer: Issuer) -> None:
    head, _, signature = issuer.token(github_claims(repository="acme/other"), AUDIENCE).split(".")
    body = base64.urlsafe_b64encode(json.dumps(_claims(issuer)).encode()).rstrip(b"=").decode()
    assert trusted.refusal(f"{head}.{body}.{signature}")[0] == "invalid-token"


def test_an_unknown_key_is_asked_for_once_a_minute(trusted: Index, issuer: Issuer) -> None:
    trusted.mint(issuer.token(github_claims(), AUDIENCE))
    asked = len(issuer.asked)
    issuer.add_key("second")
    for _ in range(5):
        assert trusted.refusal(issuer.token(github_claims(), AUDIENCE))[0] == "invalid-token"
    assert len(issuer.asked) == asked  # the keys were fetched less than a minute ago


async def _race(parts: list[TrustedPublishing], token: str) -> list[MintedToken | BaseException]:
    return await asyncio.gather(*(each.mint(token) for each in parts), return_exceptions=True)


def test_a_token_is_exchanged_only_once(trusted: Index, issuer: Issuer, tmp_path: Path) -> None:
    others = [Index.open(tmp_path / "credentials") for _ in range(3)]
    token = issuer.token(github_claims(), AUDIENCE)
    found = asyncio.run(_race([trusted.publishing, *(each.publishing for each in others)] * 2, token))
    assert sum(isinstance(each, MintedToken) for each in found) == 1
    refusals = [each for each in found if isinstance(each, MintingRefusedError)]
    assert [each.code.value for each in refusals] == ["invalid-reuse-token"] * 7


@pytest.mark.parametrize("seconds", [-20, 1, 300])
def test_a_token_that_is_valid_by_the_leeway_alone_is_exchanged_only_once_too(
    trusted: Index, issuer: Issuer, seconds: int
) -> None:
    token = issuer.token(github_claims(exp=int(time.time() + seconds)), AUDIENCE)
    trusted.mint(token)
    assert trusted.refusal(token)[0] == "invalid-reuse-token"


def test_a_used_token_is_remembered_until_no_clock_takes_it(
    trusted: Index, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered: list[float] = []

    async def claim_once(_storage: object, key: str, value: str, seconds: float) -> str:
        assert key.startswith(f"jti {issuer.url} ")
        remembered.append(seconds)
        return value

    monkeypatch.setattr(FolderStorage, "claim_once", claim_once)
    trusted.mint(issuer.token(github_claims(exp=int(time.time() + 300)), AUDIENCE))
    assert 300 + 2 * LEEWAY - 5 < remembered[0] <= 300 + 2 * LEEWAY


@pytest.mark.parametrize("sha", [["a"], {"a": 1}, None, 7])
def test_a_commit_that_is_no_text_is_no_ref(trusted: Index, issuer: Issuer, sha: object) -> None:
    other = f"{REPOSITORY}/.github/workflows/publish.yml@refs/heads/evil"
    code, _ = trusted.refusal(issuer.token(github_claims(sha=sha, workflow_ref=other), AUDIENCE))
    assert code == "invalid-publisher"


def test_the_workflow_file_may_be_named_at_the_commit(trusted: Index, issuer: Issuer) -> None:
    at_commit = f"{REPOSITORY}/.github/workflows/publish.yml@{'a' * 40}"
    trusted.mint(issuer.token(github_claims(workflow_ref=at_commit, job_workflow_ref=at_commit), AUDIENCE))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"repository_id": "1002"}, "only has the same name"),
        ({"repository_owner_id": "43"}, "only has the same name"),
        ({"repository_id": None}, "no claim repository_id"),
        ({"repository": "mallory/widgets"}, "No publisher"),
        ({"repository": "acme/widgets-fork"}, "No publisher"),
        ({"repository_owner": "mallory"}, "No publisher"),
        ({"workflow_ref": f"{REPOSITORY}/.github/workflows/other.yml@refs/tags/v1.0"}, "workflow_ref"),
        ({"workflow_ref": f"{REPOSITORY}/.github/workflows/Publish.yml@refs/tags/v1.0"}, "workflow_ref"),
        ({"workflow_ref": "mallory/widgets/.github/workflows/publish.yml@refs/tags/v1.0"}, "workflow_ref"),
        ({"workflow_ref": f"{REPOSITORY}/.github/workflows/publish.yml@refs/heads/evil"}, "refs/heads/evil"),
        ({"workflow_ref": None}, "workflow_ref"),
        ({"job_workflow_ref": "mallory/ci/.github/workflows/x.yml@refs/heads/main"}, "not allowed to call"),
        ({"job_workflow_ref": None}, "job_workflow_ref"),
        ({"ref": "refs/heads/main"}, "ref"),
        ({"ref": "refs/pull/7/merge"}, "ref"),
        ({"event_name": "pull_request_target"}, "pull_request_target"),
        ({"event_name": "pull_request"}, "other people's code"),
        ({"event_name": None}, "event_name"),
    ],
)
def test_other_repositories_workflows_and_refs(
    trusted: Index, issuer: Issuer, change: dict[str, Any], says: str
) -> None:
    trusted.mint(issuer.token(github_claims(), AUDIENCE))
    code, text = trusted.refusal(issuer.token(github_claims(**change), AUDIENCE))
    assert code == "invalid-publisher"
    assert says in text


@pytest.mark.parametrize(
    "change",
    [
        {"event_name": "pull_request"},
        {"event_name": "pull_request_target"},
        {"event_name": "pull_request_review_comment"},
        {"ref": "refs/pull/7/merge"},
    ],
)
def test_no_pull_request_publishes_even_where_every_ref_may(
    index: Index, issuer: Issuer, change: dict[str, Any]
) -> None:
    index.trust(issuer, settings={"ref": "*"})
    index.mint(issuer.token(github_claims(ref="refs/heads/main"), AUDIENCE))
    assert index.refusal(issuer.token(github_claims(**change), AUDIENCE))[0] == "invalid-publisher"


@pytest.mark.parametrize(
    "change",
    [
        {"pipeline_source": "merge_request_event"},
        {"pipeline_source": "external_pull_request_event"},
        {"ref_path": "refs/merge-requests/1/head"},
    ],
)
def test_no_merge_request_publishes_even_where_every_ref_may(
    index: Index, issuer: Issuer, change: dict[str, Any]
) -> None:
    index.trust(issuer, "gitlab", settings={"ref": "*"})
    index.mint(issuer.token(gitlab_claims(issuer, ref_path="refs/heads/main", pipeline_source="push"), AUDIENCE))
    assert index.refusal(issuer.token(gitlab_claims(issuer, **change), AUDIENCE))[0] == "invalid-publisher"


def test_a_pull_request_of_any_other_issuer_publishes_neither(index: Index, issuer: Issuer) -> None:
    index.trust(issuer, "oidc", settings={"claims": {"sub": "repo:acme/*"}})
    index.mint(issuer.token({"sub": "repo:acme/widgets", "event_name": "push"}, AUDIENCE))
    claims = {"sub": "repo:acme/widgets", "event_name": "pull_request"}
    assert index.refusal(issuer.token(claims, AUDIENCE))[0] == "invalid-publisher"


def test_letters_of_a_repository_may_differ_in_case(trusted: Index, issuer: Issuer) -> None:
    trusted.mint(issuer.token(github_claims(repository="Acme/Widgets"), AUDIENCE))


def test_a_rename_shows_by_the_numbers_that_were_given(index: Index, issuer: Issuer) -> None:
    index.trust(issuer, pins={"repository_id": "9", "repository_owner_id": "42"})
    assert index.refusal(issuer.token(github_claims(), AUDIENCE))[0] == "invalid-publisher"
    index.mint(issuer.token(github_claims(repository_id="9"), AUDIENCE))


def test_two_first_uses_at_a_time_pin_one_repository(trusted: Index, issuer: Issuer, tmp_path: Path) -> None:
    other = Index.open(tmp_path / "credentials")

    async def both() -> list[MintedToken | BaseException]:
        mine = issuer.token(github_claims(), AUDIENCE)
        recreated = issuer.token(github_claims(repository_id="1002"), AUDIENCE)
        work = [trusted.publishing.mint(mine), other.publishing.mint(recreated)]
        return await asyncio.gather(*work, return_exceptions=True)

    found = asyncio.run(both())
    assert sorted(type(each).__name__ for each in found) == ["MintedToken", "MintingRefusedError"]


def test_an_environment_is_required_where_one_is_named(index: Index, issuer: Issuer) -> None:
    index.trust(issuer, settings={"environment": "release"})
    for environment in ("staging", "", None):
        assert index.refusal(issuer.token(github_claims(environment=environment), AUDIENCE))[0] == "invalid-publisher"
    index.mint(issuer.token(github_claims(environment="Release"), AUDIENCE))


def test_a_letter_that_only_looks_like_another_is_another(index: Index, issuer: Issuer) -> None:
    """The small letter of a Kelvin sign is k, so an environment without rules could stand for one with reviewers."""
    index.trust(issuer, settings={"environment": "packages"})
    index.mint(issuer.token(github_claims(environment="PACKAGES"), AUDIENCE))
    for environment in ("pac\u212aages", "PAC\u212aAGES", "pack\u00e0ges"):
        assert index.refusal(issuer.token(github_claims(environment=environment), AUDIENCE))[0] == "invalid-publisher"


def test_a_called_workflow_must_be_on_the_list(index: Index, issuer: Issuer) -> None:
    ours = "acme/index/.github/workflows/publish.yaml"
    index.trust(issuer, settings={"called_workflows": [ours, "acme/ci/.github/workflows/x.yml@refs/tags/*"]})
    for called in (f"{ours}@{'b' * 40}", "acme/ci/.github/workflows/x.yml@refs/tags/v2"):
        index.mint(issuer.token(github_claims(job_workflow_ref=called), AUDIENCE))
    for called in (
        "acme/ci/.github/workflows/x.yml@refs/heads/main",
        "acme/index/.github/workflows/other.yaml@refs/tags/v1",
        f"mallory/{ours}@{'b' * 40}",
        ours,
    ):
        token = issuer.token(github_claims(job_workflow_ref=called), AUDIENCE)
        assert index.refusal(token)[0] == "invalid-publisher", called


@pytest.mark.parametrize("fault", ["down", "slow", "huge", "redirect"])
def test_an_issuer_that_fails(trusted: Index, issuer: Issuer, fault: str, tmp_path: Path) -> None:
    """Without keys nothing is minted, which is said to be no fault of the token; known keys stay in use."""
    issuer.fault = fault
    code, text = trusted.refusal(issuer.token(github_claims(), AUDIENCE))
    assert code == "issuer-unavailable"
    assert issuer.url in text
    issuer.fault = ""
    other = Index.open(tmp_path / "credentials")
    other.mint(issuer.token(github_claims(), AUDIENCE))
    issuer.fault = fault
    other.mint(issuer.token(github_claims(), AUDIENCE))


def test_known_keys_verify_while_the_issuer_is_down_and_unknown_ones_are_a_503(issuer: Issuer) -> None:
    keys = IssuerKeys(KeyTimes(fresh=0.0, pause=0.0))

    async def work() -> None:
        await keys.key(issuer.url, "first")
        issuer.add_key("second")  # a rotation that the index has not seen
        issuer.fault = "down"
        assert (await keys.key(issuer.url, "first")).algorithm == "RS256"
        with pytest.raises(IssuerUnavailableError):
            await keys.key(issuer.url, "second")
        issuer.fault = ""
        await keys.key(issuer.url, "second")
        del issuer.keys["first"]  # which the issuer takes back
        with pytest.raises(InvalidJwtError):
            await keys.key(issuer.url, "first")

    asyncio.run(work())


def test_of_two_keys_of_one_name_the_first_counts(issuer: Issuer) -> None:
    issuer.add_key("second", curve=True)
    both = [issuer.public_key("first"), {**issuer.public_key("second"), "kid": "first"}]
    assert parse_keys(json.dumps({"keys": both}).encode())["first"].algorithm == "RS256"
    assert parse_keys(json.dumps({"keys": both[::-1]}).encode())["first"].algorithm == "ES256"


def _number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "change",
    [
        {"n": _number(2**1023 + 1)},
        {"n": _number(2**8200 + 1)},
        {"alg": "HS256"},
        {"use": "enc"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"d": _number(3)},
        {"kid": None},
        {"kid": 1},
        {"e": ""},
        {"n": None},
    ],
    ids=str,
)
def test_keys_that_prove_nothing_are_left_out(issuer: Issuer, change: dict[str, Any]) -> None:
    sound = issuer.public_key("first")
    found = parse_keys(json.dumps({"keys": [{**sound, **change}, {**sound, "kid": "sound"}, "x", []]}).encode())
    assert list(found) == ["sound"]


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": null}', b"[" * 50_000, b'{"keys": [' + b"1," * 200 + b"1]}"]
)
def test_invalid_key_sets_are_refused(text: bytes) -> None:
    with pytest.raises(InvalidJwtError):
        parse_keys(text)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9200/", "http://localhost/", "file:///etc/passwd", "https:///", None]
)
def test_an_issuer_elsewhere_names_no_url_of_this_machine(url: object) -> None:
    """The index would ask its own machine for anybody who may name an issuer."""
    with pytest.raises(InvalidPublisherError):
        check_url(url, here=False)
    check_url("https://ci.acme.example/keys", here=False)


# what ends a token


def test_a_burnt_token_is_refused_by_other_processes(trusted: Index, issuer: Issuer, tmp_path: Path) -> None:
    other = Index.open(tmp_path / "credentials")
    minted = trusted.mint(issuer.token(github_claims(), AUDIENCE))
    assert other.verify(minted).may(Right.PUBLISH, "acme-widgets")
    assert asyncio.run(trusted.publishing.burn(minted.text)) is not None
    for each in (trusted, other):
        with pytest.raises(CredentialsRefusedError):
            each.verify(minted)
        assert each.publishing.tokens.recall(minted.text) is None


def test_a_removed_publisher_ends_its_tokens_and_can_come_back(trusted: Index, issuer: Issuer, tmp_path: Path) -> None:
    other = Index.open(tmp_path / "credentials")
    minted = trusted.mint(issuer.token(github_claims(), AUDIENCE))
    other.verify(minted)
    (publisher,) = asyncio.run(trusted.publishing.registry.all())
    asyncio.run(trusted.publishing.remove(publisher.name))
    with pytest.raises(CredentialsRefusedError):
        other.verify(minted)
    assert other.refusal(issuer.token(github_claims(), AUDIENCE))[0] == "invalid-publisher"
    assert trusted.trust(issuer) == publisher.name
    other.verify(other.mint(issuer.token(github_claims(), AUDIENCE)))
    with pytest.raises(CredentialsRefusedError):
        other.verify(minted)


@pytest.mark.parametrize(("fresh", "longest"), [(5.0, 5.0), (10_000.0, 900.0)])
def test_a_recalled_token_is_right_until_its_end_or_the_next_look_at_what_was_revoked(
    tmp_path: Path, issuer: Issuer, fresh: float, longest: float
) -> None:
    trusted = Index.open(tmp_path / "credentials", revocations=CopyTimes(fresh=fresh))
    trusted.trust(issuer)
    minted = trusted.mint(issuer.token(github_claims(), AUDIENCE))
    trusted.verify(minted)
    recalled = trusted.publishing.tokens.recall(minted.text)
    assert recalled is not None
    assert recalled.until <= time.monotonic() + longest


def test_a_publisher_has_no_right_that_its_voucher_has_lost(tmp_path: Path, issuer: Issuer) -> None:
    trusted = Index.open(tmp_path / "credentials", revocations=CopyTimes())
    trusted.trust(issuer)
    minted = trusted.mint(issuer.token(github_claims(), AUDIENCE))
    trusted.accounts.grants["ada"] = (Grant(frozenset({Right.READ, Right.PUBLISH})),)
    assert not trusted.verify(minted).may(Right.PUBLISH, "acme-widgets")
    recalled = trusted.publishing.tokens.recall(minted.text)
    assert recalled is not None
    assert not recalled.principal.may(Right.PUBLISH, "acme-widgets")
    assert trusted.verify(minted).may(Right.PUBLISH, "acme-widgets", {"ada"})  # a maintainer by the project's record
    del trusted.accounts.grants["ada"]
    with pytest.raises(CredentialsRefusedError):
        trusted.verify(minted)
    assert trusted.refusal(issuer.token(github_claims(), AUDIENCE))[0] == "invalid-publisher"


def test_each_of_two_vouchers_counts_for_itself(trusted: Index, issuer: Issuer) -> None:
    trusted.accounts.grants["bob"] = (Grant(WORKING_RIGHTS, "acme-gears"),)
    trusted.trust(issuer, voucher="bob", projects=["acme-gears", "acme-widgets"])
    minted = trusted.mint(issuer.token(github_claims(), AUDIENCE))
    assert minted.principal.may(Right.PUBLISH, "acme-gears")
    assert minted.principal.may(Right.PUBLISH, "acme-widgets")
    asyncio.run(trusted.publishing.endings.remove_of("ada"))
    minted = trusted.mint(issuer.token(github_claims(), AUDIENCE))
    assert not minted.principal.may(Right.PUBLISH, "acme-widgets")
    assert minted.principal.may(Right.PUBLISH, "acme-gears")


def test_a_token_of_another_index_or_key_is_refused(trusted: Index, issuer: Issuer, tmp_path: Path) -> None:
    minted = trusted.mint(issuer.token(github_claims(), AUDIENCE))
    stranger = Index.open(tmp_path / "elsewhere")
    renamed = Index.open(tmp_path / "credentials", "https://other.acme.example/")
    head, body, signature = minted.text.removeprefix("pypi-publish-oidc_").split(".")
    changed = f"pypi-publish-oidc_{head}.{body[:-2]}AA.{signature}"
    unsigned = "pypi-publish-oidc_" + _forged({"alg": "none", "kid": "x"}, {"exp": time.time() + 99})
    for index, text in (
        (stranger, minted.text),
        (renamed, minted.text),
        (trusted, changed),
        (trusted, unsigned),
        (trusted, issuer.token(github_claims(), AUDIENCE)),
        (trusted, "pypi-publish-oidc_" + "x" * 9000),
    ):
        with pytest.raises(CredentialsRefusedError):
            index.verify(text)


def test_keys_are_rotated_and_the_last_one_still_verifies(trusted: Index, issuer: Issuer, tmp_path: Path) -> None:
    other = Index.open(tmp_path / "credentials")
    before = trusted.mint(issuer.token(github_claims(), AUDIENCE))
    path = tmp_path / "credentials" / "trust" / "keys.json"
    assert path.stat().st_mode & 0o077 == 0
    kept = json.loads(path.read_text())
    kept["keys"][0]["created"] -= 6 * 86400
    path.write_text(json.dumps(kept))
    Index.open(tmp_path / "credentials").mint(issuer.token(github_claims(), AUDIENCE))
    assert len(json.loads(path.read_text())["keys"]) == 1
    kept["keys"][0]["created"] -= 2 * 86400
    path.write_text(json.dumps(kept))
    rotating = Index.open(tmp_path / "credentials")
    after = rotating.mint(issuer.token(github_claims(), AUDIENCE))
    assert len(json.loads(path.read_text())["keys"]) == 2
    for each in (trusted, other, rotating):
        each.verify(before)
        each.verify(after)


# pending publishers


def test_a_pending_publisher_creates_one_project_once(index: Index, issuer: Issuer) -> None:
    index.trust(issuer, projects=["acme-new"], creates=True)
    first = index.mint(issuer.token(github_claims(), AUDIENCE))
    assert first.principal.may(Right.CREATE, "acme-new")
    assert not first.principal.may(Right.CREATE, "acme-other")
    again = index.mint(issuer.token(github_claims(), AUDIENCE))  # the first upload may have failed
    assert again.principal.may(Right.CREATE, "acme-new")
    index.projects.add("acme-new")
    later = index.mint(issuer.token(github_claims(), AUDIENCE))
    assert later.principal.may(Right.PUBLISH, "acme-new")
    assert not later.principal.may(Right.CREATE, "acme-new")
    index.projects.discard("acme-new")
    assert not index.mint(issuer.token(github_claims(), AUDIENCE)).principal.may(Right.CREATE, "acme-new")


def test_a_pending_publisher_gets_nothing_of_a_project_that_others_made(index: Index, issuer: Issuer) -> None:
    index.trust(issuer, projects=["acme-new"], creates=True)
    index.projects.add("acme-new")
    code, text = index.refusal(issuer.token(github_claims(), AUDIENCE))
    assert code == "invalid-pending-publisher"
    assert "acme-new, which exists already" in text


def test_a_pending_publisher_that_is_used_up_keeps_no_other_back(index: Index, issuer: Issuer) -> None:
    index.trust(issuer, projects=["acme-new"], creates=True)
    index.trust(issuer, projects=["acme-widgets"])
    index.projects.add("acme-new")
    minted = index.mint(issuer.token(github_claims(), AUDIENCE))
    assert minted.principal.may(Right.PUBLISH, "acme-widgets")
    assert not minted.principal.may(Right.PUBLISH, "acme-new")


# the index's own client


CLIENT: dict[str, Any] = {
    "projects": ["pypi-publish"],
    "settings": {"environment": "modal"},
    "pins": {"repository_id": "1001", "repository_owner_id": "42"},
}


def test_the_client_is_published_by_a_job_that_is_named_to_the_last_number(index: Index, issuer: Issuer) -> None:
    index.trust(issuer, voucher=None, **CLIENT)
    minted = index.mint(issuer.token(github_claims(environment="modal"), AUDIENCE))
    assert minted.principal.may(Right.PUBLISH, "pypi-publish")
    assert not minted.principal.may(Right.PUBLISH, "acme-widgets")
    assert index.refusal(issuer.token(github_claims(), AUDIENCE))[0] == "invalid-publisher"


def test_a_voucher_without_the_right_on_the_client_vouches_for_nothing(index: Index, issuer: Issuer) -> None:
    index.trust(issuer, voucher="ada", **CLIENT)  # who has every working right, on patterns
    minted = index.mint(issuer.token(github_claims(environment="modal"), AUDIENCE))
    assert not minted.principal.may(Right.PUBLISH, "pypi-publish")


def test_a_publisher_of_the_client_never_gets_another_project(index: Index, issuer: Issuer) -> None:
    """The same job may publish other projects, by a publisher of their own."""
    client = index.trust(issuer, voucher=None, **CLIENT)
    other = index.trust(issuer, voucher=None, **{**CLIENT, "projects": ["acme-widgets"]})
    assert index.trust(issuer, voucher=None, **CLIENT) == client
    found = {each.name: each.projects for each in asyncio.run(index.publishing.registry.all())}
    assert found == {client: ("pypi-publish",), other: ("acme-widgets",)}


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {}},
        {"pins": {}},
        {"pins": {"repository_id": "1001"}},
        {"projects": ["pypi-publish", "acme-widgets"]},
        {"projects": ["PyPI_Publish"], "pins": {}},
        {"kind": "oidc", "settings": {"claims": {"sub": "x", "environment": "modal"}}, "pins": {}},
    ],
)
def test_publishers_of_the_client_that_leave_something_open(
    index: Index, issuer: Issuer, change: dict[str, Any]
) -> None:
    with pytest.raises(InvalidPublisherError, match="pypi-publish"):
        index.trust(issuer, **{**CLIENT, **change})


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"kind": "gopher"}, "kind"),
        ({"issuer": "http://ci.acme.example"}, "https"),
        ({"issuer": "https://user@ci.acme.example"}, "URL"),
        ({"issuer": "ci.acme.example"}, "URL"),
        ({"projects": []}, "projects"),
        ({"projects": ["*"]}, "'*'"),
        ({"projects": ["a", "b"], "creates": True}, "exactly one"),
        ({"settings": {"repository": "acme", "workflow": "x.yml"}}, "repository"),
        ({"settings": {"repository": "acme/widgets", "workflow": "../x.yml"}}, "workflow"),
        ({"settings": {"repository": "acme/widgets"}}, "workflow"),
        ({"settings": {"repository": "acme/widgets", "workflow": "x.yml", "ref": "main"}}, "ref"),
        ({"pins": {"repository_id": "ten"}}, "repository_id"),
        ({"pins": {"sub": "1"}}, "sub"),
        ({"kind": "oidc", "issuer": None}, "URL"),
        ({"kind": "oidc", "issuer": "https://gitlab.com", "settings": {"claims": {"sub": "x"}}}, "kind of its own"),
        ({"kind": "oidc", "issuer": "https://ci.acme.example", "settings": {}}, "claim"),
        ({"kind": "oidc", "issuer": "https://ci.acme.example", "settings": {"claims": {"sub": "*"}}}, "every value"),
        ({"kind": "oidc", "issuer": "https://ci.acme.example", "settings": {"claims": {"aud": "x"}}}, "always checked"),
    ],
)
def test_publishers_that_are_not_valid(index: Index, values: dict[str, Any], says: str) -> None:
    valid = {
        "kind": "github",
        "settings": {"repository": REPOSITORY, "workflow": "publish.yml"},
        "projects": ["acme-widgets"],
    }
    with pytest.raises(InvalidPublisherError) as caught:
        asyncio.run(index.publishing.add({**valid, **values}, None))
    assert says in str(caught.value)


def test_many_writers_lose_no_publisher(index: Index, issuer: Issuer, tmp_path: Path) -> None:
    parts = [index, *(Index.open(tmp_path / "credentials") for _ in range(3))]

    async def add_all() -> None:
        settings = [{"repository": f"acme/p{number}", "workflow": "publish.yml"} for number in range(12)]
        await asyncio.gather(
            *(
                parts[number % 4].publishing.add(
                    {"kind": "github", "issuer": issuer.url, "settings": each, "projects": ["acme-widgets"]}, "ada"
                )
                for number, each in enumerate(settings)
            )
        )

    asyncio.run(add_all())
    assert len(asyncio.run(index.publishing.registry.all())) == 12


NEW = "No publisher of this index matches {who}. Register it: `pypi-publish trust add`. ({who})"


@pytest.mark.parametrize(
    ("kind", "claims", "who"),
    [
        ("github", github_claims(repository="mallory/gears"), "mallory/gears"),
        ("github", github_claims(repository_owner="mallory"), REPOSITORY),
        ("gitlab", {"sub": "x", "project_path": "mallory/gears"}, "mallory/gears"),
        ("oidc", {"sub": "pipeline:mallory"}, "pipeline:mallory"),
    ],
)
def test_a_refusal_names_no_repository_of_others(
    index: Index, issuer: Issuer, kind: str, claims: dict[str, Any], who: str
) -> None:
    index.trust(issuer, kind, settings={"claims": {"sub": "pipeline:acme/*"}} if kind == "oidc" else {})
    assert index.refusal(issuer.token(claims, AUDIENCE)) == ("invalid-publisher", NEW.format(who=who))


def test_a_token_without_a_subject_is_named_by_its_issuer(index: Index, issuer: Issuer) -> None:
    index.trust(issuer, "oidc", settings={"claims": {"sub": "pipeline:acme/*"}})
    assert index.refusal(issuer.token({}, AUDIENCE))[1] == NEW.format(who=issuer.url)


def test_a_refusal_lists_the_differences_from_three_publishers_of_the_repository(index: Index, issuer: Issuer) -> None:
    names = [index.trust(issuer, settings={"workflow": f"{number}.yml"}) for number in range(4)]
    _, text = index.refusal(issuer.token(github_claims(), AUDIENCE))
    assert [name for name in names if f"{name}: The claim workflow_ref is " in text] == names[:3]
    assert "Register it" not in text


def test_a_refusal_names_the_publisher_whose_voucher_is_gone(index: Index, issuer: Issuer) -> None:
    name = index.trust(issuer)
    index.accounts.grants.clear()
    _, text = index.refusal(issuer.token(github_claims(), AUDIENCE))
    assert f"{name}: the account that vouched for it is gone." in text
