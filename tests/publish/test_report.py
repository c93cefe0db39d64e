"""The outcome of a run: its files, its releases, and the lines that install them."""

from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from publisher.client.url import parse_index_url
from publisher.project.distributions import parse_filename, read_distribution
from publisher.publish.report import FileReport, Release, Report, State, files_as_json
from tests.helpers.dists import make_sdist, make_wheel

INDEX = "https://acme.example/"
WHEEL = "pypi_publish-1.0-py3-none-any.whl"


def _lines(url: str | None) -> list[str]:
    release = Release(canonicalize_name("pypi-publish"), Version("1.0"), "pypi-publish", ["click"])
    file = FileReport(parse_filename(WHEEL), release, State.UPLOADED, 1, "0" * 64, url=url)
    return Report(parse_index_url(INDEX), [file]).install_lines(release)


def test_this_program_is_installed_by_its_wheels_url_and_never_by_its_name() -> None:
    url = f"{INDEX}packages/{WHEEL}"
    assert _lines(url) == [f"uv tool install --with-executables-from keyring 'pypi-publish @ {url}'"]
    assert _lines(None) == [f"# {INDEX} shows the lines that install it"]


def _file(name: str, state: State, *dependencies: str, path: Path | None = None, url: str | None = None) -> FileReport:
    parsed = parse_filename(name)
    release = Release(parsed.name, parsed.version, parsed.name.title(), dependencies)
    return FileReport(parsed, release, state, 12, "ab" * 32, path, url)


ONE = "one-1.0-py3-none-any.whl"
ONE_SDIST = "one-1.0.tar.gz"
TWO = "two-2.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("states", "complete", "published"),
    [
        ([State.UPLOADED], True, True),
        ([State.ALREADY_THERE], True, False),
        ([State.UNCHANGED], True, False),
        ([State.SKIPPED], False, False),
        ([State.WOULD_UPLOAD], False, False),
        ([State.UPLOADED, State.SKIPPED], False, True),
        ([State.UPLOADED, State.ALREADY_THERE, State.UNCHANGED], True, True),
        ([], True, False),
    ],
)
def test_a_run_is_complete_when_the_index_has_all_files_as_they_are(
    states: list[State], *, complete: bool, published: bool
) -> None:
    report = Report(parse_index_url(INDEX), [_file(ONE, state) for state in states])
    assert report.is_complete is complete
    assert report.as_json()["published"] is published


def test_releases_are_distinguished_by_whether_they_were_built_and_each_is_there_once() -> None:
    files = [_file(ONE, State.UPLOADED), _file(TWO, State.UNCHANGED), _file(ONE_SDIST, State.SKIPPED)]
    report = Report(parse_index_url(INDEX), files)
    assert [file.file.text for file in report.handled] == [ONE, ONE_SDIST]
    assert [(release.name, str(release.version)) for release in report.releases] == [("one", "1.0")]
    assert [(release.name, str(release.version)) for release in report.unchanged] == [("two", "2.0")]


def test_the_report_for_programs_has_everything() -> None:
    files = [
        _file(ONE, State.UPLOADED, path=Path("dist") / ONE, url=f"{INDEX}packages/{ONE}"),
        _file(TWO, State.UNCHANGED),
    ]
    assert Report(parse_index_url(INDEX), files, dry_run=True).as_json() == {
        "index-url": INDEX,
        "dry-run": True,
        "published": True,
        "projects": [
            {
                "name": "One",
                "normalized-name": "one",
                "version": "1.0",
                "url": f"{INDEX}projects/one/",
                "install": f"pip install --index-url {INDEX}simple/ one==1.0",
                "unchanged": False,
            },
            {
                "name": "Two",
                "normalized-name": "two",
                "version": "2.0",
                "url": f"{INDEX}projects/two/",
                "install": f"pip install --index-url {INDEX}simple/ two==2.0",
                "unchanged": True,
            },
        ],
        "files": [
            {
                "filename": ONE,
                "path": f"dist/{ONE}",
                "kind": "bdist_wheel",
                "project": "one",
                "version": "1.0",
                "size": 12,
                "sha256": "ab" * 32,
                "status": "uploaded",
                "url": f"{INDEX}packages/{ONE}",
            },
            {
                "filename": TWO,
                "path": None,
                "kind": "bdist_wheel",
                "project": "two",
                "version": "2.0",
                "size": 12,
                "sha256": "ab" * 32,
                "status": "unchanged",
                "url": None,
            },
        ],
    }


@pytest.mark.parametrize(("passes_on", "best"), [(False, "pypi-publish config uv"), (True, "pip install")])
def test_dependencies_that_may_be_public_need_an_index_that_passes_them_on(best: str, *, passes_on: bool) -> None:
    file = _file(ONE, State.UPLOADED, "six")
    report = Report(parse_index_url(INDEX), [file], passes_on=passes_on)
    assert report.install_lines(file.release)[0].startswith(best)


def test_this_program_is_installed_by_the_wheel_of_the_release_and_no_other_file() -> None:
    older = _file("pypi_publish-0.9-py3-none-any.whl", State.UPLOADED, url="https://acme.example/old")
    sdist = _file("pypi_publish-1.0.tar.gz", State.UPLOADED, url="https://acme.example/sdist")
    first = _file(WHEEL, State.UPLOADED)
    second = _file(WHEEL, State.UPLOADED, url="https://acme.example/new")
    lines = Report(parse_index_url(INDEX), [older, sdist, first, second]).install_lines(second.release)
    assert lines == ["uv tool install --with-executables-from keyring 'pypi-publish @ https://acme.example/new'"]


def test_files_that_no_index_was_asked_about_have_a_report_too(tmp_path: Path) -> None:
    paths = [make_wheel(tmp_path), make_sdist(tmp_path)]
    assert files_as_json(map(read_distribution, paths)) == [
        {
            "filename": path.name,
            "path": str(path),
            "kind": kind,
            "project": "acme-widgets",
            "version": "1.0",
            "size": path.stat().st_size,
        }
        for path, kind in zip(paths, ("bdist_wheel", "sdist"), strict=True)
    ]


def test_the_words_of_states_are_fixed_because_other_programs_read_them() -> None:
    words = ["uploaded", "already-there", "skipped", "would-upload", "unchanged"]
    assert [state.value for state in State] == words


def test_a_run_sends_and_an_index_has_only_its_own_packages_unless_it_is_said_otherwise() -> None:
    report = Report(parse_index_url(INDEX), [])
    assert (report.as_json()["dry-run"], report.passes_on) == (False, False)
