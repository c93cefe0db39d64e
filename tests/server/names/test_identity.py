"""One identity for all spellings of a file's name, however many combinations of tags it has."""

import tracemalloc

import pytest

from publisher.errors import InvalidDistributionError
from publisher.project.distributions import parse_filename
from publisher.server.names.identity import identity

LETTERS = ".".join("abcdefghijklmnopqrstuvwxyz")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme_Lib-1.0-py2.py3-none-any.whl", "acme.lib-1.0.0-py3.py2-None-ANY.whl"),
        ("acme-1.0-1a-py3-none-any.whl", "acme-1-1a-py3-none-any.whl"),
        ("acme-1.0-cp3-abi3.none-linux_x86_64.any.whl", "acme-1.0-cp3-none.abi3-any.linux_x86_64.whl"),
    ],
)
def test_spellings_of_one_file(one: str, other: str) -> None:
    assert identity(one) == identity(other)


@pytest.mark.parametrize("other", ["acme-1.0-py3-none-any.whl", "acme-1.0-py2.py3-abi3-any.whl", "acme-1.0.tar.gz"])
def test_other_files(other: str) -> None:
    assert identity("acme-1.0-py2.py3-none-any.whl") != identity(other)


def test_a_name_with_thousands_of_tags_is_refused_and_takes_no_memory() -> None:
    tracemalloc.start()
    for number in range(50):
        name = f"acme-1.{number}-{LETTERS}-{LETTERS}-{LETTERS}.whl"
        with pytest.raises(InvalidDistributionError, match="more tags than installers know"):
            parse_filename(name)
        assert identity(name) == (name,)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**20
