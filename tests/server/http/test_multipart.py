"""The form of an upload: its fields, its one file, and every bound on both."""

from collections.abc import Callable
from typing import Any

import pytest

from publisher.limits import Limits
from publisher.server.http.messages import HttpError
from publisher.server.http.multipart import Fields, FormParser

TYPE = "multipart/form-data; boundary=xx"
END = b"--xx--\r\n"


class Kept:
    """A sink that keeps its bytes, and the fields that came before them."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, list[str]]] = []
        self.data = b""

    def begin(self, filename: str, fields: Fields) -> None:
        self.begun.append((filename, list(fields)))

    def write(self, data: bytes) -> None:
        self.data += data

    async def drain(self) -> None:
        """Nothing waits."""


def part(name: str, value: bytes = b"", *headers: str, filename: str | None = None) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    lines = "\r\n".join([disposition, *headers])
    return b"--xx\r\n" + lines.encode() + b"\r\n\r\n" + value + b"\r\n"


def raw_part(*headers: bytes) -> bytes:
    return b"--xx\r\n" + b"".join(header + b"\r\n" for header in headers) + b"\r\nvalue\r\n"


def read(*pieces: bytes, step: int = 0, **limits: Any) -> tuple[FormParser, Kept]:
    """Return a form that was read whole, or so many bytes at a time, and its sink."""
    sink = Kept()
    form = FormParser(TYPE, sink, Limits(**limits))
    body = b"".join(pieces)
    for start in range(0, len(body), step or len(body)):
        form.feed(body[start : start + (step or len(body))])
    form.finish()
    return form, sink


def refusal(work: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(HttpError) as refused:
        work()
    return refused.value.status, refused.value.message


@pytest.mark.parametrize("step", [0, 1, 7])
def test_fields_and_file_are_the_same_however_they_come_in(step: int) -> None:
    body = part("name", "acmé".encode()), part("tag", b"1"), part("content", b"\x00\r\n--x", filename="a.whl")
    form, sink = read(*body, part("tag", b""), part("late", b"\r\n"), END, step=step)
    assert form.fields == {"name": ["acmé"], "tag": ["1", ""], "late": ["\r\n"]}
    assert sink.begun == [("a.whl", ["name", "tag"])]
    assert sink.data == b"\x00\r\n--x"
    assert form.has_content


def test_a_form_without_a_file_has_none() -> None:
    form, sink = read(part("name", b"acme"), END)
    assert not form.has_content
    assert (sink.begun, sink.data) == ([], b"")


def test_a_field_is_asked_for_by_its_name() -> None:
    form, _ = read(part("name", b"acme"), part("twice", b"1"), part("twice", b"2"), END)
    assert form.text("name") == "acme"
    assert form.text("missing") == ""
    assert refusal(lambda: form.text("twice")) == (400, "The form has the field 'twice' 2 times; once is allowed.")


def test_a_field_named_otherwise_may_have_a_file_name_and_stays_a_field() -> None:
    form, sink = read(part("gpg_signature", b"signed", filename="a.asc"), END)
    assert form.fields == {"gpg_signature": ["signed"]}
    assert not sink.begun


@pytest.mark.parametrize("encoding", ["binary", "7bit", "8BIT ", " Binary"])
def test_a_part_may_say_that_it_comes_as_it_is(encoding: str) -> None:
    form, _ = read(part("name", b"acme", f"Content-Transfer-Encoding: {encoding}"), END)
    assert form.text("name") == "acme"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (part("name", b"", "Content-Transfer-Encoding: base64"), 400, "must not be encoded"),
        (part("name", b"", "CONTENT-TRANSFER-ENCODING: quoted-printable"), 400, "must not be encoded"),
        (part("content"), 400, "The part 'content' has no file name."),
        (part("content", filename=""), 400, "The part 'content' has no file name."),
        (part("content", filename="a") + part("content", filename="b"), 400, "two files"),
        (part("name", b"\xff"), 400, "The form's field 'name' is not UTF-8."),
        (raw_part(b'Content-Disposition: attachment; name="name"'), 400, "no valid Content-Disposition"),
        (raw_part(b"Content-Disposition: form-data"), 400, "no valid Content-Disposition"),
        (raw_part(b'Content-Disposition: form-data; name=""'), 400, "no valid Content-Disposition"),
        (raw_part(b'Content-Disposition: form-data; name="\xff"'), 400, "no valid Content-Disposition"),
        (raw_part(b'Content-Disposition: form-data; name="content"; filename="\xff"'), 400, "no valid Content-Dispos"),
        (raw_part(b"Content-Type: text/plain"), 400, "no valid Content-Disposition"),
        (b"no form", 400, "The body is not a valid multipart form: "),
        (b"--yy\r\n", 400, "The body is not a valid multipart form: "),
    ],
)
def test_a_form_that_can_be_read_in_two_ways_is_refused(body: bytes, status: int, message: str) -> None:
    found, text = refusal(lambda: read(body + END))
    assert found == status
    assert message in text


@pytest.mark.parametrize("cut", [b"--xx", b"--xx\r\nContent-Disp", part("name", b"acm"), b""])
def test_a_form_without_its_end_is_cut_short(cut: bytes) -> None:
    form = FormParser(TYPE, Kept())
    if cut:
        form.feed(cut)
    status, message = refusal(form.finish)
    assert status == 400
    assert message.startswith("The upload is cut short: ")


@pytest.mark.parametrize(
    ("limits", "within", "beyond", "refused"),
    [
        ({"form_parts": 2}, [part("a")] * 2, [part("a")] * 3, (400, "more than 2 parts")),
        ({"form_field": 4}, [part("a", b"1234")], [part("a", b"12345")], (413, "field 'a' is too long")),
        ({"form_fields": 4}, [part("a", b"12"), part("b", b"12")], [part("a", b"12"), part("b", b"123")], (413, "'b'")),
        (
            {"form_part_head": 60},
            [part("a", b"", f"X: {'y' * 59}")],
            [part("a", b"", f"X: {'y' * 60}")],
            (400, "header of a part of the form is too long"),
        ),
        (
            {"form_part_head": 60},
            [part("a", b"", f"{'x' * 59}: y")],
            [part("a", b"", f"{'x' * 60}: y")],
            (400, "header of a part of the form is too long"),
        ),
    ],
)
@pytest.mark.parametrize("step", [0, 1])
def test_a_form_may_be_as_large_as_its_bounds(
    limits: dict[str, int], within: list[bytes], beyond: list[bytes], refused: tuple[int, str], step: int
) -> None:
    read(*within, END, step=step, **limits)
    status, message = refusal(lambda: read(*beyond, END, step=step, **limits))
    assert status == refused[0]
    assert refused[1] in message


@pytest.mark.parametrize("begun", [b"", b"X: "], ids=["name", "value"])
def test_a_header_without_end_is_refused_while_it_comes(begun: bytes) -> None:
    form = FormParser(TYPE, Kept(), Limits(form_part_head=60))
    form.feed(b"--xx\r\n" + begun + b"x" * 59)
    assert refusal(lambda: form.feed(b"x" * 2)) == (400, "A header of a part of the form is too long.")


def test_the_file_is_no_field_and_is_bounded_by_its_sink_alone() -> None:
    _, sink = read(part("content", b"x" * 100, filename="a"), part("a", b"12"), END, form_field=2, form_fields=2)
    assert len(sink.data) == 100


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("", 415),
        ("text/plain", 415),
        ("multipart/mixed; boundary=xx", 415),
        ("multipart/form-data; boundary=ü☃", 415),
        ("multipart/form-data", 400),
        ('multipart/form-data; boundary=""', 400),
        ("multipart/form-data; boundary=" + "x" * 71, 400),
        ('multipart/form-data; boundary="x;y"', 400),
    ],
)
def test_another_type_is_refused(kind: str, status: int) -> None:
    found, text = refusal(lambda: FormParser(kind, Kept()))
    assert found == status
    assert ("multipart/form-data" in text) is (status == 415)
    assert ("boundary" in text) is (status == 400)


@pytest.mark.parametrize("boundary", ["x" * 70, "'()+_,-./:=?", "a b"])
def test_a_boundary_has_the_characters_of_the_standard(boundary: str) -> None:
    form = FormParser(f'Multipart/Form-Data; boundary="{boundary}"', Kept())
    form.feed(f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--{boundary}--\r\n'.encode())
    form.finish()
    assert form.text("a") == "b"
