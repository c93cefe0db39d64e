"""The plan of a run: which files the index lacks, which it has, and which it has with other contents."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from publisher.client.models import RemoteFile
from publisher.client.url import parse_index_url
from publisher.errors import ConflictError
from publisher.project.distributions import Distribution, read_distribution
from publisher.publish.plan import CONFLICT_HINT, Plan, Upload, has_same_contents, make_plan
from publisher.publish.prefetch import IndexPrefetch
from publisher.publish.report import State
from tests.helpers.dists import make_sdist, make_wheel

URL = parse_index_url("https://acme.example/")


class Listing:
    """The lists of files of an index, which counts what is asked for."""

    def __init__(self, *files: RemoteFile) -> None:
        self.found = {file.filename: file for file in files}
        self.asked: list[str] = []

    def files(self, project: str) -> Mapping[str, RemoteFile]:
        self.asked.append(project)
        return self.found


def _plan(distributions: list[Distribution], *files: RemoteFile, skip_existing: bool = False) -> Plan:
    return make_plan(distributions, cast("IndexPrefetch", Listing(*files)), URL, skip_existing=skip_existing)


def _remote(distribution: Distribution, **hashes: str) -> RemoteFile:
    return RemoteFile(distribution.filename, "https://acme.example/f", hashes)


@pytest.fixture
def wheel(tmp_path: Path) -> Distribution:
    return read_distribution(make_wheel(tmp_path))


def _sha256(distribution: Distribution) -> str:
    return hashlib.sha256(distribution.path.read_bytes()).hexdigest()


def test_wheels_go_before_sdists_and_both_by_name(tmp_path: Path) -> None:
    made = [
        make_sdist(tmp_path, "a"),
        make_wheel(tmp_path, "b"),
        make_sdist(tmp_path, "c"),
        make_wheel(tmp_path, "a"),
    ]
    plan = _plan([read_distribution(path) for path in made])
    names = ["a-1.0-py3-none-any.whl", "b-1.0-py3-none-any.whl", "a-1.0.tar.gz", "c-1.0.tar.gz"]
    assert [upload.distribution.filename for upload in plan.uploads] == names
    assert plan.states == dict.fromkeys(names, State.WOULD_UPLOAD)
    assert plan.to_send == [*plan.uploads]


def test_a_file_that_the_index_has_is_not_sent(wheel: Distribution) -> None:
    plan = _plan([wheel], _remote(wheel, sha256=_sha256(wheel)))
    assert plan.states == {wheel.filename: State.ALREADY_THERE}
    assert plan.to_send == []


def test_a_file_of_another_name_does_not_matter(wheel: Distribution) -> None:
    other = RemoteFile("acme_widgets-0.9-py3-none-any.whl", "u", {"sha256": "0" * 64})
    assert _plan([wheel], other).states == {wheel.filename: State.WOULD_UPLOAD}


def test_other_contents_are_skipped_where_that_is_wanted(wheel: Distribution) -> None:
    plan = _plan([wheel], _remote(wheel, sha256="0" * 64), skip_existing=True)
    assert plan.states == {wheel.filename: State.SKIPPED}
    assert plan.to_send == []
    same = _plan([wheel], _remote(wheel, sha256=_sha256(wheel)), skip_existing=True)
    assert same.states == {wheel.filename: State.ALREADY_THERE}


def test_every_conflict_is_named_and_nothing_is_planned(tmp_path: Path, wheel: Distribution) -> None:
    sdist = read_distribution(make_sdist(tmp_path))
    with pytest.raises(ConflictError) as caught:
        _plan([sdist, wheel], _remote(wheel, sha256="0123456789abcdef" * 4), _remote(sdist))
    first, second, last = caught.value.message.splitlines()
    assert first.startswith(f"{wheel.filename}: PP601 https://acme.example/ has a file of that name")
    assert first.endswith(f" (sha256 0123456789ab… there, {_sha256(wheel)[:12]}… here).")
    assert second.endswith("with other contents.")
    assert second.startswith(sdist.filename)
    assert last == "Nothing was published."
    assert caught.value.hint == CONFLICT_HINT


@pytest.mark.parametrize(
    ("hashes", "same"),
    [
        ({"sha256": "sha256"}, True),
        ({"sha256": "other"}, False),
        ({"md5": "md5"}, True),
        ({"md5": "other"}, False),
        ({"md5": "other", "sha256": "sha256"}, True),
        ({"md5": "md5", "sha256": "other"}, False),
        ({"unheard-of": "x", "blake2b": "blake2b"}, True),
        ({"unheard-of": "x"}, False),
        ({}, False),
    ],
)
def test_contents_are_compared_by_the_best_digest_that_is_given(
    wheel: Distribution, hashes: dict[str, str], *, same: bool
) -> None:
    data = wheel.path.read_bytes()
    given = {name: hashlib.new(name, data).hexdigest() if value == name else value for name, value in hashes.items()}
    assert has_same_contents(Upload(wheel), _remote(wheel, **given)) is same


def test_the_digest_of_sent_bytes_takes_the_place_of_the_files(wheel: Distribution) -> None:
    upload = Upload(wheel)
    assert (upload.size, upload.sha256) == (wheel.path.stat().st_size, _sha256(wheel))
    upload.set_sent_sha256("sent")
    assert upload.sha256 == "sent"
    untouched = Upload(wheel)
    untouched.set_sent_sha256("sent")
    assert untouched.sha256 == "sent"
