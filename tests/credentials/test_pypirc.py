"""Servers of .pypirc, named as for twine."""

from pathlib import Path

import pytest

from publisher.credentials.pypirc import read_server
from publisher.errors import ConfigurationError
from tests.conftest import PASSWORD, USER
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.tool import pypi_publish


def _pypirc(text: str) -> Path:
    path = Path.home() / ".pypirc"
    path.write_text(text, "utf-8")
    return path


def test_a_name_stands_for_url_account_and_password(
    index: RunningIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("URL", "USERNAME", "PASSWORD", "INDEX_URL"):
        monkeypatch.delenv(f"PYPI_PUBLISH_{name}", raising=False)
    section = f"repository = {index.url}\nusername = {USER}\npassword = {PASSWORD}\n"
    _pypirc(f"[distutils]\nindex-servers = acme\n[acme]\n{section}[other]\nrepository = https://other.example/\n")
    done = pypi_publish("upload", "-r", "acme", make_wheel(tmp_path, "named_in_pypirc"))
    assert done.code == 0, done.stderr
    assert Client(index.url, (USER, PASSWORD)).filenames("named-in-pypirc")
    assert pypi_publish("whoami", "--repository", "acme").stdout.strip() == USER
    refused = pypi_publish("whoami", "-r", "acme", env={"PYPI_PUBLISH_PASSWORD": "an0ther-s3cret"})
    assert (refused.code, "refused" in refused.stderr) == (4, True)  # the environment comes before a file
    none = pypi_publish("whoami", "-r", "nowhere")
    assert (none.code, "has no server 'nowhere'" in none.stderr, "acme, other" in none.stderr) == (2, True, True)


def test_a_section_without_an_account_leaves_it_to_others(index: RunningIndex) -> None:
    _pypirc(f"[acme]\nrepository = {index.url}\n")
    assert pypi_publish("whoami", "-r", "acme", env={"PYPI_PUBLISH_INDEX_URL": ""}).stdout.strip() == USER
    assert "password" not in repr(read_server("acme"))


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("", "acme", "has no server"),
        ("[pypi]\nusername = x\n", "pypi", "is a public index"),
        ("[acme]\nusername = x\n", "acme", "has no server"),
        ("[acme\n", "acme", r"\.pypirc: "),
    ],
)
def test_problems_of_the_file_or_the_name_are_reported(text: str, name: str, words: str) -> None:
    path = _pypirc(text)
    with pytest.raises(ConfigurationError, match=words) as raised:
        read_server(name)
    assert raised.value.hint
    assert str(path.name) in f"{raised.value.message}{raised.value.hint}" or name == "pypi"
