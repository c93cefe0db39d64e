from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from publisher.errors import CheckFailedError, ConfigurationError
from publisher.project.distributions import read_distribution
from publisher.project.pyproject import Source, read_source
from publisher.project.tags import check_tag, parse_tag, select_distributions, select_sources
from tests.helpers.dists import make_wheel


@pytest.mark.parametrize(
    ("tag", "version", "name"),
    [
        ("v1.2.3", "1.2.3", None),
        ("1.2.3", "1.2.3", None),
        ("refs/tags/v1.2.3", "1.2.3", None),
        ("v1.0rc1", "1.0rc1", None),
        ("1.0-1", "1.0.post1", None),
        ("acme-widgets-v1.2.3", "1.2.3", "acme-widgets"),
        ("acme-widgets-1.2.3", "1.2.3", "acme-widgets"),
        ("Acme.Widgets/v1.2.3", "1.2.3", "acme-widgets"),
        ("acme/1.2.3", "1.2.3", "acme"),
        ("acme-2-1.0", "1.0", "acme-2"),
        ("acme-widgets@1.2.3", "1.2.3", "acme-widgets"),
        ("acme-widgets@v1.2.3", "1.2.3", "acme-widgets"),
        ("v1.2.3\n", "1.2.3", None),
    ],
)
def test_tags_name_a_version(tag: str, version: str, name: str | None) -> None:
    parsed = parse_tag(tag)
    assert (str(parsed.version), parsed.name) == (version, name)


@pytest.mark.parametrize("tag", ["", "latest", "release", "v", "acme-", "acme-vx", "$(rm -rf)", "v1.2.3; rm"])
def test_other_tags_are_refused(tag: str) -> None:
    with pytest.raises(CheckFailedError, match=r"does not name a version|has no version after"):
        parse_tag(tag)


@pytest.mark.parametrize("tag", ["release-1.2.3", "release-v1.2.3", "refs/tags/release-1.2.3"])
def test_a_prefix_stands_before_the_version(tag: str) -> None:
    parsed = parse_tag(tag, "release-")
    assert (str(parsed.version), parsed.name) == ("1.2.3", None)


@pytest.mark.parametrize("tag", ["v1.2.3", "1.2.3", "release-", "release-next", "acme-release-1.2.3"])
def test_a_tag_without_the_prefix_is_refused(tag: str) -> None:
    with pytest.raises(CheckFailedError, match="after the prefix 'release-'"):
        parse_tag(tag, "release-")


def test_files_of_another_version_or_project_are_refused(tmp_path: Path) -> None:
    wheel = read_distribution(make_wheel(tmp_path))
    check_tag(parse_tag("v1.0"), [wheel])
    check_tag(parse_tag("v1.0.0"), [wheel])
    check_tag(parse_tag("acme_widgets-v1.0"), [wheel])
    with pytest.raises(CheckFailedError, match=r"version is 1\.0, but the tag 'v1\.1' names 1\.1"):
        check_tag(parse_tag("v1.1"), [wheel])
    with pytest.raises(CheckFailedError, match="the project is acme-widgets"):
        check_tag(parse_tag("other-v1.0"), [wheel])


WIDGETS = Source(Path("widgets"), canonicalize_name("acme-widgets"), Version("1.0"))
GADGETS = Source(Path("gadgets"), canonicalize_name("acme-gadgets"), Version("2.0"))
UNKNOWN = Source(Path("legacy"))


@pytest.mark.parametrize(
    ("tag", "sources", "chosen"),
    [
        ("v1.0", [WIDGETS], [WIDGETS]),
        ("acme.widgets-v1.0", [WIDGETS, GADGETS], [WIDGETS]),
        ("acme-gadgets/2.0", [WIDGETS, GADGETS, UNKNOWN], [GADGETS]),
        ("legacy-v3", [WIDGETS, UNKNOWN], [UNKNOWN]),
        ("v1.0", [WIDGETS, UNKNOWN], [WIDGETS, UNKNOWN]),
    ],
)
def test_a_tag_chooses_its_projects(tag: str, sources: list[Source], chosen: list[Source]) -> None:
    assert select_sources(parse_tag(tag), sources) == chosen


def test_a_tag_without_a_project_is_reported_with_the_names() -> None:
    with pytest.raises(CheckFailedError, match="for the project other, but the projects here are acme-gadgets, acme-w"):
        select_sources(parse_tag("other-v1.0"), [WIDGETS, GADGETS])


def test_a_known_version_is_compared_before_the_build() -> None:
    with pytest.raises(CheckFailedError, match=r"the version is 2\.0, but the tag 'v1\.0' names 1\.0") as raised:
        select_sources(parse_tag("v1.0"), [WIDGETS, GADGETS])
    assert raised.value.path == Path("gadgets/pyproject.toml")


def test_a_tag_chooses_its_files(tmp_path: Path) -> None:
    widgets, gadgets = (read_distribution(make_wheel(tmp_path, name)) for name in ("acme_widgets", "acme_gadgets"))
    assert select_distributions(parse_tag("acme-gadgets-v1.0"), [widgets, gadgets]) == [gadgets]
    assert select_distributions(parse_tag("v1.0"), [widgets, gadgets]) == [widgets, gadgets]
    with pytest.raises(CheckFailedError, match="for the project other"):
        select_distributions(parse_tag("other-v1.0"), [widgets, gadgets])


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        ('[project]\nname = "Acme_Widgets"\nversion = "1.0"\n', "acme-widgets", "1.0"),
        ('[project]\nname = "acme"\ndynamic = ["version"]\n', "acme", None),
        ('[tool.poetry]\nname = "acme"\nversion = "2"\n', "acme", "2"),
        ('[project]\nname = "no name"\nversion = "none"\n', None, None),
        ("project = 3\n", None, None),
        ("tool = 3\n", None, None),
        ("[project]\nname = 3\n", None, None),
        ("", None, None),
    ],
)
def test_what_a_folder_says_before_it_is_built(tmp_path: Path, text: str, name: str | None, version: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    source = read_source(tmp_path)
    assert (source.name, source.version) == (name, Version(version) if version else None)


def test_broken_toml_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "acme\n')
    with pytest.raises(ConfigurationError) as raised:
        read_source(tmp_path)
    assert (raised.value.path, raised.value.line) == (tmp_path / "pyproject.toml", 2)


def test_a_prefix_that_is_empty_is_none() -> None:
    assert parse_tag("acme-v1.0", "").name == "acme"


def test_a_refused_tag_gets_the_forms_or_its_prefix() -> None:
    with pytest.raises(CheckFailedError) as caught:
        parse_tag("latest")
    assert "name/v1.2.3" in str(caught.value.hint)
    with pytest.raises(CheckFailedError) as caught:
        parse_tag("latest", "release-")
    assert str(caught.value.hint).startswith("Tag release-1.2.3, or change `tag-prefix`")


def test_the_text_of_a_tag_is_kept_without_its_ref() -> None:
    assert parse_tag(" refs/tags/v1.0\n").text == "v1.0"
    assert parse_tag("refs/tags/release-1.0", "release-").text == "release-1.0"


def test_every_wrong_file_is_named_and_a_better_hint_is_taken(tmp_path: Path) -> None:
    files = [read_distribution(make_wheel(tmp_path, name)) for name in ("acme_widgets", "acme_gadgets")]
    with pytest.raises(CheckFailedError) as caught:
        check_tag(parse_tag("acme-widgets-v2.0"), files, "a better hint")
    assert caught.value.message.splitlines() == [
        "acme_widgets-1.0-py3-none-any.whl: PP603 the version is 1.0, but the tag 'acme-widgets-v2.0' names 2.0",
        "acme_gadgets-1.0-py3-none-any.whl: PP603 the version is 1.0, but the tag 'acme-widgets-v2.0' names 2.0",
        (
            "acme_gadgets-1.0-py3-none-any.whl: PP603 the project is acme-gadgets, "
            "but the tag 'acme-widgets-v2.0' names acme-widgets"
        ),
    ]
    assert caught.value.hint == "a better hint"
    with pytest.raises(CheckFailedError) as caught:
        check_tag(parse_tag("v2.0"), files)
    assert "Nothing was published" in str(caught.value.hint)


def test_a_project_without_a_known_name_is_only_taken_where_no_other_has_the_name() -> None:
    nameless = Source(Path("nameless"), None, Version("1.0"))
    assert select_sources(parse_tag("acme-widgets-v1.0"), [nameless, WIDGETS]) == [WIDGETS]
    assert select_sources(parse_tag("other-v1.0"), [nameless, WIDGETS]) == [nameless]
    with pytest.raises(CheckFailedError, match=r"^nameless.pyproject\.toml: PP603 the version is 1\.0"):
        select_sources(parse_tag("other-v2.0"), [nameless, WIDGETS])


def test_no_project_at_all_is_reported_as_of_no_known_name() -> None:
    with pytest.raises(CheckFailedError, match="but the projects here are of no known name") as caught:
        select_sources(parse_tag("acme-v1.0"), [])
    assert "with the name in pyproject.toml" in str(caught.value.hint)
