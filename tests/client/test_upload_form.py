"""The upload form: its fields are those that twine sends, whichever twine is installed."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from twine.package import PackageFile
from twine.repository import Repository

from publisher.client import upload_form
from publisher.client.upload_form import PIECES, SMALL, UploadForm, form_fields
from publisher.errors import CheckFailedError
from publisher.project.distributions import read_distribution
from tests.helpers.dists import make_sdist, make_wheel

PLAIN = "Metadata-Version: 2.1\nName: acme_widgets\nVersion: 1.0\nLicense-File: LICENSE\n\nHello ✓\n"
FULL = """\
Metadata-Version: 2.4
Name: acme_widgets
Version: 1.0
Dynamic: Summary
Platform: any
Platform: linux
Supported-Platform: linux
Summary: One ✓
Description-Content-Type: text/markdown
Keywords: a,b
Author: Ada
Author-email: Ada <ada@acme.example>
Maintainer: Bob
License-Expression: MIT
License-File: LICENSE
License-File: NOTICE
Classifier: Typing :: Typed
Classifier: Programming Language :: Python
Requires-Dist: one
Requires-Dist: two; extra == "more"
Requires-Python: >=3.11
Requires-External: libc
Project-URL: Source, https://acme.example/
Project-URL: Docs, https://acme.example/docs?a=b,c
Provides-Extra: more

Hello ✓
"""
DIGESTS = {"sha256_digest", "blake2_256_digest", "md5_digest"}
"""Known only when the file was read; ours come behind it."""


@pytest.mark.parametrize("make", [make_wheel, make_sdist])
@pytest.mark.parametrize("text", [PLAIN, FULL])
def test_the_fields_are_those_of_twine(tmp_path: Path, make: Any, text: str) -> None:
    path = make(tmp_path, metadata_bytes=text.encode())
    theirs = PackageFile.from_filename(str(path), None).metadata_dictionary()
    theirs["name"] = "acme_widgets"  # twine spells it acme-widgets, which indexes take for the same
    fields = Repository._convert_metadata_to_list_of_tuples(theirs)
    ours = form_fields(read_distribution(path))
    assert ours[:2] == [(":action", "file_upload"), ("protocol_version", "1")]
    assert sorted(ours[2:]) == sorted((name, value) for name, value in fields if name not in DIGESTS)


@pytest.mark.parametrize("size", [1, PIECES[0], SMALL - 10_000, SMALL + 1, 5 * SMALL])
def test_a_file_of_any_size_is_sent_whole_with_its_digest(tmp_path: Path, size: int) -> None:
    path = make_wheel(tmp_path, members={"acme_widgets/data": os.urandom(size)})
    sent: list[int] = []
    form = UploadForm(read_distribution(path), sent.append)
    body = b"".join(map(bytes, form))
    assert len(body) == len(form)
    assert path.read_bytes() in body
    assert form.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert form.sha256.encode() in body
    assert sent == sorted(sent)
    assert sent[-1] == path.stat().st_size


def test_an_upload_that_is_stopped_stops_hashing(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, members={"acme_widgets/data": os.urandom(5 * SMALL)})

    def stop(_sent: int) -> None:
        raise KeyboardInterrupt

    form = UploadForm(read_distribution(path), stop)
    with pytest.raises(KeyboardInterrupt):
        list(form)
    assert not form.sha256


def test_a_file_that_changes_while_it_is_sent_gets_a_digest_that_its_index_refuses(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, members={"acme_widgets/data": os.urandom(PIECES[0])})
    before = path.read_bytes()

    def change(_sent: int) -> None:
        path.write_bytes(before[::-1])

    form = UploadForm(read_distribution(path), change)
    body = b"".join(map(bytes, form))
    assert body.count(before[: PIECES[0]]) == 1
    assert hashlib.sha256(before).hexdigest().encode() not in body


@pytest.mark.parametrize("size", [1000, PIECES[0], 3 * PIECES[1]])
@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_whose_size_changes_while_it_is_sent_ends_the_upload(tmp_path: Path, size: int, change: int) -> None:
    path = make_wheel(tmp_path, members={"acme_widgets/data": os.urandom(size)})
    content = path.read_bytes()
    form = UploadForm(read_distribution(path), lambda _: None)
    path.write_bytes(content[:change] if change < 0 else content + b"x")
    sent: list[int] = []
    with pytest.raises(CheckFailedError, match="changed during the upload"):
        sent.extend(map(len, form))
    assert sum(sent) < len(form)
    assert not form.sha256


def test_the_name_of_a_file_is_quoted() -> None:
    head = upload_form._head("edge", "content", 'a"\r\nb.whl').decode()
    assert 'form-data; name="content"; filename="a%22%0D%0Ab.whl"\r\n' in head


def test_a_small_file_is_sent_in_one_piece_and_can_be_stopped_only_before(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, members={"acme_widgets/data": os.urandom(1000)})
    content = path.read_bytes()
    steps: list[int] = []

    def stop(sent: int) -> None:
        steps.append(sent)
        path.write_bytes(b"changed")  # what was read is sent, with its own digest
        if len(steps) == 1:
            raise KeyboardInterrupt

    form = UploadForm(read_distribution(path), stop)
    with pytest.raises(KeyboardInterrupt):
        list(form)
    assert not form.sha256
    path.write_bytes(content)
    (body,) = form
    assert bytes(body).count(content) == 1
    assert form.sha256 == hashlib.sha256(content).hexdigest()
    assert len(body) == len(form)
    assert steps == [len(content)] * 2
