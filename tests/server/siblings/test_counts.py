"""Counts and locks that the processes of one index share."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from publisher.server.siblings.counts import SLOTS, SharedFailureCounts
from publisher.server.siblings.files import SiblingFiles, sibling_files
from publisher.server.siblings.locks import held, inherited_file, release, try_hold
from publisher.server.siblings.news import NEWS_SIZE, RING, NoNews, SiblingNews

LANE, OTHER = ("ada", "192.0.2.1"), ("ada", "192.0.2.2")


@pytest.fixture
def siblings() -> Iterator[SiblingFiles]:
    with sibling_files() as files:
        yield files


def test_failures_count_for_all_processes_until_they_are_forgiven(siblings: SiblingFiles) -> None:
    now = [1000.0]
    one, other = (SharedFailureCounts(siblings, 60.0, lambda: now[0]) for _ in range(2))
    assert one.get(LANE) == 0
    one.set(LANE, 3)
    assert (other.get(LANE), other.get(OTHER), other.get(("bob", LANE[1]))) == (3, 0, 0)
    now[0] += 60
    assert other.get(LANE) == 3
    now[0] += 0.1
    assert other.get(LANE) == 0
    other.set(LANE, 1)
    assert one.get(LANE) == 1
    one.set(LANE, 0)
    assert other.get(LANE) == 0
    one.set(("\udcff", "x"), 2)
    assert os.fstat(siblings.failed_logins).st_size <= SLOTS * 16


def test_another_index_counts_in_other_places(siblings: SiblingFiles) -> None:
    counts = SharedFailureCounts(siblings, 60.0, lambda: 0.0)
    places = {counts._place((f"user{number}", "")) for number in range(100)}
    assert len(places) > 90
    assert all(place % 16 == 0 and 0 <= place < SLOTS * 16 for place in places)
    with sibling_files() as others:
        assert counts._place(LANE) != SharedFailureCounts(others, 60.0, lambda: 0.0)._place(LANE)


_TRY = """
import sys
from publisher.server.siblings.locks import try_hold
print(try_hold(int(sys.argv[1]), int(sys.argv[2])))
"""


def _another_process_holds(file: int, place: int) -> bool:
    command = [sys.executable, "-c", _TRY, str(file), str(place)]
    done = subprocess.run(command, pass_fds=[file], capture_output=True, text=True, check=True)
    return done.stdout.strip() == "True"


def test_a_turn_is_one_processs_at_a_time(siblings: SiblingFiles) -> None:
    counts = SharedFailureCounts(siblings, 60.0, lambda: 0.0)
    place = counts._place(LANE)
    assert counts.try_hold(LANE)
    assert not _another_process_holds(siblings.failed_logins, place)
    counts.release(LANE)
    assert _another_process_holds(siblings.failed_logins, place)


def test_a_lock_is_of_one_byte_and_ends_with_its_block() -> None:
    with inherited_file() as file:
        with held(file, 5):
            assert not _another_process_holds(file, 5)
            assert _another_process_holds(file, 6)
        assert _another_process_holds(file, 5)
        assert try_hold(file, 5)
        release(file, 5)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


def test_the_files_end_with_their_block() -> None:
    with sibling_files() as files:
        descriptors = {files.log_lock, files.failed_logins, files.packages, files.credentials}
        assert len(descriptors) == 4
        assert {os.fstat(each).st_size for each in (files.packages, files.credentials)} == {NEWS_SIZE}
        assert len(files.key) == 16
        assert files.key.hex() not in repr(files)
        assert files.package_news().stamp == files.credential_news().stamp == 0
    for each in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(each)


def test_news_of_packages_are_none_of_credentials(siblings: SiblingFiles) -> None:
    packages, credentials = siblings.package_news(), siblings.credential_news()
    reader, other = siblings.package_news().reader(), siblings.credential_news().reader()
    packages.tell(b"acme")
    assert reader.hear() == [b"acme"]
    assert other.hear() == []
    assert (credentials.stamp, packages.stamp > 0) == (0, True)
    assert packages.has_listeners


@pytest.mark.parametrize("size", [0, 1, 1000, RING // 4])
def test_a_message_is_heard_once_and_whole(siblings: SiblingFiles, size: int) -> None:
    one, other = siblings.package_news(), siblings.package_news()
    mine, theirs = one.reader(), other.reader()
    message = os.urandom(size)
    before = one.stamp
    one.tell(message)
    assert one.stamp == other.stamp > before
    assert theirs.hear() == [message]
    assert theirs.hear() == []
    assert mine.hear() == []  # one does not hear oneself
    late = SiblingNews(siblings.packages).reader()
    assert late.hear() == []


def test_what_does_not_fit_is_lost_and_nothing_after_it(siblings: SiblingFiles) -> None:
    one, reader = siblings.package_news(), siblings.package_news().reader()
    one.tell(bytes(RING // 4 + 1))
    assert reader.hear() is None
    one.tell(b"next")
    assert reader.hear() == [b"next"]
    for _ in range(5):
        one.tell(bytes(RING // 4))
    assert reader.hear() is None
    one.tell(b"again")
    assert reader.hear() == [b"again"]


def test_a_process_that_serves_alone_has_no_news() -> None:
    news = NoNews()
    news.tell(b"x")
    assert (news.stamp, news.has_listeners, news.reader().hear()) == (0, False, [])
