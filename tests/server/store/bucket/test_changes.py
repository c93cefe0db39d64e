"""Changes of packages in a bucket: what is refused, what is stored, and what is left after each ending."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from publisher.server.storage.errors import StorageUnavailableError, StorageWriteError
from publisher.server.store.bucket.changes import BucketChanges
from publisher.server.store.errors import FileExistsConflictError, ProjectExistsError, UnknownReleaseError
from publisher.server.store.metadata import NewProject, now_text, read_metadata
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.memory_bucket import Process, memory_index, running


def _other(folder: Path, name: str = "acme", version: str = "1.0", filename: str | None = None) -> Path:
    """Make a wheel with other contents than the usual one."""
    (folder / "other").mkdir(exist_ok=True)
    return make_wheel(folder / "other", name, version, members={"more": b"x"}, filename=filename)


def _names(process: Process) -> list[str]:
    return sorted(key.rpartition("/")[2] for key in process.keys("files"))


@running
async def test_an_upload_is_bytes_with_metadata_and_signature_and_then_the_record(tmp_path: Path) -> None:
    process = memory_index()
    wheel = make_wheel(tmp_path, "acme")
    file = await process.upload(wheel, b"signed")
    assert (file.filename, file.version, file.yanked) == (wheel.name, "1.0", None)
    assert file.metadata.uploaded > "2026"
    upload = str(file.path).split("/")[2]
    assert upload.startswith(process.storage.identity.identifier[:12] + "-")
    assert str(file.path) == f"files/acme/{upload}/{wheel.name}"
    contents = {key: process.objects.read(key) for key in process.keys("files")}
    assert {key: found.data[:16] for key, found in contents.items() if found is not None} == {
        str(file.path): wheel.read_bytes()[:16],
        f"{file.path}.asc": b"signed",
        f"{file.path}.metadata": b"Metadata-Version",
    }
    writes = [each for each in process.orders.take() if each.split()[0] in {"create", "upload", "replace"}]
    assert writes[-1] == "create projects/acme.json"
    sdist = await process.upload(make_sdist(tmp_path, "acme"))
    assert f"{sdist.path}.metadata" not in process.keys("files")
    assert str(sdist.path).split("/")[2] != upload


@running
async def test_the_same_bytes_are_success_and_nothing_is_written(tmp_path: Path) -> None:
    process = memory_index()
    wheel = make_wheel(tmp_path, "acme")
    first = await process.upload(wheel)
    process.orders.take()
    for each in (process, process.another()):
        assert (await each.upload(wheel)).path == first.path
        assert {request.split()[0] for request in each.orders.take()} == {"read"}


@pytest.mark.parametrize("filename", [None, "acme-1.0.0-py3-none-any.whl", "Acme-1.0-py3-none-any.whl"])
@running
async def test_another_file_of_an_identity_is_refused_before_its_bytes_are_stored(
    tmp_path: Path, filename: str | None
) -> None:
    process = memory_index()
    wheel = make_wheel(tmp_path, "acme")
    await process.upload(wheel)
    process.orders.take()
    with pytest.raises(FileExistsConflictError, match="File already exists"):
        await process.upload(_other(tmp_path, filename=filename))
    assert {request.split()[0] for request in process.orders.take()} == {"read"}
    assert await process.filenames("acme") == [wheel.name]


@running
async def test_the_same_bytes_under_another_spelling_are_the_stored_file(tmp_path: Path) -> None:
    process = memory_index()
    wheel = make_wheel(tmp_path, "acme")
    await process.upload(wheel)
    again = tmp_path / "acme-1.0.0-py3-none-any.whl"
    again.write_bytes(wheel.read_bytes())
    assert (await process.upload(again)).filename == wheel.name
    assert await process.filenames("acme") == [wheel.name]


@running
async def test_the_slower_of_two_uploads_leaves_nothing(tmp_path: Path) -> None:
    process = memory_index()
    other, wheel = process.another(), make_wheel(tmp_path, "acme")
    slower = _other(tmp_path)

    def be_faster(request: str) -> None:
        if request.startswith("upload"):
            process.orders.before = lambda _: None
            asyncio.run(other.upload(wheel, b"signed"))

    process.orders.before = be_faster
    with pytest.raises(FileExistsConflictError):
        await process.upload(slower, b"signed too")
    assert _names(process) == [wheel.name, f"{wheel.name}.asc", f"{wheel.name}.metadata"]
    assert await process.filenames("acme") == [wheel.name]


@running
async def test_of_two_uploads_of_the_same_bytes_one_object_stays(tmp_path: Path) -> None:
    process = memory_index()
    other, wheel = process.another(), make_wheel(tmp_path, "acme")

    def be_faster(request: str) -> None:
        if request.startswith("upload"):
            process.orders.before = lambda _: None
            asyncio.run(other.upload(wheel))

    process.orders.before = be_faster
    file = await process.upload(wheel)
    assert process.keys("files") == [str(file.path), f"{file.path}.metadata"]


@running
async def test_a_record_that_another_writer_changes_meanwhile_is_changed_again(tmp_path: Path) -> None:
    process = memory_index()
    await process.upload(make_wheel(tmp_path, "acme"))
    other, sdist = process.another(), make_sdist(tmp_path, "acme")

    def be_faster(request: str) -> None:
        if request == "replace projects/acme.json":
            process.orders.before = lambda _: None
            asyncio.run(other.upload(sdist))

    process.orders.before = be_faster
    await process.changes.yank("acme", "1.0", "broken", "ada")
    project = await process.catalog.find("acme")
    assert project is not None
    assert {name: file.yanked for name, file in (await process.catalog.files(project)).items()} == {
        "acme-1.0-py3-none-any.whl": "broken",
        sdist.name: "broken",
    }


@running
async def test_an_overwritten_file_is_the_new_one_and_its_objects_go(tmp_path: Path) -> None:
    process = memory_index(overwrite=True)
    await process.upload(make_wheel(tmp_path, "acme"), b"signed")
    newer = await process.upload(_other(tmp_path, filename="acme-1.0.0-py3-none-any.whl"))
    assert process.keys("files") == [str(newer.path), f"{newer.path}.metadata"]
    assert await process.filenames("acme") == ["acme-1.0.0-py3-none-any.whl"]
    await process.changes.delete("acme", "1.0", None, "ada")
    await process.upload(make_wheel(tmp_path, "acme"))  # a deleted name is given again
    assert await process.filenames("acme") == ["acme-1.0-py3-none-any.whl"]
    await process.changes.delete("acme", "1.0", None, "ada")
    strict = process.another()
    with pytest.raises(FileExistsConflictError, match="deleted"):
        await strict.upload(make_wheel(tmp_path, "acme"))


@running
async def test_objects_that_can_not_be_removed_now_stay_and_the_change_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    process = memory_index()
    await process.upload(make_wheel(tmp_path, "acme"), b"signed")
    process.orders.failing["remove"] = StorageUnavailableError()
    assert await process.changes.delete("acme", "1.0", None, "ada") == ["acme-1.0-py3-none-any.whl"]
    assert len(_names(process)) == 3
    assert await process.filenames("acme") == []
    assert caplog.text.count("could not be removed yet") == 3


@pytest.mark.parametrize("step", ["upload files", "create files", "create projects"])
@running
async def test_an_upload_that_can_not_be_stored_is_on_no_page(tmp_path: Path, step: str) -> None:
    process = memory_index()
    wheel = make_wheel(tmp_path, "acme")
    process.orders.failing[step] = StorageWriteError("not allowed")
    with pytest.raises(StorageWriteError):
        await process.upload(wheel)
    assert await process.another().filenames("acme") == []
    assert not await process.another().catalog.was_published("acme")
    process.orders.failing.clear()
    await process.upload(wheel)
    assert await process.filenames("acme") == [wheel.name]


@running
async def test_a_project_is_begun_once_with_its_maintainer(tmp_path: Path) -> None:
    process = memory_index()
    await process.upload(make_wheel(tmp_path, "acme"), new_project=NewProject("ada"))
    await process.upload(make_wheel(tmp_path, "open"), new_project=NewProject())
    for name, expected in (("acme", {"ada"}), ("open", set())):
        files = process.storage.files()
        assert process.catalog.records.maintainers(files, name) == expected
    with pytest.raises(ProjectExistsError):
        await process.upload(make_sdist(tmp_path, "acme"), new_project=NewProject("bob"))
    await process.changes.delete("acme", "1.0", None, "ada")
    with pytest.raises(ProjectExistsError):  # its name is taken for good
        await process.upload(make_wheel(tmp_path, "acme", "2.0"), new_project=NewProject("bob"))
    assert process.catalog.records.maintainers(process.storage.files(), "acme") == {"ada"}
    assert [key for key in process.keys("files") if "acme" in key] == []


async def _release(tmp_path: Path) -> Process:
    process = memory_index()
    for path in (make_wheel(tmp_path, "acme"), make_sdist(tmp_path, "acme"), make_wheel(tmp_path, "acme", "2.0")):
        await process.upload(path)
    return process


@running
async def test_a_yank_is_of_a_release_however_its_version_is_spelled(tmp_path: Path) -> None:
    process = await _release(tmp_path)
    both = ["acme-1.0-py3-none-any.whl", "acme-1.0.tar.gz"]

    async def yanked() -> dict[str, str | None]:
        project = await process.another().catalog.find("acme")
        assert project is not None
        return {name: file.yanked for name, file in (project.files or {}).items() if file.yanked is not None}

    assert await process.changes.yank("acme", "1.0.0", "", "ada") == both
    assert await yanked() == dict.fromkeys(both, "")
    assert await process.changes.unyank("acme", "1") == both
    assert await yanked() == {}
    for version in ("3.0", ""):
        with pytest.raises(UnknownReleaseError, match="has no acme"):
            await process.changes.yank("acme", version, "", "ada")
    with pytest.raises(UnknownReleaseError):
        await process.changes.unyank("nothing", "1.0")


@running
async def test_a_file_or_a_release_is_deleted_and_its_name_stays_taken(tmp_path: Path) -> None:
    process = await _release(tmp_path)
    for filename in ("acme-2.0-py3-none-any.whl", "acme-1.0.zip"):
        with pytest.raises(UnknownReleaseError, match="has no file"):
            await process.changes.delete("acme", "1.0", filename, "ada")
    assert len(await process.filenames("acme")) == 3
    assert await process.changes.delete("acme", "1.0", "acme-1.0.tar.gz", "ada") == ["acme-1.0.tar.gz"]
    assert await process.filenames("acme") == ["acme-1.0-py3-none-any.whl", "acme-2.0-py3-none-any.whl"]
    assert not any(key.endswith(".tar.gz") for key in process.keys("files"))
    with pytest.raises(FileExistsConflictError, match="deleted"):
        await process.upload(make_sdist(tmp_path, "acme"))
    assert await process.changes.delete("acme", "2.0", None, None) == ["acme-2.0-py3-none-any.whl"]
    assert await process.filenames("acme") == ["acme-1.0-py3-none-any.whl"]
    for _ in range(2):
        with pytest.raises(UnknownReleaseError):
            await process.changes.delete("acme", "2.0", None, "ada")


@running
async def test_a_file_that_comes_to_a_yanked_release_is_yanked(tmp_path: Path) -> None:
    process = memory_index()
    await process.upload(make_wheel(tmp_path, "acme"))
    await process.changes.yank("acme", "1.0", "broken", "ada")
    assert (await process.upload(make_sdist(tmp_path, "acme"))).yanked == "broken"
    assert (await process.upload(make_wheel(tmp_path, "acme", "2.0"))).yanked is None
    await process.changes.delete("acme", "1.0", "acme-1.0.tar.gz", "ada")
    await process.changes.unyank("acme", "1.0")
    third = make_wheel(tmp_path, "acme", filename="acme-1.0-1-py3-none-any.whl")
    assert (await process.upload(third)).yanked is None


@running
async def test_an_overwritten_file_of_a_yanked_release_stays_yanked(tmp_path: Path) -> None:
    process = memory_index(overwrite=True)
    await process.upload(make_wheel(tmp_path, "acme"))
    await process.changes.yank("acme", "1.0", "broken", "ada")
    assert (await process.upload(_other(tmp_path))).yanked == "broken"


@pytest.mark.parametrize(
    ("size", "filename", "begins"),
    [
        (8 * 2**20, "acme-2.0.tar.gz", False),
        (8 * 2**20 + 1, "acme-2.0.tar.gz", True),
        (None, "acme-2.0.tar.gz", True),
        (None, "acme-1.0-py3-none-any.whl", False),
        (None, "nonsense", False),
    ],
)
@running
async def test_parts_are_begun_for_large_files_that_may_be_stored(
    tmp_path: Path, size: int | None, filename: str, *, begins: bool
) -> None:
    process = memory_index()
    await process.upload(make_wheel(tmp_path, "acme"))
    parts = await process.changes.begin_upload(filename, size)
    assert (parts is not None) is begins
    if parts is not None:
        parts.discard()


@running
async def test_four_uploads_are_sent_while_they_come_in_and_each_gives_its_place_back_once() -> None:
    process = memory_index()

    async def begin() -> Any:
        return await process.changes.begin_upload("acme-1.0.tar.gz", None)

    begun = [await begin() for _ in range(5)]
    assert [each is not None for each in begun] == [True] * 4 + [False]
    for _ in range(3):  # the second time changes nothing
        begun[0].discard()
    assert not begun[0].complete()
    again = [await begin() for _ in range(2)]
    assert [each is not None for each in again] == [True, False]
    for each in (*begun[1:4], again[0]):
        each.discard()
    assert process.keys("files") == []


@running
async def test_parts_that_are_complete_are_the_upload(tmp_path: Path) -> None:
    process = memory_index()
    wheel = make_wheel(tmp_path, "acme")
    parts = await process.changes.begin_upload(wheel.name, None)
    assert parts is not None
    block = bytearray(wheel.read_bytes())
    parts.write(memoryview(block))
    block[:] = bytes(len(block))  # the buffer is used again
    process.orders.take()
    metadata = read_metadata(wheel, wheel.name)
    file = await process.changes.upload(wheel, wheel.name, metadata, parts=parts)
    assert str(file.path).split("/")[2] == parts.upload
    assert not any(each.startswith("upload") for each in process.orders.take())
    found = process.objects.read(str(file.path))
    assert found is not None
    assert found.data == wheel.read_bytes()
    parts.discard()
    assert await process.filenames("acme") == [wheel.name]


@running
async def test_parts_that_were_given_up_are_sent_with_the_whole_file(tmp_path: Path) -> None:
    process = memory_index()
    wheel = make_wheel(tmp_path, "acme")
    parts = await process.changes.begin_upload(wheel.name, None)
    assert parts is not None
    parts.discard()
    parts.write(memoryview(b"ignored"))
    file = await process.changes.upload(wheel, wheel.name, read_metadata(wheel, wheel.name), parts=parts)
    found = process.objects.read(str(file.path))
    assert found is not None
    assert found.data == wheel.read_bytes()


@running
async def test_nothing_is_changed_without_the_identifier(tmp_path: Path) -> None:
    process = memory_index()
    wheel = make_wheel(tmp_path, "acme")
    await process.upload(wheel)
    process.objects.remove("index.json")
    process.age(3)
    before = process.keys()
    for change in (
        lambda: process.upload(make_sdist(tmp_path, "acme")),
        lambda: process.changes.yank("acme", "1.0", "", None),
        lambda: process.changes.unyank("acme", "1.0"),
        lambda: process.changes.delete("acme", "1.0", None, None),
        process.changes.require_available,
    ):
        process.storage.identity._seen = float("-inf")
        with pytest.raises(StorageUnavailableError):
            await change()
    assert process.keys() == before


def test_changes_are_made_for_the_bucket_of_the_catalog() -> None:
    process = memory_index()
    again = BucketChanges(process.settings, process.catalog, process.storage)
    asyncio.run(again.require_available())


@running
async def test_the_record_says_who_changed_what_and_when(tmp_path: Path) -> None:
    process = memory_index()
    before = now_text()
    one = await process.upload(make_wheel(tmp_path, "acme"), new_project=NewProject("eve"))
    two = await process.upload(make_wheel(tmp_path, "acme", "2.0"))
    await process.changes.yank("acme", "1.0", "broken", "ada")
    await process.changes.delete("acme", "2.0", None, "bob")
    found = process.objects.read("projects/acme.json")
    assert found is not None
    document = json.loads(found.data)
    marks = document["maintainers"]["eve"], document["files"][one.filename]["yanked"], document["deleted"][two.filename]
    times = [mark.pop("at") for mark in marks]
    assert list(marks) == [{"by": "eve"}, {"reason": "broken", "by": "ada"}, {"by": "bob"}]
    assert before <= min(times) <= max(times) <= now_text()
