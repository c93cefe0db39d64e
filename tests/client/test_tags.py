from pathlib import Path

import pytest

from publisher.dists import read_distribution
from publisher.errors import CheckFailedError
from publisher.tags import check_tag, parse_tag
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
    ],
)
def test_tags_name_a_version(tag: str, version: str, name: str | None) -> None:
    parsed = parse_tag(tag)
    assert (str(parsed.version), parsed.name) == (version, name)


@pytest.mark.parametrize("tag", ["", "latest", "release", "v", "acme-", "acme-vx", "$(rm -rf)", "v1.2.3; rm"])
def test_other_tags_are_refused(tag: str) -> None:
    with pytest.raises(CheckFailedError, match="names no version"):
        parse_tag(tag)


def test_files_of_another_version_or_project_are_refused(tmp_path: Path) -> None:
    wheel = read_distribution(make_wheel(tmp_path))
    check_tag(parse_tag("v1.0"), [wheel])
    check_tag(parse_tag("v1.0.0"), [wheel])
    check_tag(parse_tag("acme_widgets-v1.0"), [wheel])
    with pytest.raises(CheckFailedError, match=r"version is 1\.0, the tag 'v1\.1' says 1\.1"):
        check_tag(parse_tag("v1.1"), [wheel])
    with pytest.raises(CheckFailedError, match="the project is acme-widgets"):
        check_tag(parse_tag("other-v1.0"), [wheel])
