"""The packages of a lock file are all that it pins, with the digests of the wanted files, or an error."""

from pathlib import Path

import pytest

from publisher.errors import ConfigurationError
from publisher.server.upstream.lock_files import PinnedPackage, read_pinned

ONE, TWO = "a" * 64, "b" * 64


def pinned(name: str, version: str, *digests: str) -> PinnedPackage:
    return PinnedPackage(name, version, frozenset(digests))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Foo_Bar==1.0\n", [pinned("foo-bar", "1.0")]),
        ("foo === 1.0+local", [pinned("foo", "1.0+local")]),
        ("foo[extra]==1.0 ; python_version < '3.9'", [pinned("foo", "1.0")]),
        ("foo==1.0,!=1.1", [pinned("foo", "1.0")]),
        ("\n# a comment\n   \nfoo==1.0  # why\n", [pinned("foo", "1.0")]),
        (
            f"foo==1.0 \\\n    --hash=sha256:{ONE} \\\n    --hash=sha256:{TWO.upper()}\n",
            [pinned("foo", "1.0", ONE, TWO)],
        ),
        (f"foo==1.0 --hash sha256:{ONE} --hash=md5:{'c' * 32}", [pinned("foo", "1.0", ONE)]),
        ("--index-url https://x.example/simple/\n-c limits.txt\n-e ./here\nfoo==1.0", [pinned("foo", "1.0")]),
        ("", []),
    ],
)
def test_requirements(tmp_path: Path, text: str, expected: list[PinnedPackage]) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(text)
    assert read_pinned(path) == expected


@pytest.mark.parametrize(
    "text", ["foo", "foo>=1.0", "foo==1.*", "foo @ https://x.example/foo-1.0.tar.gz", "./foo-1.0.tar.gz", "foo=1"]
)
def test_a_requirement_without_an_exact_version_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(f"bar==1\n{text}\n")
    with pytest.raises(ConfigurationError, match="Can't use") as caught:
        read_pinned(path)
    assert "NAME==VERSION" in str(caught.value.hint)


@pytest.mark.parametrize(
    "option", ["-r more/base.txt", "-rmore/base.txt", "--requirement=more/base.txt", "-r  more/base.txt # x"]
)
def test_included_files_are_read_from_where_they_are_and_once(tmp_path: Path, option: str) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "requirements.txt").write_text(f"foo==1\n{option}\nbar==2\n")
    (tmp_path / "more" / "base.txt").write_text("-r ../requirements.txt\n-r last.txt\n-r last.txt\nbase==3\n")
    (tmp_path / "more" / "last.txt").write_text("last==4\n")
    found = read_pinned(tmp_path / "requirements.txt")
    assert [each.name for each in found] == ["foo", "last", "base", "bar"]


@pytest.mark.parametrize("included", ["missing.txt", "https://x.example/base.txt", "."])
def test_an_included_file_that_can_not_be_read_is_an_error(tmp_path: Path, included: str) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(f"foo==1\n-r {included}\n")
    with pytest.raises(ConfigurationError, match="Can't read"):
        read_pinned(path)


FILES = f"""
sdist = {{ url = "https://x.example/-/public/a/foo-1.0.tar.gz", hash = "sha256:{ONE}" }}
wheels = [{{ url = "https://x.example/-/public/b/foo-1.0-py3-none-any.whl", hash = "sha256:{TWO}" }}]
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f'[[package]]\nname = "Foo"\nversion = "1.0"\nsource = {{ registry = "x" }}{FILES}',
            [pinned("foo", "1.0", ONE, TWO)],
        ),
        (f'[[package]]\nname = "foo"\nversion = "1.0"\nsource = {{ git = "x" }}{FILES}', []),
        ('[[package]]\nname = "foo"\nversion = "1.0"\nsource = { registry = "x" }\n', []),
        (f'[[package]]\nname = "foo"\nsource = {{ registry = "x" }}{FILES}', []),
        ("package = []\n", []),
    ],
    ids=["registry", "git", "no files", "no version", "nothing"],
)
def test_uv_lock(tmp_path: Path, text: str, expected: list[PinnedPackage]) -> None:
    path = tmp_path / "uv.lock"
    path.write_text(text)
    assert read_pinned(path) == expected


def test_pylock(tmp_path: Path) -> None:
    path = tmp_path / "pylock.web.toml"
    path.write_text(
        'lock-version = "1.0"\n[[packages]]\nname = "foo"\nversion = "1.0"\n'
        f'sdist = {{ name = "foo-1.0.tar.gz", hashes = {{ sha256 = "{ONE}", md5 = "0" }} }}\n'
        f'wheels = [{{ name = "foo-1.0-py3-none-any.whl", hashes = {{ sha256 = "{TWO}" }} }}, {{ hashes = {{}} }}]\n'
        '[[packages]]\nname = "here"\ndirectory = { path = "." }\n'
    )
    assert read_pinned(path) == [pinned("foo", "1.0", ONE, TWO)]


@pytest.mark.parametrize("text", ["[[", "x = 1\n", "package = 1\n", "packages = {}\n"])
def test_a_lock_file_without_packages_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="Can't use"):
        read_pinned(path)


def test_a_file_that_is_not_there_is_an_error_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"uv\.lock: No such file or directory"):
        read_pinned(tmp_path / "uv.lock")
