"""A project's version against files of an index and tags, without an index that runs."""

import datetime as dt
from pathlib import Path
from typing import Self

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from publisher.checks import version
from publisher.checks.version import Published, ask_index, check_published, check_tags
from publisher.client.models import RemoteFile
from publisher.client.url import IndexUrl, parse_index_url
from publisher.credentials.chain import Target
from publisher.errors import CredentialsError, IndexUnavailableError, NoCredentialsError
from publisher.project.pyproject import Source
from publisher.project.tags import parse_tag
from publisher.secret import Credentials, Secret

CHANGED = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
URL = parse_index_url("https://acme.example/")


def _source(folder: Path, text: str | None = "1.5", name: str | None = "acme") -> Source:
    return Source(folder, canonicalize_name(name) if name else None, Version(text) if text else None)


def _files(*names: str, uploaded: dt.datetime | None = None) -> Published:
    return Published({name: RemoteFile(name, f"https://acme.example/{name}", {}, uploaded=uploaded) for name in names})


def _check(source: Source, published: Published) -> list[str]:
    return [f"{found.rule.code} {found.message}" for found in check_published(source, published)]


@pytest.mark.parametrize(
    ("project", "there", "newest"),
    [
        ("1.5", [], None),
        ("1.5", ["1.4"], None),
        ("1.5", ["1.6"], "1.6"),
        ("1.5", ["1.6", "1.10", "1.9"], "1.10"),
        ("1.5", ["2.0rc1"], None),  # a pre-release is not what installers choose
        ("1.5", ["2.0.dev1", "1.6"], "1.6"),
        ("1.5rc1", ["2.0rc1"], "2.0rc1"),
        ("1.5rc1", ["1.4"], None),
        ("1.5rc1", ["1.5"], "1.5"),
    ],
)
def test_a_version_has_to_be_the_highest(tmp_path: Path, project: str, there: list[str], newest: str | None) -> None:
    files = _files(*(f"acme-{each}.tar.gz" for each in there), "acme.exe")
    expected = [f"PP602 the version is {project}, but the index has {newest}"] if newest else []
    assert _check(_source(tmp_path, project), files) == expected


@pytest.mark.parametrize(
    ("changed", "uploaded", "is_same"),
    [
        (CHANGED, CHANGED + dt.timedelta(seconds=1), True),
        (CHANGED, CHANGED, False),
        (CHANGED, CHANGED - dt.timedelta(seconds=1), False),
        (CHANGED, None, False),
        (None, CHANGED, False),
    ],
)
def test_a_published_version_may_not_have_changed_since(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    changed: dt.datetime | None,
    uploaded: dt.datetime | None,
    is_same: bool,
) -> None:
    monkeypatch.setattr(version, "commit_of", lambda *_: "0a")
    monkeypatch.setattr(version, "last_change", lambda folder: changed if folder == tmp_path else pytest.fail("else"))
    files = _files("acme-1.5.tar.gz", "acme-1.5-py3-none-any.whl", "acme-9.tar.gz", uploaded=uploaded)
    words = "PP601 acme 1.5 is already on the index, but the project has changed since"
    assert _check(_source(tmp_path), files) == ([] if is_same else [words])


def test_without_git_no_project_is_reported_as_changed(tmp_path: Path) -> None:
    files = _files("acme-1.5.tar.gz", "acme-9.tar.gz", uploaded=CHANGED)
    assert _check(_source(tmp_path), files) == []
    newer = _files("acme-1.6.tar.gz", uploaded=CHANGED)
    assert _check(_source(tmp_path), newer) == ["PP602 the version is 1.5, but the index has 1.6"]


def test_one_file_of_an_earlier_upload_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "commit_of", lambda *_: "0a")
    monkeypatch.setattr(version, "last_change", lambda _: CHANGED)
    late, early = (CHANGED + dt.timedelta(days=days) for days in (1, -1))
    files = {
        **_files("acme-1.5.tar.gz", uploaded=late).files,
        **_files("acme-1.5-py3-none-any.whl", uploaded=early).files,
    }
    assert len(_check(_source(tmp_path), Published(files))) == 1


@pytest.mark.parametrize(("text", "name"), [(None, "acme"), ("1.5", None)])
def test_an_unknown_version_is_noted(tmp_path: Path, text: str | None, name: str | None) -> None:
    assert _check(_source(tmp_path, text, name), Published({}, "no answer")) == [
        "PP605 the version is not known before the build, so the index was not asked"
    ]


def test_an_index_that_could_not_be_asked_is_a_warning(tmp_path: Path) -> None:
    files = _files("acme-9.tar.gz")._replace(trouble="no answer")
    assert _check(_source(tmp_path), files) == ["PP604 skipped: no answer"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('[project]\nname = "x"\nversion = "1.5"\n', 3),
        ('[project]\nname = "x"\n', 1),
        ('[tool.poetry]\n\nversion = "1.5"\n', 3),
        ("# mine\n", 1),
        (None, 1),
        ("\udcff", 1),
    ],
)
def test_the_line_is_that_of_the_version(tmp_path: Path, content: str | None, line: int) -> None:
    if content is not None:
        (tmp_path / "pyproject.toml").write_bytes(content.encode("utf-8", "surrogateescape"))
    (found,) = check_published(_source(tmp_path), _files("acme-9.tar.gz"))
    assert (found.path.name, found.line) == ("pyproject.toml", line)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([], 0),
        (["v1.5"], 0),
        (["1.5"], 0),
        (["v1.6"], 1),
        (["acme-1.6"], 1),
        (["acme-1.5"], 0),
        (["other-1.6"], 0),  # of another project
        (["other-1.6", "v1.6", "v1.7"], 2),
    ],
)
def test_tags_have_the_version_of_the_project(tmp_path: Path, tags: list[str], expected: int) -> None:
    found = list(check_tags(_source(tmp_path), [parse_tag(tag) for tag in tags]))
    assert [each.rule.code for each in found] == ["PP603"] * expected
    assert all("1.5" in each.message for each in found)


class MadeUpIndex:
    """An index in memory, which fails for one project."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.given: tuple[IndexUrl, Credentials | None] | None = None
        self.closed = False

    def connect(self, url: IndexUrl, credentials: Credentials | None) -> Self:
        self.given = (url, credentials)
        return self

    def files(self, name: str) -> dict[str, RemoteFile]:
        self.asked.append(name)
        if name == "broken":
            raise IndexUnavailableError("It broke off.")
        return dict(_files(f"{name}-1.tar.gz").files)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> MadeUpIndex:
    made = MadeUpIndex()
    monkeypatch.setattr(version, "IndexClient", made.connect)
    return made


ADA = Credentials("ada", Secret("x"), "keyring")


@pytest.mark.parametrize("credentials", [ADA, None])
def test_projects_are_asked_for_until_the_index_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: MadeUpIndex, credentials: Credentials | None
) -> None:
    def find(target: Target) -> Credentials:
        assert target.prompt is None  # nobody is asked for a password
        if credentials is None:
            raise NoCredentialsError("none")
        return credentials

    monkeypatch.setattr(version, "find_credentials", find)
    names = ["a", None, "broken", "b"]
    sources = [_source(tmp_path / str(number), "1", name) for number, name in enumerate(names)]
    found = ask_index(Target(URL, prompt=lambda *_: pytest.fail("asked")), sources)
    assert [list(found[source].files) for source in sources] == [["a-1.tar.gz"], [], [], []]
    assert [found[source].trouble for source in sources] == [None, None, "It broke off.", "It broke off."]
    assert index.asked == ["a", "broken"]
    assert index.given == (URL, credentials)
    assert index.closed


def test_a_broken_keyring_is_the_reason_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: MadeUpIndex
) -> None:
    def fail(_: Target) -> Credentials:
        raise CredentialsError("It is locked.")

    monkeypatch.setattr(version, "find_credentials", fail)
    sources = [_source(tmp_path / name) for name in "ab"]
    assert [published.trouble for published in ask_index(Target(URL), sources).values()] == ["It is locked."] * 2
    assert index.given is None
