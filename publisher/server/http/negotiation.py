"""Content negotiation: Accept, validators and ranges (RFC 9110, 12 to 14)."""

from datetime import UTC
from email.utils import parsedate_to_datetime

from werkzeug.datastructures import Accept, MIMEAccept  # noqa: TID251 - the only door to werkzeug
from werkzeug.http import parse_accept_header, parse_if_range_header, parse_range_header  # noqa: TID251
from werkzeug.sansio.http import is_resource_modified  # noqa: TID251

from publisher.server.http.remembering import ByHeader, remembered

ACCEPT_RANGES = 100
"""Media ranges of an Accept header that count; each costs 10 µs, and browsers send fewer than ten."""


class UnsatisfiableRangeError(Exception):
    """A range begins behind the end."""


@remembered(512)
def best_type(accept: str, offers: tuple[str, ...]) -> str | None:
    """Return the media type that a header prefers, of equals the first; None where it accepts none."""
    ranges = accept.split(",", ACCEPT_RANGES)[:ACCEPT_RANGES]
    return parse_accept_header(",".join(ranges), MIMEAccept).best_match(offers)


def _accepts_gzip(accept_encoding: str) -> bool:
    return bool(accept_encoding) and bool(parse_accept_header(accept_encoding, Accept).quality("gzip") > 0)


GZIP_ACCEPTED = ByHeader(_accepts_gzip, 512)
"""Whether a client accepts gzip, by its ``Accept-Encoding``; ``;q=0`` says that it does not."""


@remembered(4096)
def is_unmodified(if_none_match: str, if_modified_since: str, etag: str, last_modified: str = "") -> bool:
    """Return whether a client has a representation already; a date counts only without tags."""
    if if_none_match and "*" not in if_none_match and etag.removeprefix("W/").strip('"') not in if_none_match:
        return False  # without parsing thousands of tags
    try:
        return not is_resource_modified(
            http_if_none_match=if_none_match or None,
            http_if_modified_since=if_modified_since or None,
            etag=etag.removeprefix("W/").strip('"'),
            last_modified=parsedate_to_datetime(last_modified).astimezone(UTC) if last_modified else None,
        )
    except OverflowError:  # a date with an impossible time zone is ignored (RFC 9110, 13.1.3)
        return bool(if_modified_since) and is_unmodified(if_none_match, "", etag, last_modified)


def byte_range(header: str, if_range: str, size: int, etag: str, last_modified: str = "") -> tuple[int, int] | None:
    """
    Return offset and end of the one range that a request names; None for none, several, or one of an older file.

    Raises UnsatisfiableRangeError for one that begins behind the end.
    """
    found = parse_range_header(header)
    if found is None or found.units != "bytes" or len(found.ranges) != 1:
        return None
    if if_range:
        try:
            condition = parse_if_range_header(if_range)
        except OverflowError:  # a date with an impossible time zone
            return None
        by_date = condition.date is not None and if_range == last_modified
        if not by_date and (condition.etag is None or f'"{condition.etag}"' != etag or if_range.startswith("W/")):
            return None
    start, end = found.ranges[0]
    if start < 0:
        start = max(size + start, 0)
    if start >= size:
        raise UnsatisfiableRangeError
    return start, size if end is None else min(end, size)
