"""Projects and versions that file names of every age mean, as pypiserver and the Python Package Index read them."""

import pytest

from publisher.limits import LIMITS
from publisher.server.names import filenames
from publisher.server.names.filenames import guess, is_name, normalize


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        ("acme_lib-1.0-py3-none-any.whl", "acme-lib", "1.0"),
        ("acme_lib-1.0-py3-none-any.WHL", "acme-lib", "1.0"),
        ("acme-1.0.tar.gz", "acme", "1.0"),
        ("acme-1.0.ZIP", "acme", "1.0"),
        ("acme-1.0.Tar.Gz", "acme", "1.0"),
        ("acme-3-20240101.tar.gz", "acme-3", "20240101"),
        ("python-3-1.tar.gz", "python-3", "1"),
        ("python-3d-1.0.tar.gz", "python-3d", "1.0"),
        ("foo-1.0-1.tar.gz", "foo", "1.0-1"),
        ("foo-v1.0.tar.gz", "foo", "v1.0"),
        ("foo-linux-1.0.tar.gz", "foo-linux", "1.0"),
        ("foo-win32-2.tar.gz", "foo-win32", "2"),
        ("greenlet-0.3.4.win-amd64-py3.2.exe", "greenlet", "0.3.4"),
        ("greenlet-0.3.4.win32-py2.7.msi", "greenlet", "0.3.4"),
        ("greenlet-0.3.4.linux-x86_64.tar.gz", "greenlet", "0.3.4"),
        ("greenlet-1.0b1.win32-py2.7.exe", "greenlet", "1.0b1"),
        ("greenlet-1.0.win32.exe", "greenlet", "1.0"),
        ("foobar-1.1-linux.zip", "foobar", "1.1"),
        ("foobar-1.1.macosx-10.9-x86_64.tar.gz", "foobar", "1.1"),
        ("old-1.0-py2.7.egg", "old", "1.0"),
        ("plain-3.tgz", "plain", "3"),
        ("noversion.tar.gz", "noversion", ""),
    ],
)
def test_names_keep_their_meaning_from_pypiserver(filename: str, project: str, version: str) -> None:
    assert guess(filename) == (project, version)


def test_names_that_no_project_can_have_are_not_kept() -> None:
    before = filenames._normalize.cache_info().currsize
    assert normalize("Long_" * LIMITS.project_name) == "long-" * LIMITS.project_name
    assert filenames._normalize.cache_info().currsize == before


def test_a_name_may_be_as_long_as_the_limit() -> None:
    longest = "a" * LIMITS.project_name
    assert is_name(longest)
    assert not is_name(f"{longest}a")
