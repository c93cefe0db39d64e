"""Attacks by what is uploaded: archives and metadata that cost more to read than to send."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial

from tests.helpers.dists import make_wheel, metadata
from tests.server.attacks.attacked import Attack, Attacked

WHEEL, SDIST = "evil-1.0-py3-none-any.whl", "evil-1.0.tar.gz"
MEGABYTE = 2**20


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = len(data), kind
    return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512)


PKG_INFO = member("evil-1.0/PKG-INFO", metadata("evil", "1.0"))


def wheel(it: Attacked, data: bytes) -> bytes:
    return make_wheel(it.folder, "evil", metadata_bytes=data).read_bytes()


def head(it: Attacked, extra: str, description: str = "") -> None:
    data = metadata("evil", "1.0", extra, description)
    assert it.upload(WHEEL, wheel(it, data)) == 400


def many_fields(it: Attacked) -> None:
    """Fields of different names, on lines that end in every way that ends one for a parser of mail."""
    for end in ("\n", "\r"):
        head(it, "".join(f"X{number}: a{end}" for number in range(20_000)))


def costly_page(it: Attacked) -> None:
    """The most expensive metadata that is accepted: its project page is asked for again and again."""
    names = ("Classifier", "Requires-Dist", *(f"X{number}" for number in range(80)))
    lines = "".join(f"{name}: a; extra == 'b'\n" for name in names for _ in range(9000 // len(names)))
    data = metadata("costly", "1.0", lines, "x" * 3 * MEGABYTE)
    content = make_wheel(it.folder, "costly", metadata_bytes=data).read_bytes()
    assert it.upload("costly-1.0-py3-none-any.whl", content) == 200
    for _ in range(8):
        assert it.get("projects/costly/") == 200


def tar(it: Attacked, *members: bytes, status: int = 400) -> None:
    assert it.upload(SDIST, gzip.compress(b"".join(members) + bytes(1024), 1)) == status


def digits(it: Attacked) -> None:
    tar(it, member("x", b"1" * 60_000, tarfile.XHDTYPE), PKG_INFO)


def several_pkg_infos(it: Attacked) -> None:
    tar(it, *(member(f"t{number}/PKG-INFO", bytes(4 * MEGABYTE)) for number in range(12)))


def gzip_bombs(it: Attacked) -> None:
    """Each expands to 64 MB, which an sdist may, from 60 kB."""
    content = gzip.compress(member("evil-1.0/zeros", bytes(62 * MEGABYTE)) + bytes(1024))
    for _ in range(8):
        assert it.upload(SDIST, content) == 400


def gzip_members(it: Attacked) -> None:
    """A stream of many small gzip members, each with a header and a checksum of its own."""
    assert it.upload(SDIST, gzip.compress(PKG_INFO) + gzip.compress(b"") * 60_000) in {200, 400, 409}


def many_zip_names(it: Attacked, number: int, name: Callable[[int], bytes], *, status: int = 400) -> None:
    entries, places = io.BytesIO(), io.BytesIO()
    for index in range(number):
        each = name(index)
        offset = places.tell()
        places.write(struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 0, 0, 0, 0, len(each), 0) + each)
        entries.write(
            struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 0, 0, 0, 0, 0, 0, len(each), 0, 0, 0, 0, 0, offset)
            + each
        )
    directory = entries.getvalue()
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, number & 0xFFFF, number & 0xFFFF, len(directory), places.tell(), 0)
    assert it.upload(WHEEL, places.getvalue() + directory + end) == status


def damaged_directory(it: Attacked) -> None:
    data = bytearray(wheel(it, metadata("evil", "1.0")))
    end = data.rindex(b"PK\5\6")
    data[end + 12 : end + 20] = (len(data) * 2).to_bytes(4, "little") + (3).to_bytes(4, "little")
    assert it.upload(WHEEL, bytes(data)) == 400


def zip64(it: Attacked) -> None:
    """Ends of directories that say other numbers than their zip64 records, enormous ones above all."""
    data = wheel(it, metadata("evil", "1.0"))
    end = data.rindex(b"PK\5\6")
    for size, offset in ((2**63, 0), (0, 2**63), (2**40, 2**40), (len(data), 0)):
        record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 3, 2**64 - 1, size, offset)
        locator = struct.pack("<IIQI", 0x07064B50, 0, end, 1)
        last = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        assert it.upload(WHEEL, data[:end] + record + locator + last) == 400


def overlapping(it: Attacked) -> None:
    """Many entries of the directory that all stand for the same compressed bytes."""
    data = wheel(it, metadata("evil", "1.0"))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        first = archive.infolist()[0]
        start = archive.start_dir
    end = data.rindex(b"PK\5\6")
    one = struct.pack(
        "<IHHHHHHIIIHHHHHII",
        *(0x02014B50, 20, 20, 0, 8, 0, 0, first.CRC, first.compress_size, first.file_size),
        *(5, 0, 0, 0, 0, 0, first.header_offset),
    )
    extra = b"".join(one + b"%05d" % number for number in range(20_000))
    count = 20_000 + 4
    last = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, end - start + len(extra), start, 0)
    assert it.upload(WHEEL, data[:end] + extra + last) in {200, 400, 409}


def tags(it: Attacked) -> None:
    """Names whose tags have thousands of combinations."""
    letters = ".".join("abcdefghijklmnopqrstuvwxy")
    for number in range(20):
        name = f"evil-1.{number}-{letters}-{letters}-{letters}.whl"
        assert it.upload(name, b"") == 400
        assert it.get(f"packages/{name}") == 404


def numbers(it: Attacked) -> None:
    many = "1" * 5000
    for method, path in (("PUT", f"projects/x/{many}/yanked"), ("DELETE", f"projects/x/{many}")):
        assert it.client().request(method, path, json={}).status_code == 404
    fields = {":action": "remove_pkg", "name": "x", "version": many}
    assert it.client().request("POST", "", data=fields).status_code == 404
    assert it.upload(WHEEL, wheel(it, metadata("evil", many))) == 400
    assert it.upload(f"evil-{many}-py3-none-any.whl", b"") == 400


def requirements(it: Attacked) -> None:
    """Requirements and specifiers that are long, nested, or of many alternatives."""
    for line in (
        "Requires-Dist: a" + "(" * 5000,
        "Requires-Dist: a; " + "(" * 5000 + "os_name == 'nt'" + ")" * 5000,
        "Requires-Dist: a; " + " or ".join(["os_name == 'nt'"] * 20_000),
        "Requires-Dist: a" + ",".join([">=1"] * 50_000),
        "Requires-Python: " + ",".join([">=1"] * 50_000),
        "Requires-Python: >=" + "1." * 50_000 + "1",
        "Requires-Dist: a @ " + "x:" * 50_000,
    ):
        status = it.upload(WHEEL, wheel(it, metadata("evil", "1.0", f"{line}\n")))
        assert status in {400, 409}, line[:60]


def pages(it: Attacked) -> None:
    """Fields that are accepted, and that a project's page takes apart."""
    for number, line in enumerate(
        (
            "Author-email: " + "(" * 30_000,
            "Author-email: " + '"\\' * 30_000,
            "Maintainer-email: " + "a <b@c>, " * 90_000,
            "Keywords: " + "," * 800_000,
            "Classifier: " + "a :: " * 150_000,
            "License-Expression: " + "(MIT OR " * 50_000,
            "Description-Content-Type: text/" + "a" * 50_000,
            "\n".join(f"Project-URL: a{n}, https://x.invalid/{n}" for n in range(9000)),
            "\n".join(f"Requires-Dist: d{n}>=1; os_name == 'a' or os_name == 'b'" for n in range(3000)),
        )
    ):
        data = metadata(f"page{number}", "1.0", f"{line}\n")
        content = make_wheel(it.folder, f"page{number}", metadata_bytes=data).read_bytes()
        assert it.upload(f"page{number}-1.0-py3-none-any.whl", content) == 200, line[:60]
        assert it.get(f"projects/page{number}/") == 200, line[:60]


ARCHIVES = {
    "fields that pages take apart": Attack(pages, 4, 30),
    "metadata of many fields": Attack(many_fields, 1, 30),
    "metadata of many equal fields": Attack(lambda it: head(it, "Classifier: x\n" * 40_000), 1, 30),
    "a head of megabytes": Attack(lambda it: head(it, "Summary: x\n" + " y\n" * 700_000), 1, 40),
    "a description of megabytes": Attack(lambda it: head(it, "", "x" * 30 * MEGABYTE), 1, 60),
    "the costliest page": Attack(costly_page, 3, 30),
    "requirements and specifiers": Attack(requirements, 1, 60),
    "thousands of tags in a name": Attack(tags, 1, 10),
    "numbers of many digits": Attack(numbers, 1, 30),
    "a pax header of digits": Attack(digits, 1, 30),
    "chained headers": Attack(
        lambda it: tar(it, *[member("x", b"y" * 200, tarfile.GNUTYPE_LONGNAME)] * 600, PKG_INFO), 1, 30
    ),
    "50,000 members of a tar file": Attack(lambda it: tar(it, PKG_INFO, *[member("evil-1.0/e")] * 50_000), 4, 60),
    "several PKG-INFOs": Attack(several_pkg_infos, 1, 60),
    "gzip bombs": Attack(gzip_bombs, 5, 40),
    "many gzip members": Attack(gzip_members, 2, 40),
    "a directory of 300,000 entries": Attack(partial(many_zip_names, number=300_000, name=lambda _: b"a"), 1, 80),
    "equal names in a zip file": Attack(partial(many_zip_names, number=39_000, name=lambda _: b"a"), 2, 60),
    "39,000 names in a zip file": Attack(partial(many_zip_names, number=39_000, name=lambda n: b"%d" % n), 2, 60),
    "a damaged directory": Attack(damaged_directory, 1, 20),
    "zip64 records": Attack(zip64, 1, 30),
    "overlapping members": Attack(overlapping, 1, 40),
}
