"""Media types, validators and ranges that clients ask for."""

import pytest

from publisher.server.http.negotiation import (
    ACCEPT_RANGES,
    GZIP_ACCEPTED,
    UnsatisfiableRangeError,
    best_type,
    byte_range,
    is_unmodified,
)

JSON, HTML, TEXT = "application/vnd.pypi.simple.v1+json", "text/html", "text/plain"
ETAG, DATE = '"abc"', "Tue, 01 Jul 2025 12:00:00 GMT"
IMPOSSIBLE = "01 Jan 0001 00:00:00 +99999999999999999999"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", HTML),
        ("text/*", HTML),
        (JSON, JSON),
        (f"{JSON}, text/html;q=0.1", JSON),
        (f"{JSON};q=0.1, text/html", HTML),
        (f"{HTML}, {JSON}", HTML),
        (f"{JSON}, {HTML}", HTML),
        ("image/png", None),
        (f"{HTML};q=0", None),
        ("image/png, */*;q=0.1", HTML),
    ],
)
def test_the_type_that_a_client_prefers_and_of_equals_the_first_offer(accept: str, expected: str | None) -> None:
    assert best_type(accept, (HTML, JSON)) == expected


@pytest.mark.parametrize(("others", "expected"), [(ACCEPT_RANGES - 1, JSON), (ACCEPT_RANGES, None), (50_000, None)])
def test_of_many_types_the_first_hundred_count(others: int, expected: str | None) -> None:
    assert best_type(f"{'a/b;q=0.1,' * others}{JSON}", (HTML, JSON)) == expected


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (b"", False),
        (b"gzip", True),
        (b"br, gzip;q=0.1", True),
        (b"gzip;q=0", False),
        (b"*", True),
        (b"*;q=0", False),
        (b"identity", False),
        (b"deflate, br", False),
    ],
)
def test_gzip_is_for_clients_that_accept_it(header: bytes, *, accepted: bool) -> None:
    assert GZIP_ACCEPTED[header] is accepted


@pytest.mark.parametrize(
    ("if_none_match", "if_modified_since", "unmodified"),
    [
        ("", "", False),
        (ETAG, "", True),
        (f"W/{ETAG}", "", True),
        (f'"other", {ETAG}', "", True),
        ("*", "", True),
        ('"other"', "", False),
        ("", DATE, True),
        ("", "Tue, 01 Jul 2025 12:00:01 GMT", True),
        ("", "Tue, 01 Jul 2025 11:59:59 GMT", False),
        ('"other"', DATE, False),
        (ETAG, "Tue, 01 Jul 2025 11:59:59 GMT", True),
        ("", "yesterday", False),
        ("", IMPOSSIBLE, False),
        (ETAG, IMPOSSIBLE, True),
        ('"other"', IMPOSSIBLE, False),
    ],
)
@pytest.mark.parametrize("etag", [ETAG, f"W/{ETAG}"])
def test_a_client_has_a_file_by_its_tag_or_without_tags_by_its_date(
    if_none_match: str, if_modified_since: str, etag: str, *, unmodified: bool
) -> None:
    assert is_unmodified(if_none_match, if_modified_since, etag, DATE) is unmodified


def test_a_page_without_a_date_is_had_by_its_tag_alone() -> None:
    assert is_unmodified(ETAG, "", ETAG)
    assert not is_unmodified("", DATE, ETAG)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ("bytes=0-0", (0, 1)),
        ("bytes=0-", (0, 10)),
        ("bytes=2-4", (2, 5)),
        ("bytes=9-", (9, 10)),
        ("bytes=0-9", (0, 10)),
        ("bytes=0-10", (0, 10)),
        ("bytes=-1", (9, 10)),
        ("bytes=-10", (0, 10)),
        ("bytes=-11", (0, 10)),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=4-2", None),
        ("bytes", None),
    ],
)
def test_a_range_is_the_one_that_a_request_names(header: str, expected: tuple[int, int] | None) -> None:
    assert byte_range(header, "", 10, ETAG, DATE) == expected


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=11-12", 10), ("bytes=0-", 0), ("bytes=-1", 0)])
def test_a_range_behind_the_end_is_an_error(header: str, size: int) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        byte_range(header, "", size, ETAG, DATE)


@pytest.mark.parametrize(
    ("if_range", "same"),
    [
        ("", True),
        (ETAG, True),
        (f"W/{ETAG}", False),
        ('"other"', False),
        (DATE, True),
        ("Tue, 01 Jul 2025 12:00:01 GMT", False),
        (IMPOSSIBLE, False),
    ],
)
def test_a_range_of_another_file_is_not_sent(if_range: str, *, same: bool) -> None:
    assert byte_range("bytes=2-4", if_range, 10, ETAG, DATE) == ((2, 5) if same else None)


def test_a_range_by_date_needs_a_date() -> None:
    assert byte_range("bytes=2-4", DATE, 10, ETAG) is None
    assert byte_range("bytes=2-4", ETAG, 10, ETAG) == (2, 5)
