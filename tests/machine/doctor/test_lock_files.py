"""Lock files that install past an index which passes public packages on, in each tool's form."""

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
    redirecting = Accepted(ACCEPTED.credentials, ACCEPTED.account._replace(cooldown=None))
    assert not list(check_lock_files(tmp_path, URL, redirecting))
    assert not list(check_lock_files(tmp_path, URL, None))


def _found(folder: Path) -> list[tuple[str, str, str]]:
    return [(each.check, each.verdict.value, each.what) for each in check_lock_files(folder, URL, ACCEPTED)]


@pytest.mark.parametrize(
    ("name", "text", "hosts"),
    [
        ("uv.lock", '[[package]]\nsource = { git = "x" }\nsdist = { url = "https://a.example/x" }\n', None),
        (
            "uv.lock",
            (
                '[[package]]\nsource = { registry = "x" }\nsdist = { url = "https://b.example/x" }\n'
                'wheels = [{ url = "https://a.example/x" }, { url = "https://B.example/y" }, { path = "z" }]\n'
            ),
            "a.example, b.example 3",
        ),
        ("uv.lock", '[[package]]\nsource = { registry = "x" }\nsdist = { url = "wheels/x" }\n', None),
        ("uv.lock", '[[package]]\nsource = { registry = "x" }\nsdist = { url = "https://[x" }\n', None),
        ("pylock.toml", '[[packages]]\nsdist = { url = "https://a.example/x" }\n', "a.example 1"),
        ("pylock.toml", '[[package]]\nsdist = { url = "https://a.example/x" }\n', None),
        ("pylock-x.toml", '[[packages]]\nsdist = { url = "https://a.example/x" }\n', "a.example 1"),
        ("poetry.lock", '[[package]]\n[package.source]\ntype = "git"\nurl = "https://a.example/x"\n', None),
        ("poetry.lock", '[[package]]\n[package.source]\ntype = "legacy"\n', None),
        (
            "requirements-dev.txt",
            " -i https://a.example/simple\n--extra-index-url=https://b.example/s\n",
            "a.example, b.example 2",
        ),
        ("requirements.txt", "a==1 -i https://a.example/\n--index-urls https://a.example/\n", None),
        ("requirements.in", "-i https://a.example/simple\n", None),
    ],
)
def test_hosts_are_counted_in_each_form(name: str, text: str, hosts: str | None, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    words = f"{name} names {hosts} times: these files bypass this index, its cache and its cooldown."
    assert _found(tmp_path) == ([("lock-file", "warning", words)] if hosts else [])


def test_thousands_are_separated_and_files_are_in_order(tmp_path: Path) -> None:
    for name, count in (("requirements-b.txt", 1), ("requirements-a.txt", 1000)):
        (tmp_path / name).write_text("-i https://a.example/\n" * count)
    (tmp_path / "uv.lock").write_text(LOCKS["uv.lock"].format("b.example"))
    assert [what.partition(" times")[0] for _, _, what in _found(tmp_path)] == [
        "uv.lock names b.example 1",
        "requirements-a.txt names a.example 1,000",
        "requirements-b.txt names a.example 1",
    ]
