"""Signing in, the session, and everything that ends it."""

import json
import re
import time
from pathlib import Path

import pytest
import requests

from publisher.server.auth.sessions import sessions
from publisher.server.auth.sessions.keys import SessionKey
from publisher.server.auth.sessions.sessions import RENEWED_AFTER
from tests.helpers.dists import make_wheel, metadata
from tests.helpers.http import Client
from tests.helpers.tool import pypi_publish
from tests.helpers.trust import Admin, create_token
from tests.helpers.waiting import eventually
from tests.server.conftest import PASSWORD, USER, OwnIndex

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


class Person:
    """A person with a browser: cookies are kept, and redirects are followed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update(BROWSER)

    def get(self, path: str = "") -> requests.Response:
        return self.session.get(self.url + path, timeout=30)

    def post(self, path: str, fields: dict[str, str], *, page: str = "-/account/", **headers: str) -> requests.Response:
        """Send a form as the page has it, with its token."""
        token = re.search(r'name="token" value="([^"]+)"', self.get(page).text)
        given = {"token": token[1]} if token and "token" not in fields else {}
        return self.session.post(self.url + path, data={**given, **fields}, headers=headers, timeout=30)

    def sign_in(self, password: str = PASSWORD, user: str = USER, next_page: str = "") -> requests.Response:
        fields = {"username": user, "password": password, "next": next_page}
        return self.post("-/account/sign-in", fields, page="-/account/sign-in")

    def is_signed_in(self) -> bool:
        return self.get("-/account/").url == f"{self.url}-/account/"


def test_a_page_asks_to_sign_in_and_goes_on(own: OwnIndex) -> None:
    index, _ = own.start()
    make_wheel(index.root, "asked_for")
    person = Person(index.url)
    refused = person.get("projects/asked-for/")
    assert refused.status_code == 401
    assert "Basic" not in refused.headers.get("WWW-Authenticate", "")
    assert 'value="/projects/asked-for/"' in refused.text
    answer = person.sign_in(next_page="/projects/asked-for/")
    assert answer.url == f"{index.url}projects/asked-for/"
    assert "asked_for" in answer.text
    assert person.get("packages/asked_for-1.0-py3-none-any.whl").status_code == 200


def test_cookies_open_no_api_and_change_nothing_by_themselves(own: OwnIndex, tmp_path: Path) -> None:
    index, _ = own.start()
    make_wheel(index.root, "guarded")
    person = Person(index.url)
    person.sign_in()
    assert person.session.get(f"{index.url}whoami", timeout=30).status_code == 401
    assert person.session.delete(f"{index.url}projects/guarded/1.0", timeout=30).status_code == 401
    assert person.session.put(f"{index.url}projects/guarded/1.0/yanked", json={}, timeout=30).status_code == 401
    body = {"password": "fresh correct horse"}
    assert person.session.post(f"{index.url}password", json=body, timeout=30).status_code == 401
    wheel = make_wheel(tmp_path, "smuggled")
    action, content = {":action": "file_upload"}, {"content": (wheel.name, wheel.read_bytes())}
    assert person.session.post(index.url, data=action, files=content, timeout=30).status_code == 401
    answer = Client(index.url, None).get("simple/", BROWSER)
    assert (answer.status_code, answer.headers["WWW-Authenticate"][:5]) == (401, "Basic")


def test_a_request_with_credentials_is_not_the_sessions(own: OwnIndex) -> None:
    index, _ = own.start()
    make_wheel(index.root, "guarded")
    index.add_user("bob", "another horse")
    person = Person(index.url)
    person.sign_in()
    assert person.is_signed_in()
    person.session.auth = ("bob", "another horse")
    assert not person.is_signed_in()
    assert person.get("projects/guarded/").status_code == 200
    person.session.auth = (USER, "not the right one")
    assert person.get("projects/guarded/").status_code == 401


def test_wrong_passwords_and_foreign_forms_are_refused(own: OwnIndex) -> None:
    index, _ = own.start()
    person = Person(index.url)
    wrong = person.sign_in("not it")
    assert wrong.status_code == 401
    assert "The user name or the password is wrong." in wrong.text
    assert person.sign_in(user="nobody").status_code == 401
    assert person.sign_in(user="a:b").status_code == 401
    assert not person.is_signed_in()
    fields = {"username": USER, "password": PASSWORD}
    assert person.post("-/account/sign-in", {**fields, "token": "made up"}).status_code == 403
    assert requests.post(f"{index.url}-/account/sign-in", data=fields, timeout=30).status_code == 403
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert person.post("-/account/sign-in", fields, **foreign).status_code == 403
    assert not person.is_signed_in()
    person.sign_in()
    other = Person(index.url)
    other.sign_in()
    stolen = re.search(r'name="token" value="([^"]+)"', other.get("-/account/").text)
    assert stolen is not None
    assert person.post("-/account/sign-out", {"token": stolen[1]}).status_code == 403
    assert person.session.post(f"{index.url}-/account/sign-out", timeout=30).status_code in {403, 415}
    assert person.is_signed_in()


def test_signing_in_leads_to_this_index_alone(own: OwnIndex) -> None:
    index, _ = own.start()
    for place in ("https://evil.example/", "//evil.example/", "/\\evil.example/", "\\\\evil.example", "javascript:1"):
        assert Person(index.url).sign_in(next_page=place).url == index.url, place


def test_the_cookie_is_out_of_reach_and_bound_to_tls(own: OwnIndex) -> None:
    index, _ = own.start("--trusted-proxy", "127.0.0.1")
    person = Person(index.url)
    person.sign_in()
    (cookie,) = [each for each in person.session.cookies if "session" in each.name]
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "Lax"
    assert not cookie.secure
    secure = Person(index.url)
    secure.session.headers["X-Forwarded-Proto"] = "https"
    header = secure.get("-/account/sign-in").headers["Set-Cookie"]
    assert header.startswith("__Host-")
    assert "; Secure" in header
    below = Person(index.url)
    below.session.headers.update({"X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/p"})
    header = below.get("-/account/sign-in").headers["Set-Cookie"]
    assert header.startswith("__Secure-")
    assert "Path=/p;" in header


def test_signing_out_everywhere_ends_other_browsers(own: OwnIndex) -> None:
    index, _ = own.start()
    here, there, bystander = Person(index.url), Person(index.url), Person(index.url)
    index.add_user("grace", PASSWORD)
    here.sign_in()
    there.sign_in()
    bystander.sign_in(user="grace")
    assert there.is_signed_in()
    here.post("-/account/sign-out-everywhere", {})
    assert not here.is_signed_in()
    assert not there.is_signed_in()
    assert bystander.is_signed_in()
    here.sign_in()
    assert here.is_signed_in()
    here.post("-/account/sign-out", {})
    assert not here.is_signed_in()
    (event,) = [each for each in Admin(index.url).events() if each["what"] == "sessions-ended"]
    assert (event["user"], event["account"], event["from"]) == (USER, USER, "127.0.0.1")


def test_a_command_signs_out_everywhere_with_the_password(own: OwnIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    index, ada = own.start()
    index.add_user("grace", PASSWORD)
    person, bystander = Person(index.url), Person(index.url)
    person.sign_in()
    bystander.sign_in(user="grace")
    monkeypatch.setenv("PYPI_PUBLISH_INDEX_URL", index.url)
    token = create_token(ada, "ci", ["publish", "manage"])
    for username, password in (("__token__", token), (USER, "not it")):
        refused = pypi_publish(
            "logout",
            "--everywhere",
            env={"PYPI_PUBLISH_USERNAME": username, "PYPI_PUBLISH_PASSWORD": password},
        )
        assert (refused.code, "Removed" in refused.stderr) == (4, False), refused.stderr
    assert Client(index.url, None).request("DELETE", "-/sessions").status_code == 401
    assert person.is_signed_in()
    given = {"PYPI_PUBLISH_USERNAME": USER, "PYPI_PUBLISH_PASSWORD": PASSWORD}
    done = pypi_publish("logout", "--everywhere", env=given)
    assert (done.code, f"Signed ada out of the pages of {index.url} in all browsers." in done.stderr) == (0, True)
    assert not person.is_signed_in()
    assert bystander.is_signed_in()
    assert ada.get("whoami").status_code == 200


def test_a_changed_password_ends_every_other_session(own: OwnIndex) -> None:
    index, client = own.start()
    here, there = Person(index.url), Person(index.url)
    here.sign_in()
    there.sign_in()
    change = {"password": PASSWORD, "new": "a new password", "again": "a new password"}
    assert here.post("-/account/password", {**change, "password": "not it"}).status_code == 422
    assert here.post("-/account/password", {**change, "again": "another"}).status_code == 422
    assert here.post("-/account/password", {**change, "new": "short", "again": "short"}).status_code == 422
    assert client.get("whoami").status_code == 200
    done = here.post("-/account/password", change)
    assert "Your password was changed" in done.text
    assert here.is_signed_in()
    assert not there.is_signed_in()
    assert client.get("whoami").status_code == 401
    assert Client(index.url, (USER, "a new password")).get("whoami").status_code == 200


def test_sessions_end_with_the_account_and_survive_a_restart(own: OwnIndex) -> None:
    index, _ = own.start()
    person = Person(index.url)
    person.sign_in()
    index.stop()
    again, _ = own.start()
    moved = Person(again.url)
    moved.session.cookies.update({each.name: str(each.value) for each in person.session.cookies})
    assert moved.is_signed_in()
    again.htpasswd.write_text("")
    assert not moved.is_signed_in()


def test_pages_renew_the_cookie_of_a_session_that_is_used(own: OwnIndex) -> None:
    index, _ = own.start()
    person = Person(index.url)
    person.sign_in()
    assert "Set-Cookie" not in person.get().headers
    state = json.loads((index.folder / "sessions/state").read_text())["keys"][0]
    key = SessionKey(state["id"], bytes.fromhex(state["secret"]), state["made"])
    entry = index.htpasswd.read_text().strip().partition(":")[2]
    began = time.time() - 2 * RENEWED_AFTER
    payload = sessions._encode(json.dumps([USER, "a number", began, began, key.id]).encode())
    old = f"{payload}.{sessions._sign(key, payload, entry)}"
    for path in ("", "-/account/"):
        aged = Person(index.url)
        aged.session.cookies.set("pypi-publish-session", old)
        answer = aged.get(path)
        assert answer.status_code == 200, answer.text
        renewed = re.search(
            r"pypi-publish-session=([^;]+); Path=/; Max-Age=604800; HttpOnly", answer.headers["Set-Cookie"]
        )
        assert renewed is not None
        assert renewed[1] != old
        later = Person(index.url)
        later.session.cookies.set("pypi-publish-session", renewed[1])
        assert later.is_signed_in()
        assert "Set-Cookie" not in later.get(path).headers


def test_made_up_cookies_sign_no_one_in(own: OwnIndex) -> None:
    index, _ = own.start()
    person = Person(index.url)
    person.sign_in()
    (name, value) = next((each.name, str(each.value)) for each in person.session.cookies if "session" in each.name)
    payload, _, signature = value.partition(".")
    for made_up in (
        "",
        ".",
        payload,
        f"{payload}.",
        f"{payload}.{signature[:-2]}xx",
        f"x{payload}.{signature}",
        "x" * 5000,
    ):
        answer = requests.get(f"{index.url}", headers={**BROWSER, "Cookie": f"{name}={made_up}"}, timeout=30)
        assert answer.status_code == 401, made_up


def test_people_see_only_projects_that_they_may_read(own: OwnIndex) -> None:
    index, _ = own.start()
    for name in ("acme_open", "secret_plans"):
        data = metadata(name, "1.0", "Requires-Dist: acme-open\n" if name == "secret_plans" else "Keywords: shared\n")
        make_wheel(index.root, name, metadata_bytes=data)
    index.add_user("grace", PASSWORD)
    (index.folder / "access.toml").write_text('[users.ada]\n"acme-*" = "reader"\n[users.grace]\n"*" = "reader"\n')
    reader, grace = Person(index.url), Person(index.url)
    assert eventually(lambda: reader.sign_in().status_code == 200 and grace.sign_in(user="grace").status_code == 200)
    assert eventually(lambda: "1 project, 1 file" in reader.get().text)
    assert eventually(lambda: "secret-plans" in grace.get("projects/acme-open/").text)
    for path in ("", "?q=secret", "?q=plans", "projects/acme-open/", "projects/acme-open/1.0/", "-/account/"):
        assert "secret-plans" not in reader.get(path).text, path
    for path in ("projects/secret-plans/", "projects/secret-plans/1.0/", "-/account/projects/secret-plans/1.0/"):
        assert reader.get(path).status_code == 403, path
    assert reader.session.get(f"{index.url}packages/secret_plans-1.0-py3-none-any.whl", timeout=30).status_code == 403
    managed = {"name": "acme-open", "version": "1.0", "reason": "", "typed": "acme-open"}
    for action in ("yank", "delete"):
        assert reader.post(f"-/account/{action}", managed).status_code == 403, action
