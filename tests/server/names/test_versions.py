"""Versions of file names, newest first."""

from collections.abc import Iterable

import pytest

from publisher.server.names.versions import newest_first


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((), []),
        (("", ""), []),
        (("1.9", "1.10", "1.2"), ["1.10", "1.9", "1.2"]),
        (("1.0", "1.0", "2.0", ""), ["2.0", "1.0"]),
        (("1.0rc1", "1.0", "1.0.post1", "1.0.dev1", "1!0.1"), ["1!0.1", "1.0.post1", "1.0", "1.0rc1", "1.0.dev1"]),
        (("old", "0.1", "other"), ["0.1", "other", "old"]),
        (("2004a-x", "2004b-x"), ["2004b-x", "2004a-x"]),
    ],
)
def test_the_newest_version_is_first_and_texts_that_are_none_are_last(
    texts: Iterable[str], expected: list[str]
) -> None:
    assert newest_first(texts) == expected
    assert newest_first(iter(reversed(list(texts)))) == expected
