"""Reading the multipart form of an upload while it comes in: text fields to memory, the file to a sink."""

import re
from collections.abc import Awaitable
from functools import lru_cache
from typing import Any, Protocol

from python_multipart.exceptions import FormParserError  # noqa: TID251 - the only door to python_multipart
from python_multipart.multipart import MultipartParser, parse_options_header  # noqa: TID251

from publisher.limits import LIMITS, Limits
from publisher.server.http.messages import HttpError

_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]{1,70}")


class Sink(Protocol):
    """Sink for the bytes of the form's file."""

    def begin(self, filename: str, fields: "Fields") -> None:
        """The file part begins; ``fields`` are those that came before it."""

    def write(self, data: bytes) -> None:
        """Take the next bytes; must not block for long."""

    def drain(self) -> Awaitable[None]:
        """Wait until so much is stored that more may come."""


Fields = dict[str, list[str]]


class FormParser:
    """
    A form that is being read: `fields` grow with every part, the part ``content`` goes to the sink.

    See RFC 7578; the fields are those of the legacy upload API. Raises HttpError 400 or 413 from `feed` and `finish`.
    """

    def __init__(self, content_type: str, sink: Sink, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self.fields: Fields = {}
        self.has_content = False
        self._sink = sink
        self._name = ""
        self._data: list[bytes] | None = None
        self._size = 0
        self._total = 0
        self._parts = 0
        self._ended = False
        self._to_sink = False
        self._header_name = b""
        self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        callbacks: Any = {
            "on_part_begin": self._part_begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value_part,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }
        self._parser = MultipartParser(_boundary(content_type), callbacks)

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise HttpError(400, f"The body is not a valid multipart form: {error}.") from error

    def finish(self) -> None:
        """Return when the form was complete; nothing can be fed afterwards."""
        try:
            self._parser.finalize()
        except FormParserError as error:
            raise HttpError(400, f"The upload is cut short: {error}.") from error
        finally:
            self._parser.callbacks = {}  # or the two would refer to each other, and wait for the garbage collector
        if not self._ended:
            raise HttpError(400, "The upload is cut short: the form's closing boundary is missing.")

    def text(self, name: str) -> str:
        """Return a field's value, or an empty text; raise HttpError 400 when it is there twice."""
        values = self.fields.get(name, [])
        if len(values) > 1:
            raise HttpError(400, f"The form has the field {name!r} {len(values)} times; once is allowed.")
        return values[0] if values else ""

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > self._limits.form_parts:
            raise HttpError(400, f"The form has more than {self._limits.form_parts} parts.")
        self._headers = {}
        self._header_name = self._header_value = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]
        self._bound_header()

    def _header_value_part(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]
        self._bound_header()

    def _bound_header(self) -> None:
        if len(self._header_name) + len(self._header_value) > self._limits.form_part_head:
            raise HttpError(400, "A header of a part of the form is too long.")

    def _header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _headers_finished(self) -> None:
        encoding = self._headers.get(b"content-transfer-encoding", b"binary").strip().lower()
        if encoding not in {b"binary", b"7bit", b"8bit"}:
            raise HttpError(
                400, "Parts of the form must not be encoded (Content-Transfer-Encoding); send them as they are."
            )
        name, filename = _disposition(self._headers.get(b"content-disposition", b""))
        self._name = name
        self._to_sink = name == "content"
        self._data = []
        self._size = 0
        if self._to_sink:
            if self.has_content:
                raise HttpError(400, "The form has two files; upload each in its own request.")
            if not filename:
                raise HttpError(400, "The part 'content' has no file name.")
            self.has_content = True
            self._sink.begin(filename, self.fields)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._to_sink:
            self._sink.write(data[start:end])
            return
        self._size += end - start
        self._total += end - start
        if self._size > self._limits.form_field or self._total > self._limits.form_fields:
            raise HttpError(413, f"The form's field {self._name!r} is too long.")
        assert self._data is not None  # noqa: S101 - for the type checker
        self._data.append(data[start:end])

    def _part_end(self) -> None:
        if not self._to_sink and self._data is not None:
            try:
                value = b"".join(self._data).decode("utf-8")
            except UnicodeDecodeError:
                raise HttpError(400, f"The form's field {self._name!r} is not UTF-8.") from None
            self.fields.setdefault(self._name, []).append(value)
        self._to_sink = False

    def _end(self) -> None:
        self._ended = True


def _boundary(content_type: str) -> bytes:
    try:
        kind, parameters = parse_options_header(content_type)
    except UnicodeEncodeError:  # no header has such characters
        kind, parameters = b"", {}
    if kind != b"multipart/form-data":
        raise HttpError(415, "Uploads are sent as multipart/form-data, as twine and uv do.")
    boundary = parameters.get(b"boundary", b"")
    if not _BOUNDARY.fullmatch(boundary):
        raise HttpError(400, "The Content-Type has no valid boundary.")
    return boundary


@lru_cache(maxsize=256)
def _disposition(header: bytes) -> tuple[str, str | None]:
    """Return the name and the file name of a part; parameters like ``filename*`` don't count (RFC 7578, 4.2)."""
    kind, parameters = parse_options_header(header)
    try:
        name, filename = (parameters[key].decode() if key in parameters else None for key in (b"name", b"filename"))
    except UnicodeDecodeError:
        name = filename = None
    if kind != b"form-data" or not name:
        raise HttpError(400, "A part of the form has no valid Content-Disposition with a name.")
    return name, filename
