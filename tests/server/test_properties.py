"""Properties of what reads hostile text: the upload form, file names, ranges and negotiation."""

import io
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.errors import InvalidDistributionError
from publisher.project.distributions import parse_filename
from publisher.server.http.messages import HttpError
from publisher.server.http.multipart import Fields, FormParser
from publisher.server.names.filenames import guess, normalize
from publisher.server.routes.page_memory import PAGE_TYPES

BOUNDARY = "b0undary"
names = st.text(
    st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters='"\\;='), min_size=1, max_size=20
)
chunk_sizes = st.lists(st.integers(1, 50), min_size=1, max_size=20)


class _Memory:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.filename = ""
        self.data = io.BytesIO()

    def begin(self, filename: str, fields: Fields) -> None:  # noqa: ARG002 - the sink's signature
        self.filename = filename

    def write(self, data: bytes) -> None:
        self.data.write(data)

    async def drain(self) -> None: ...


def feed(body: bytes, sizes: list[int]) -> tuple[FormParser, _Memory]:
    """Parse a body that arrives in pieces of the given sizes, over and over."""
    sink = _Memory()
    form = FormParser(f"multipart/form-data; boundary={BOUNDARY}", sink)
    position, turn = 0, 0
    while position < len(body):
        size = sizes[turn % len(sizes)]
        form.feed(body[position : position + size])
        position, turn = position + size, turn + 1
    form.finish()
    return form, sink


def _refusal(work: Callable[[], object]) -> HttpError | None:
    """Return what a piece of work was refused with, or None when it was not."""
    try:
        work()
    except HttpError as error:
        return error
    return None


@given(st.lists(st.tuples(names, st.text(max_size=100)), max_size=5), st.binary(max_size=500), chunk_sizes)
def test_a_form_parses_the_same_in_any_pieces(fields: list[tuple[str, str]], content: bytes, sizes: list[int]) -> None:
    fields = [(name, value) for name, value in fields if name != "content" and f"--{BOUNDARY}" not in value]
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="content"; filename="f.whl"\r\n\r\n'.encode()
    form, sink = feed(b"".join(parts) + head + content + f"\r\n--{BOUNDARY}--\r\n".encode(), sizes)
    assert sink.data.getvalue() == content
    assert sink.filename == "f.whl"
    expected: Fields = {}
    for name, value in fields:
        expected.setdefault(name.strip() or name, []).append(value)
    assert sum(map(len, form.fields.values())) == len(fields)
    assert sorted(value for values in form.fields.values() for value in values) == sorted(value for _, value in fields)


@given(st.binary(max_size=400), chunk_sizes)
def test_any_bytes_are_a_form_or_a_4xx(body: bytes, sizes: list[int]) -> None:
    refused = _refusal(lambda: feed(body, sizes))
    assert refused is None or (400 <= refused.status < 500 and refused.message)


@given(st.binary(max_size=200))
def test_a_form_that_is_cut_short_is_never_complete(content: bytes) -> None:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="content"; filename="f.whl"\r\n\r\n'.encode()
    whole = head + content + f"\r\n--{BOUNDARY}--".encode()
    for end in range(0, len(whole), 7):
        assert _refusal(partial(feed, whole[:end], [1000])), f"{whole[:end]!r} was taken for complete"


@given(st.text(max_size=300))
def test_any_content_type_is_refused_or_has_a_boundary(content_type: str) -> None:
    refused = _refusal(lambda: FormParser(content_type, _Memory()))
    assert refused is None or refused.status in {400, 415}


@given(st.text(max_size=300))
def test_any_file_name_is_proven_or_refused(text: str) -> None:
    try:
        name = parse_filename(text)
    except InvalidDistributionError:
        return
    assert name.text == text
    assert "/" not in text
    assert "\\" not in text
    assert text.isprintable() or all(ord(character) > 126 for character in text if not character.isprintable())


@given(st.text(max_size=100))
def test_guesses_never_fail_and_are_normalized(text: str) -> None:
    for suffix in ("", ".whl", ".tar.gz", ".zip", ".egg"):
        guessed = guess(text + suffix)
        assert guessed is None or guessed.project == normalize(guessed.project)


@given(
    st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,8}([-_.][A-Za-z0-9]{1,8}){0,2}", fullmatch=True),
    st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}((a|b|rc)[0-9])?(\.post[0-9])?(\.dev[0-9])?", fullmatch=True),
)
def test_guesses_agree_with_packaging_on_names_of_today(name: str, version: str) -> None:
    escaped = normalize(name).replace("-", "_")
    for filename in (f"{escaped}-{version}-py3-none-any.whl", f"{escaped}-{version}.tar.gz"):
        proven, guessed = parse_filename(filename), guess(filename)
        assert guessed is not None
        assert (guessed.project, guessed.version) == (proven.name, version)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("foo-1.0-1.tar.gz", ("foo", "1.0-1")),
        ("python-3d-1.0.tar.gz", ("python-3d", "1.0")),
        ("python-3d-1.0-1.zip", ("python-3d", "1.0-1")),
        ("foo-1.0-final.tgz", ("foo", "1.0-final")),
        ("foo-bar-v2.tar.bz2", ("foo-bar", "v2")),
        ("foo-1.0-py2.7.egg", ("foo", "1.0")),
        ("foo.zip", ("foo", "")),
    ],
)
def test_versions_begin_where_the_rest_is_one(filename: str, expected: tuple[str, str]) -> None:
    assert guess(filename) == expected


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_negotiation_takes_any_header(accept: bytes) -> None:
    assert PAGE_TYPES[accept] in {
        "text/html",
        "application/vnd.pypi.simple.v1+html",
        "application/vnd.pypi.simple.v1+json",
    }
