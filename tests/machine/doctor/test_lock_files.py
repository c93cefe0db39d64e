"""Lock files that install past an index which passes public packages on, in each tool's form."""

from dataclasses import replace
from pathlib import Path

import pytest

from publisher.client.models import Account
from publisher.client.url import parse_index_url
from publisher.machine.doctor.credentials import Accepted
from publisher.machine.doctor.lock_files import check_lock_files
from publisher.secret import Credentials, Secret

URL = parse_index_url("https://pypi.acme.example/")
ACCEPTED = Accepted(
    Credentials("ada", Secret("p"), "keyring"), Account("ada", ("download",), "1.0", passes_on=True, cooldown=0.0)
)
LOCKS = {
    "uv.lock": '[[package]]\nsource = {{ registry = "https://{0}" }}\nsdist = {{ url = "https://{0}/p/a-1.tar.gz" }}\n',
    "pylock.dev.toml": '[[packages]]\nname = "a"\n[[packages.wheels]]\nurl = "https://{0}/p/a-1-py3-none-any.whl"\n',
    "pdm.lock": '[[package]]\nname = "a"\nfiles = [{{ url = "https://{0}/p/a-1.tar.gz" }}, {{ file = "b" }}]\n',
    "poetry.lock": '[[package]]\nname = "a"\n[package.source]\ntype = "legacy"\nurl = "https://{0}/simple"\n',
    "Pipfile.lock": '{{"_meta": {{"sources": [{{"url": "https://{0}/simple"}}]}}, "default": {{}}}}',
    "requirements.txt": "# -i https://never.example/\n--index-url https://{0}/simple/\na==1\n",
}


@pytest.mark.parametrize("name", LOCKS)
def test_a_file_that_names_another_host_is_found(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(LOCKS[name].format("public.example"))
    (found,) = check_lock_files(tmp_path, URL, ACCEPTED)
    assert f"{name} names public.example 1 times" in found.what
    assert found.remedy
    (tmp_path / name).write_text(LOCKS[name].format(URL.host))
    assert not list(check_lock_files(tmp_path, URL, ACCEPTED))


@pytest.mark.parametrize("name", LOCKS)
def test_a_broken_file_is_the_business_of_its_tool(name: str, tmp_path: Path) -> None:
    for text in (
        "[[[",
        "[]",
        '[[package]]\nsource = "x"\nfiles = 1\n',
        '{"_meta": 1}',
        "package = 1\npackages = [1]\n",
    ):
        (tmp_path / name).write_text(text)
        assert not list(check_lock_files(tmp_path, URL, ACCEPTED))


def test_other_hosts_are_right_where_the_index_redirects(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text(LOCKS["uv.lock"].format("public.example"))
    redirecting = Accepted(ACCEPTED.credentials, replace(ACCEPTED.account, cooldown=None))
    assert not list(check_lock_files(tmp_path, URL, redirecting))
    assert not list(check_lock_files(tmp_path, URL, None))
