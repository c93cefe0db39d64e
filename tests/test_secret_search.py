"""The search for secrets finds each in every form, where it was written, and fails the test."""

import base64
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from tests.helpers.index import ADMIN_TOKEN
from tests.helpers.secret_search import NO_SECRETS, PRINTING, QUIET, SecretSearch

SECRET = "päss/word & more"
ROOT = Path(__file__).parents[1]


@pytest.fixture
def search() -> SecretSearch:
    search = SecretSearch()
    search.note(SECRET, "a password")
    return search


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET, safe="").replace("%20", "+"),
        base64.b64encode(SECRET.encode()).decode(),
        '{"x": "p\\u00e4ss/word & more"}',
        f"GET /?password={quote(SECRET, safe='')} 200",
    ],
)
def test_each_form_is_found_once(search: SecretSearch, tmp_path: Path, written: str) -> None:
    log = tmp_path / "log"
    search.note_log(log)
    log.write_text(f"before\n{written}\n")
    assert search.leaks() == [f"{log} has a password"]
    assert search.leaks() == []
    search.note_text("stderr of x", written.encode())
    assert search.leaks() == ["stderr of x has a password"]


def test_an_audit_trail_is_searched_with_its_log(search: SecretSearch, tmp_path: Path) -> None:
    search.note_log(tmp_path / "log")
    (tmp_path / "audit" / "2026-11-26~").mkdir(parents=True)
    (tmp_path / "audit" / "2026-11-26~" / "one").write_text(SECRET)
    assert [each.rpartition(" has ")[2] for each in search.leaks()] == ["a password"]
    assert search.leaks() == []
    (tmp_path / "audit" / "2026-11-26~" / "two").write_text(SECRET)
    assert [each.rpartition("/")[2] for each in search.leaks()] == ["two has a password"]


def test_a_log_that_stays_as_it_is_is_searched_again_at_the_end_or_when_its_index_starts_again(
    search: SecretSearch, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    search.note_log(log)
    for _ in range(QUIET + 1):
        assert search.leaks() == []
    log.write_text(SECRET)
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "one").write_text(SECRET)
    assert search.leaks() == []
    assert search.leaks(all_quiet=True) == [f"{tmp_path}/audit/one has a password", f"{log} has a password"]
    with log.open("a") as file:
        file.write(SECRET)
    search.note_log(log)
    assert search.leaks() == [f"{log} has a password"]


def test_the_secrets_of_requests_and_answers_are_learned(search: SecretSearch) -> None:
    pair = base64.b64encode(b"ada:correct horse").decode()
    sent = requests.Request(
        "POST",
        "http://127.0.0.1/",
        headers={"Authorization": f"Basic {pair}", "Cookie": "session=abcdefghijkl"},
        json={"password": "from the body"},
    ).prepare()
    search.note_request(sent)
    form = requests.Request("POST", "http://127.0.0.1/", data={"new": "from a form"}).prepare()
    form.headers["Authorization"] = "Bearer bearer-token"
    search.note_request(form)
    answer = requests.Response()
    answer.headers = requests.structures.CaseInsensitiveDict(
        {"Content-Type": "application/json", "Set-Cookie": "session=mnopqrstuvwx; Path=/"}
    )
    answer._content = b'{"token": "pypi-publish_made"}'
    search.note_response(answer)
    learned = (
        "correct horse",
        pair.rstrip("="),
        "abcdefghijkl",
        "from the body",
        "from a form",
        "bearer-token",
        "mnopqrstuvwx",
        "pypi-publish_made",
    )
    for text in learned:
        search.note_text("a log", text.encode())
        assert search.leaks(), text


def test_a_programs_output_is_searched_but_for_what_it_is_to_print(search: SecretSearch) -> None:
    env = {"TWINE_PASSWORD": "from the environment", "HOME": "/home/of/somebody"}
    text = b"from the environment"
    search.note_program(["twine", "upload", "--verbose"], env, "", text, b"/home/of/somebody")
    assert search.leaks() == ["stdout of twine upload has TWINE_PASSWORD"]
    search.note_program(["pypi-publish", "token", "create", "--name", "x"], env, "", text, b"")
    assert search.leaks() == []
    search.note_program(["pypi-publish", "token", "create", "--name", "x"], env, "", b"", text)
    assert search.leaks() == ["stderr of token create x has TWINE_PASSWORD"]
    search.note_program(["pypi-publish", "action"], env, "", b"::add-mask::" + text + b"\nfine", b"")
    assert search.leaks() == []
    assert all(NO_SECRETS.values())
    assert all(PRINTING.values())


LEAKING = f"""
import logging

import pytest
from tests.helpers.secret_search import SEARCH, _secrets_are_known, _secrets_stay_secret  # noqa: F401

SEARCH.note({ADMIN_TOKEN!r}, "AUTH_TOKEN")


def test_fine():
    logging.getLogger("publisher.x").warning("nothing to see")


def test_leaking():
    logging.getLogger("publisher.x").warning("the header was Bearer {ADMIN_TOKEN}")
"""


def test_a_test_after_which_a_log_has_a_secret_fails_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text(LEAKING)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout
    assert "2 passed, 1 error" in done.stdout
    assert "ERROR test_example.py::test_leaking" in done.stdout
