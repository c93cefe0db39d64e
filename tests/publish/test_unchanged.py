"""Projects that are not built, because the index has their files and nothing was changed since."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from publisher.client.models import RemoteFile
from publisher.client.url import IndexUrl
from publisher.files.cache import cache_folder
from publisher.project.distributions import Distribution, read_distribution
from publisher.project.kinds import Kind
from publisher.project.pyproject import Source
from publisher.publish.last_published import PublishRecord, begin_comparison, describe, is_new, record
from publisher.publish.prefetch import IndexPrefetch
from publisher.publish.report import State
from publisher.publish.unchanged import begin_to_settle, find_unchanged, find_unchanged_builds
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.projects import commit
from tests.helpers.scripted import URL

WHEN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
BOTH = frozenset(Kind)
WHEEL, SDIST = "acme_widgets-1.0-py3-none-any.whl", "acme_widgets-1.0.tar.gz"


class Read:
    """The files of an index, as they were read, and the prompts with which it was connected to."""

    def __init__(self, *files: RemoteFile) -> None:
        self.found = {file.filename: file for file in files}
        self.prompts: list[object] = []

    def connect(self, prompt: object) -> None:
        self.prompts.append(prompt)

    def files(self, project: str) -> Mapping[str, RemoteFile]:
        assert project == "acme-widgets"
        return self.found


def _as_prefetch(read: Read) -> IndexPrefetch:
    return cast("IndexPrefetch", read)


def _source(folder: Path, version: str | None = "1.0", name: str | None = "acme-widgets") -> Source:
    return Source(folder, canonicalize_name(name) if name else None, Version(version) if version else None)


def find_settled(sources: list[Source]) -> Mapping[Source, datetime]:
    settle = begin_to_settle(sources, URL, BOTH)
    return {} if settle is None else settle()


def is_recorded(source: Source, url: IndexUrl = URL, kinds: Collection[Kind] = BOTH) -> bool:
    finish = begin_comparison(source, url, kinds)
    return finish is not None and finish()


def _file(name: str, after: float | None = 1.0, digest: str = "ab") -> RemoteFile:
    uploaded = None if after is None else WHEN + timedelta(seconds=after)
    return RemoteFile(name, f"https://acme.example/{name}", {"sha256": digest}, uploaded=uploaded, size=7)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    commit(tmp_path, "2024-05-06T07:08:09Z")
    return tmp_path


def test_several_projects_are_settled_since_their_last_commit(repository: Path) -> None:
    one, two = _source(repository / "one"), _source(repository / "two", name="two")
    nameless, without_version = _source(repository / "one", name=None), _source(repository / "one", None)
    assert find_settled([one, two, nameless, without_version]) == {one: WHEN, two: WHEN}
    (repository / "one/file").write_text("changed")
    assert find_settled([one, two]) == {two: WHEN}


def test_one_project_is_settled_only_after_it_was_published_from_here(repository: Path) -> None:
    one = _source(repository / "one")
    assert find_settled([one]) == {}
    published = describe(one, URL, BOTH)
    assert published is not None
    record(one, published)
    (when,) = find_settled([one]).values()
    assert when < WHEN
    assert find_settled([one._replace(name=None)]) == {}
    assert find_settled([one._replace(version=None)]) == {}


def test_a_record_is_for_one_index_one_version_one_set_of_kinds_and_one_state_of_the_folder(repository: Path) -> None:
    one = _source(repository / "one")
    published = describe(one, URL, BOTH)
    assert published == PublishRecord("https://acme.example/", "1.0", ["bdist_wheel", "sdist"], published.tree)  # type: ignore[union-attr]
    assert not is_recorded(one)
    record(one, published)
    assert is_recorded(one)
    assert is_recorded(one._replace(folder=repository / "two/../one"))
    assert not is_recorded(one, URL._replace(root="https://other.example/"))
    assert not is_recorded(one, kinds={Kind.WHEEL})
    assert not is_recorded(one._replace(version=Version("1.1")))
    assert not is_recorded(one._replace(folder=repository / "two"))
    (repository / "one/file").write_text("changed")
    assert not is_recorded(one)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"index": "x"}', b'"text"'])
def test_a_record_that_is_damaged_or_of_another_form_counts_for_nothing(repository: Path, content: bytes) -> None:
    one = _source(repository / "one")
    published = describe(one, URL, BOTH)
    assert published is not None
    record(one, published)
    (kept,) = cache_folder("published").iterdir()
    kept.write_bytes(content)
    assert begin_comparison(one, URL, BOTH) is None


def test_a_folder_is_new_unless_its_version_was_the_last_one_to_be_published_from_it(repository: Path) -> None:
    source = _source(repository / "one")
    pyproject = source.folder / "pyproject.toml"
    pyproject.write_text('[project]\nversion = "1.0"\n')
    assert is_new(source.folder)
    record(source, PublishRecord(URL.root, "1.0", [], "tree"))
    assert not is_new(source.folder)
    for text in ('[project]\nversion = "1.1"\n', "[project]\n"):
        pyproject.write_text(text)
        assert is_new(source.folder)


def test_without_a_version_or_a_commit_there_is_no_record(repository: Path) -> None:
    assert describe(_source(repository / "one", None), URL, BOTH) is None
    (repository / "one/new").write_text("x")
    assert describe(_source(repository / "one"), URL, BOTH) is None


@pytest.mark.parametrize(
    ("files", "kinds", "unchanged"),
    [
        ([_file(WHEEL), _file(SDIST)], BOTH, [WHEEL, SDIST]),
        ([_file(WHEEL)], BOTH, None),
        ([_file(WHEEL)], {Kind.WHEEL}, [WHEEL]),
        ([_file(WHEEL), _file(SDIST)], {Kind.SDIST}, [WHEEL, SDIST]),
        ([_file(WHEEL, 0.9), _file(SDIST)], BOTH, None),
        ([_file(WHEEL, 0.0), _file(SDIST)], BOTH, None),
        ([_file(WHEEL, -1.0), _file(SDIST)], BOTH, None),
        ([_file(WHEEL, None), _file(SDIST)], BOTH, None),
        ([_file("acme_widgets-1.1-py3-none-any.whl"), _file(SDIST)], BOTH, None),
        ([_file("notes.txt"), _file(WHEEL), _file(SDIST)], BOTH, [WHEEL, SDIST]),
        ([], BOTH, None),
    ],
)
def test_a_project_is_unchanged_when_the_index_has_every_kind_of_its_version_and_got_it_later(
    files: list[RemoteFile], kinds: frozenset[Kind], unchanged: list[str] | None
) -> None:
    source, read = _source(Path("one")), Read(*files)
    found = find_unchanged({source: WHEN}, kinds, _as_prefetch(read), None)
    assert {each: [file.file.text for file in reports] for each, reports in found.items()} == (
        {} if unchanged is None else {source: unchanged}
    )
    assert read.prompts == [None]


def test_a_project_that_was_published_from_here_needs_no_time(repository: Path) -> None:
    one = _source(repository / "one")
    published = describe(one, URL, BOTH)
    assert published is not None
    record(one, published)
    settled = find_settled([one])
    found = find_unchanged(settled, BOTH, _as_prefetch(Read(_file(WHEEL, None), _file(SDIST, None))), None)
    assert list(found) == [one]


def test_the_index_is_not_asked_without_a_settled_project() -> None:
    read = Read()
    assert find_unchanged({}, BOTH, _as_prefetch(read), None) == {}
    assert read.prompts == []


def test_unchanged_files_are_reported_as_the_index_lists_them() -> None:
    source = _source(Path("one"))
    (report,) = find_unchanged({source: WHEN}, {Kind.WHEEL}, _as_prefetch(Read(_file(WHEEL))), None)[source]
    assert (report.state, report.size, report.sha256, report.path) == (State.UNCHANGED, 7, "ab", None)
    assert report.url == f"https://acme.example/{WHEEL}"
    assert (report.release.name, report.release.version, report.release.display_name) == (
        "acme-widgets",
        Version("1.0"),
        "acme-widgets",
    )


@pytest.fixture
def built(tmp_path: Path) -> list[Distribution]:
    return [read_distribution(make(tmp_path)) for make in (make_wheel, make_sdist)]


@pytest.mark.parametrize(
    ("files", "unchanged"),
    [
        ([_file(WHEEL), _file(SDIST)], [WHEEL, SDIST]),
        ([_file(WHEEL)], []),
        ([_file(WHEEL), _file(SDIST, 0.0)], []),
        ([], []),
    ],
)
def test_built_files_are_left_out_when_the_index_has_all_of_them(
    repository: Path, built: list[Distribution], files: list[RemoteFile], unchanged: list[str]
) -> None:
    read = Read(*files)
    found = find_unchanged_builds([_source(repository / "one", None)], built, _as_prefetch(read), None)
    assert [report.file.text for report in found] == unchanged
    assert read.prompts == [None]


def test_builds_of_a_known_version_another_name_or_a_changed_folder_are_published(
    repository: Path, built: list[Distribution]
) -> None:
    read = Read(_file(WHEEL), _file(SDIST))
    sources = [_source(repository / "one", "1.0"), _source(repository / "one", None, "other")]
    assert find_unchanged_builds(sources, built, _as_prefetch(Read()), None) == []
    last = [*sources, _source(repository / "two", None)]
    assert len(find_unchanged_builds(last, built, _as_prefetch(Read(_file(WHEEL), _file(SDIST))), None)) == 2
    (repository / "one/file").write_text("changed")
    assert find_unchanged_builds([_source(repository / "one", None)], built, _as_prefetch(read), None) == []
    assert read.prompts == []
