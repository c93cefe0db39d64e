"""Hostile uploads: each is answered with a 4xx and a sentence, stores nothing, and leaves the index alive."""

import base64
import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.http import Client, raw_request
from tests.helpers.index import RunningIndex
from tests.helpers.waiting import eventually

BOUNDARY = "----hostile"
NAME = "evil-1.0-py3-none-any.whl"
AUTHORIZATION = "Basic " + base64.b64encode(b"ada:correct horse").decode()


@dataclass(frozen=True)
class Post:
    """A request as it goes over the wire; ``length`` replaces the true Content-Length, ``cut`` ends the connection."""

    body: bytes
    content_type: str = f"multipart/form-data; boundary={BOUNDARY}"
    length: str | None = None
    cut: bool = False
    headers: str = ""

    def wire(self) -> bytes:
        length = self.length if self.length is not None else str(len(self.body))
        head = f"POST / HTTP/1.1\r\nHost: index\r\nAuthorization: {AUTHORIZATION}\r\nContent-Length: {length}\r\n"
        return (
            f"{head}Content-Type: {self.content_type}\r\n{self.headers}\r\n".encode("utf-8", "surrogateescape")
            + self.body
        )


def part(name: str, value: bytes, filename: str | None = None, headers: str = "") -> bytes:
    shown = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{shown}\r\n{headers}\r\n'
    return head.encode("utf-8", "surrogateescape") + value + b"\r\n"


ACTION = part(":action", b"file_upload")
END = f"--{BOUNDARY}--\r\n".encode()


def wheel(name: str = "evil", **options: object) -> bytes:
    folder = Path(os.environ["HOME"])
    return make_wheel(folder, name, **options).read_bytes()  # type: ignore[arg-type]


def sdist(**options: object) -> bytes:
    return make_sdist(Path(os.environ["HOME"]), "evil", **options).read_bytes()  # type: ignore[arg-type]


def form(content: bytes, filename: str = NAME, extra: bytes = b"") -> bytes:
    return ACTION + extra + part("content", content, filename) + END


def tar_with(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, data in (("evil-1.0/PKG-INFO", metadata("evil", "1.0")), (name, b"")):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            if path == name:
                info.type, info.linkname = kind, link
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_with_method(method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("evil-1.0.dist-info/METADATA", metadata("evil", "1.0") * 50)
        archive.writestr("evil-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr("evil-1.0.dist-info/RECORD", "")
    return buffer.getvalue()


def tar_without_pkg_info() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("evil-1.0/setup.py"))
    return buffer.getvalue()


FILENAMES = {
    "a path": "../evil-1.0-py3-none-any.whl",
    "an absolute path": "/etc/evil-1.0-py3-none-any.whl",
    "a backslash": "..\\\\evil-1.0-py3-none-any.whl",
    "dots alone": "..",
    "nothing": "",
    "a newline": "evil%0a-1.0.tar.gz",
    "a tab": "evil\t-1.0-py3-none-any.whl",
    "an escape": "evil\x1b[31m-1.0-py3-none-any.whl",
    "very long": "evil" + "x" * 400 + "-1.0-py3-none-any.whl",
    "hidden": ".evil-1.0-py3-none-any.whl",
    "no version": "evil.whl",
    "no valid version": "evil-one-py3-none-any.whl",
    "no extension": "evil-1.0",
    "a script": "evil-1.0.sh",
    "a page": "evil-1.0.html",
    "htpasswd": ".htpasswd",
    "an old format": "evil-1.0.tar.bz2",
    "a metadata file": "evil-1.0-py3-none-any.whl.metadata",
    "a record": ".pypi-publish/facts/evil.jsonl",
    "spaces": "evil -1.0-py3-none-any.whl",
    "not ASCII": "ëvil-1.0-py3-none-any.whl",
    "hidden sdist": ".evil-1.0.tar.gz",
    "a tag": "<b>evil-1.0.tar.gz",
    "an option": "-evil-1.0.tar.gz",
    "a quote": "evil'-1.0.tar.gz",
    "an sdist that is not ASCII": "ëvil-1.0.tar.gz",
    "too long to be marked": "evil" + "x" * 225 + "-1.0-py3-none-any.whl",
    "surrogates": "evil\udcff-1.0-py3-none-any.whl",
}

CONTENTS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "empty": (NAME, lambda: b""),
    "text": (NAME, lambda: b"this is no archive"),
    "half a wheel": (NAME, lambda: wheel()[:300]),
    "a wheel without its first bytes": (NAME, lambda: wheel()[4:20]),
    "an sdist named as a wheel": (NAME, sdist),
    "a wheel named as an sdist": ("evil-1.0.tar.gz", wheel),
    "half an sdist": ("evil-1.0.tar.gz", lambda: sdist()[:-20]),
    "an sdist that is only gzip": ("evil-1.0.tar.gz", lambda: gzip.compress(b"text")),
    "a wheel without METADATA": (NAME, lambda: wheel(without="METADATA")),
    "a wheel without WHEEL": (NAME, lambda: wheel(without="WHEEL")),
    "a wheel without RECORD": (NAME, lambda: wheel(without="RECORD")),
    "two dist-infos": (NAME, lambda: wheel(members={"other-1.0.dist-info/METADATA": b""})),
    "an sdist without PKG-INFO": ("evil-1.0.tar.gz", tar_without_pkg_info),
    "metadata of another name": (NAME, lambda: wheel(metadata_bytes=metadata("good", "1.0"))),
    "metadata of a name with the Kelvin sign": (
        "keras-1.0-py3-none-any.whl",
        lambda: make_wheel(
            Path(os.environ["HOME"]), "keras", metadata_bytes=metadata("\u212aeras", "1.0")
        ).read_bytes(),
    ),
    "metadata of another version": (NAME, lambda: wheel(metadata_bytes=metadata("evil", "2.0"))),
    "metadata without a name": (NAME, lambda: wheel(metadata_bytes=b"Metadata-Version: 2.1\nVersion: 1.0\n\n")),
    "two names in the metadata": (
        NAME,
        lambda: wheel(metadata_bytes=b"Metadata-Version: 2.1\nName: evil\nName: b\nVersion: 1.0\n\n"),
    ),
    "metadata that is not text": (NAME, lambda: wheel(metadata_bytes=b"\xff\xfe\x00\x01" * 40)),
    "metadata with NUL in the name": (NAME, lambda: wheel(metadata_bytes=metadata("evil\x00", "1.0"))),
    "a description that is mail": (
        NAME,
        lambda: wheel(
            metadata_bytes=metadata(
                "evil", "1.0", "Content-Type: message/rfc822\n", "Content-Type: message/rfc822\n\n" * 3000
            )
        ),
    ),
    "a member with ..": (NAME, lambda: wheel(members={"../../outside": b""})),
    "an absolute member": (NAME, lambda: wheel(members={"/etc/cron.d/evil": b""})),
    "a member with a backslash": (NAME, lambda: wheel(members={"a\\..\\b": b""})),
    "a member with a drive": (NAME, lambda: wheel(members={"C:/evil": b""})),
    "a member with control characters": (NAME, lambda: wheel(members={"a\x07b": b""})),
    "a zip bomb": (NAME, lambda: wheel(members={"bomb": bytes(70 * 2**20)})),
    "a gzip bomb": ("evil-1.0.tar.gz", lambda: sdist(members={"evil-1.0/bomb": bytes(70 * 2**20)})),
    "metadata that is a bomb": (NAME, lambda: wheel(metadata_bytes=metadata("evil", "1.0") + bytes(20 * 2**20))),
    "a bzip2 member": (NAME, lambda: zip_with_method(zipfile.ZIP_BZIP2)),
    "an lzma member": (NAME, lambda: zip_with_method(zipfile.ZIP_LZMA)),
    "a tar member with ..": ("evil-1.0.tar.gz", lambda: tar_with("evil-1.0/../../outside")),
    "an absolute tar member": ("evil-1.0.tar.gz", lambda: tar_with("/etc/evil")),
    "a link out of the tar": ("evil-1.0.tar.gz", lambda: tar_with("evil-1.0/l", tarfile.SYMTYPE, "../../etc/passwd")),
    "a hard link out of the tar": ("evil-1.0.tar.gz", lambda: tar_with("evil-1.0/l", tarfile.LNKTYPE, "../outside")),
    "a device in the tar": ("evil-1.0.tar.gz", lambda: tar_with("evil-1.0/d", tarfile.CHRTYPE)),
    "a fifo in the tar": ("evil-1.0.tar.gz", lambda: tar_with("evil-1.0/f", tarfile.FIFOTYPE)),
    "two folders in the tar": ("evil-1.0.tar.gz", lambda: tar_with("other/file")),
}


REQUESTS: dict[str, Callable[[], Post]] = {
    "no body": lambda: Post(b""),
    "no multipart": lambda: Post(b"{}", "application/json"),
    "an urlencoded form": lambda: Post(b"%3Aaction=file_upload", "application/x-www-form-urlencoded"),
    "no content type": lambda: Post(form(wheel()), ""),
    "no boundary": lambda: Post(form(wheel()), "multipart/form-data"),
    "an empty boundary": lambda: Post(form(wheel()), 'multipart/form-data; boundary=""'),
    "a very long boundary": lambda: Post(form(wheel()), f"multipart/form-data; boundary={'b' * 500}"),
    "another boundary": lambda: Post(form(wheel()), "multipart/form-data; boundary=other"),
    "a boundary that is not ASCII": lambda: Post(form(wheel()), "multipart/form-data; boundary=grüße"),
    "no action": lambda: Post(part("content", wheel(), NAME) + END),
    "an empty action": lambda: Post(part(":action", b"") + part("content", wheel(), NAME) + END),
    "two actions": lambda: Post(ACTION + form(wheel())),
    "no content": lambda: Post(ACTION + END),
    "content that is a text field": lambda: Post(ACTION + part("content", b"text") + END),
    "two files": lambda: Post(ACTION + part("content", wheel(), NAME) + part("content", wheel(), NAME) + END),
    "the closing boundary is missing": lambda: Post(ACTION + part("content", wheel(), NAME)),
    "cut in the file": lambda: Post(form(wheel())[:400]),
    "cut in a header": lambda: Post(ACTION + b"--" + BOUNDARY.encode() + b"\r\nContent-Disp"),
    "an encoded part": lambda: Post(
        ACTION + part("content", wheel(), NAME, "Content-Transfer-Encoding: base64\r\n") + END
    ),
    "a part without a name": lambda: Post(
        b"--" + BOUNDARY.encode() + b"\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END
    ),
    "a part without a disposition": lambda: Post(b"--" + BOUNDARY.encode() + b"\r\nX: y\r\n\r\nx\r\n" + END),
    "a disposition that is an attachment": lambda: Post(
        b"--"
        + BOUNDARY.encode()
        + b'\r\nContent-Disposition: attachment; name="content"; filename="x"\r\n\r\nx\r\n'
        + END
    ),
    "a very long part header": lambda: Post(ACTION + part("x", b"", None, f"X-Long: {'y' * 20000}\r\n") + END),
    "a field that is not UTF-8": lambda: Post(form(wheel(), extra=part("summary", b"\xff\xfe"))),
    "a field that is too long": lambda: Post(form(wheel(), extra=part("description", b"x" * (5 * 2**20)))),
    "many fields": lambda: Post(form(wheel(), extra=part("classifiers", b"x") * 5100)),
    "a wrong digest": lambda: Post(form(wheel(), extra=part("sha256_digest", b"0" * 64))),
    "a digest that is no digest": lambda: Post(form(wheel(), extra=part("md5_digest", b"'; drop table"))),
    "two digests of a kind": lambda: Post(form(wheel(), extra=part("md5_digest", b"0" * 32) * 2)),
    "another name in the form": lambda: Post(form(wheel(), extra=part("name", b"../../evil"))),
    "another version in the form": lambda: Post(form(wheel(), extra=part("version", b"not a version"))),
    "another protocol": lambda: Post(form(wheel(), extra=part("protocol_version", b"2"))),
    "a content length that is no number": lambda: Post(form(wheel()), length="many"),
    "a negative content length": lambda: Post(form(wheel()), length="-5"),
    "a content length that is too small": lambda: Post(form(wheel()), length="300"),
    "an enormous content length": lambda: Post(form(wheel()), length=str(2**62)),
    "two content lengths": lambda: Post(form(wheel()), headers="Content-Length: 5\r\n"),
    "chunks that are none": lambda: Post(b"zz\r\n", length="0\r\nTransfer-Encoding: chunked"),
}


@pytest.fixture
def nothing_stored(shared_index: RunningIndex, client: Client) -> object:
    """Compare the package folder before and after, and ask the index whether it lives."""
    before = _stored(shared_index.root)
    yield None
    assert eventually(lambda: not any(shared_index.root.rglob("upload-*")))  # a client that went away is noticed late
    assert _stored(shared_index.root) == before
    assert client.get("health").json()["status"] == "ok"
    assert client.get("simple/evil/").status_code == 404


def _stored(root: Path) -> set[str]:
    return {
        path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and "facts" not in path.parts
    }


def _expect_refusal(index: RunningIndex, post: Post) -> None:
    answer = raw_request(index.url, post.wire())
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert 400 <= status < 500, head
    assert len(body.split()) >= 3, body  # a sentence
    assert b"Traceback" not in body
    assert str(index.root).encode() not in body


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("filename", FILENAMES.values(), ids=FILENAMES.keys())
def test_a_file_name_is_refused(shared_index: RunningIndex, filename: str) -> None:
    _expect_refusal(shared_index, Post(form(wheel(), filename)))


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("case", CONTENTS)
def test_a_file_is_refused(shared_index: RunningIndex, case: str) -> None:
    filename, make = CONTENTS[case]
    _expect_refusal(shared_index, Post(form(make(), filename)))


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("case", REQUESTS)
def test_a_request_is_refused(shared_index: RunningIndex, case: str) -> None:
    _expect_refusal(shared_index, REQUESTS[case]())


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_client_that_goes_away_leaves_nothing(shared_index: RunningIndex, share: float) -> None:
    wire = Post(form(wheel())).wire()
    assert urlsplit(shared_index.url).port
    raw_request(shared_index.url, wire[: int(len(wire) * share)], shut_down=True)


def test_there_are_enough_cases() -> None:
    assert len(FILENAMES) + len(CONTENTS) + len(REQUESTS) >= 60
