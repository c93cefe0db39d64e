"""The forms for trusted publishers and releases: what they ask the API for, and what they refuse by themselves."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest

from publisher.server.auth.errors import MissingCredentialsError
from publisher.server.http.messages import HttpError, Request
from publisher.server.routes.web.account.api_calls import ApiCalls
from publisher.server.routes.web.account.forms import Refusal, refusal
from publisher.server.routes.web.account.publishers import PublisherForms
from publisher.server.routes.web.account.releases import ReleaseForms
from publisher.server.routes.web.account.tokens import TokenForms

REQUEST = cast("Request", None)


class _Api(ApiCalls):
    """Notes the requests of forms, and answers each as a test says."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.calls: list[tuple[Any, ...]] = []

    async def _call(
        self,
        request: Request,  # noqa: ARG002 - the interface's argument
        method: str,
        path: str,
        found: Mapping[str, Any] | None,
    ) -> Mapping[str, Any] | None:
        self.calls.append((method, path, found))
        if isinstance(self.answer, Exception):
            raise self.answer
        return cast("Mapping[str, Any] | None", self.answer)


@pytest.mark.parametrize("answer", [None, HttpError(503, "no URL"), MissingCredentialsError()])
def test_an_index_without_trusted_publishing_has_no_publishers(answer: Any) -> None:
    assert asyncio.run(PublisherForms(_Api(answer)).all(REQUEST)) is None


@pytest.mark.parametrize("may", [False, True])
def test_publishers_say_which_projects_they_lost(*, may: bool) -> None:
    listed = [
        {"name": "one", "standing": {"acme": "role", "docs": "admin"}},
        {"name": "two", "standing": {"acme": "", "docs": "maintainer", "lib": ""}},
    ]
    api = _Api({"publishers": listed, "may-add": may})
    found = asyncio.run(PublisherForms(api).all(REQUEST))
    assert found is not None
    assert [(each["name"], each["lost"]) for each in found.publishers] == [("one", []), ("two", ["acme", "lib"])]
    assert found.may_add is may
    assert api.calls == [("GET", "-/trust", None)]


def test_a_publisher_is_added_with_the_settings_that_were_filled_in() -> None:
    api = _Api({})
    fields = {"project": " acme ", "repository": " acme/widgets ", "workflow": "release.yml", "environment": " "}
    assert asyncio.run(PublisherForms(api).add(REQUEST, fields)) == "-/account/"
    settings = {"repository": "acme/widgets", "workflow": "release.yml"}
    assert api.calls == [("POST", "-/trust", {"kind": "github", "projects": ["acme"], "settings": settings})]
    asyncio.run(PublisherForms(api).add(REQUEST, {"environment": "pypi"}))
    assert api.calls[1][2] == {"kind": "github", "projects": [""], "settings": {"environment": "pypi"}}


def test_a_publisher_is_removed_where_its_name_was_typed() -> None:
    api = _Api({})
    fields = {"name": "a/b c", "typed": "a/b c"}
    assert asyncio.run(PublisherForms(api).remove(REQUEST, fields)) == "-/account/"
    for wrong in ({"name": "a", "typed": "A"}, {"name": "a"}, {"name": "", "typed": ""}, {"typed": "a"}, {}):
        with pytest.raises(HttpError, match="type its name") as refused:
            asyncio.run(PublisherForms(api).remove(REQUEST, wrong))
        assert refused.value.status == 422
    assert api.calls == [("DELETE", "-/trust/a%2Fb%20c", None)]


def _releases(api: _Api) -> ReleaseForms:
    return ReleaseForms(cast("Any", None), api)


RELEASE = {"name": "Acme.Widgets", "version": "1!2.0+local~1 x"}
PATH = "acme-widgets/1!2.0+local~1%20x"


def test_a_release_is_yanked_and_unyanked_on_its_own_page() -> None:
    api = _Api({})
    place = f"-/account/projects/{PATH}/"
    assert _releases(api).place(RELEASE) == place
    assert asyncio.run(_releases(api).yank(REQUEST, {**RELEASE, "reason": " broken "})) == place
    assert asyncio.run(_releases(api).yank(REQUEST, RELEASE)) == place
    assert asyncio.run(_releases(api).unyank(REQUEST, RELEASE)) == place
    yanked = f"projects/{PATH}/yanked"
    assert api.calls == [
        ("PUT", yanked, {"reason": "broken"}),
        ("PUT", yanked, {"reason": ""}),
        ("DELETE", yanked, None),
    ]


def test_a_release_is_deleted_where_the_project_was_typed_as_it_is_shown() -> None:
    api = _Api({})
    assert asyncio.run(_releases(api).delete(REQUEST, {**RELEASE, "typed": "Acme.Widgets"})) == "-/account/"
    for typed in ("acme-widgets", "", "1!2.0"):
        with pytest.raises(HttpError, match=r"To delete acme-widgets 1!2.0\+local~1 x, type the project's name.") as no:
            asyncio.run(_releases(api).delete(REQUEST, {**RELEASE, "typed": typed}))
        assert no.value.status == 422
    with pytest.raises(HttpError):
        asyncio.run(_releases(api).delete(REQUEST, RELEASE))
    assert api.calls == [("DELETE", f"projects/{PATH}", None)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"name": "acme"},
        {"name": "acme", "version": ""},
        {"version": "1.0"},
        {"name": "", "version": "1.0"},
        {"name": "a/b", "version": "1.0"},
        {"name": "acme", "version": "1/yanked"},
    ],
)
def test_a_form_without_a_release_asks_for_nothing(fields: dict[str, str]) -> None:
    api = _Api({})
    forms = _releases(api)
    for act in (forms.yank, forms.unyank, forms.delete):
        with pytest.raises(HttpError, match="Name a project and a version") as refused:
            asyncio.run(act(REQUEST, fields))
        assert refused.value.status == 422
    with pytest.raises(HttpError):
        forms.place(fields)
    assert api.calls == []


@pytest.mark.parametrize(
    "path",
    ["", "projects", "projects/", "project/acme/1.0", "projects/Acme/1.0/", "projects/a$b/1.0/", "tokens/acme/1.0"],
)
def test_no_other_path_is_the_page_of_a_release(path: str) -> None:
    api = _Api({})
    with pytest.raises(HttpError, match="no such page") as refused:
        asyncio.run(_releases(api).values(REQUEST, path))
    assert (refused.value.status, api.calls) == (404, [])


class _Sender:
    username = "ada"


def test_tokens_of_the_account_say_which_rights_they_lost() -> None:
    def token(name: str, owner: str, now: list[dict[str, Any]]) -> dict[str, Any]:
        grants = [
            {"rights": ["read", "publish", "manage"], "project": "acme"},
            {"rights": ["read"], "project": "docs"},
        ]
        return {"name": name, "owner": owner, "grants": grants, "rights-now": now}

    everything = [
        {"rights": ["manage", "publish", "read"], "projects": "acme"},
        {"rights": ["read"], "projects": "docs"},
    ]
    less = [{"rights": ["read"], "projects": "acme"}]
    listed = [token("whole", "ada", everything), token("less", "ada", less), token("other", "grace", less)]
    found = asyncio.run(TokenForms(_Api({"tokens": listed})).all(cast("Request", _Sender())))
    assert found is not None
    assert [(each["name"], each["lost"]) for each in found] == [
        ("whole", []),
        ("less", ["manage, publish on acme", "read on docs"]),
    ]


def test_an_index_without_tokens_has_none() -> None:
    request = cast("Request", _Sender())
    assert asyncio.run(TokenForms(_Api()).all(request)) is None
    assert asyncio.run(TokenForms(_Api({})).all(request)) == []
    assert asyncio.run(TokenForms(_Api()).create(request, {"can": "read"})) == ""


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 422, 499])
def test_a_refused_form_is_shown_again_with_the_reason(status: int) -> None:
    found = refusal("tokens", {"name": "ci"}, HttpError(status, "The reason."))
    assert found == Refusal("tokens", {"name": "ci"}, "The reason.", status)


@pytest.mark.parametrize("error", [HttpError(401, "x"), HttpError(500, "x"), HttpError(503, "x")])
def test_other_errors_have_pages_of_their_own(error: HttpError) -> None:
    with pytest.raises(HttpError) as raised:
        refusal("tokens", {}, error)
    assert raised.value is error


@pytest.mark.parametrize(
    ("form", "fields", "key"),
    [
        ("tokens", {"name": "ci"}, "tokens"),
        ("tokens/revoke", {"name": "ci"}, "tokens/revoke ci"),
        ("tokens/revoke", {}, "tokens/revoke "),
    ],
)
def test_a_refusal_is_shown_at_the_form_that_it_is_about(form: str, fields: dict[str, str], key: str) -> None:
    assert Refusal(form, fields, "The reason.").key == key
    assert Refusal(form, fields, "The reason.").status == 422
