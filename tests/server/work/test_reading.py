"""Reading an upload: what installers need of it, and the fields that they could not read."""

import hashlib
from pathlib import Path

import pytest

from publisher.errors import InvalidDistributionError
from publisher.limits import LIMITS
from publisher.server.work.reading import read_upload, read_wheel_metadata
from tests.helpers.dists import make_sdist, make_wheel, metadata

LIMIT = LIMITS.distributions


def nothing() -> None:
    """Let the work go on."""


def wheel_with(folder: Path, extra: str, version: str = "1.0") -> Path:
    """Return a wheel with more fields."""
    return make_wheel(folder, "acme", version, metadata_bytes=metadata("acme", version, extra))


def found(path: Path) -> dict[str, str | None]:
    return read_upload(path, path.name, limits=LIMIT, checkpoint=nothing)


def test_a_wheel_has_the_digest_of_its_metadata_and_an_sdist_none(tmp_path: Path) -> None:
    wheel, sdist = make_wheel(tmp_path, "acme"), make_sdist(tmp_path, "acme")
    metadata = read_wheel_metadata(wheel, limits=LIMIT, checkpoint=nothing).encode("latin-1")
    assert metadata.startswith(b"Metadata-Version: ")
    assert found(wheel)["metadata_sha256"] == hashlib.sha256(metadata).hexdigest()
    assert found(sdist)["metadata_sha256"] is None


def test_a_wheel_is_read_from_bytes_alike(tmp_path: Path) -> None:
    wheel = wheel_with(tmp_path, "Requires-Python: >=3.8\n")
    assert read_upload(wheel.read_bytes(), wheel.name, limits=LIMIT, checkpoint=nothing) == found(wheel)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (">=3.8", ">=3.8"),
        (">=3.8,\n   <4", ">=3.8, <4"),
        ("'>=3.8'", ">=3.8"),
        ('">=3.8, <4"', ">=3.8, <4"),
        ("  >=3.8  ", ">=3.8"),
        ("''", None),
        (None, None),
    ],
)
def test_requires_python_is_one_line_without_quotes(tmp_path: Path, written: str | None, read: str | None) -> None:
    extra = f"Requires-Python: {written}\n" if written is not None else ""
    answer = found(wheel_with(tmp_path, extra))
    assert (answer["requires_python"], answer["problem"]) == (read, None)


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("Requires-Dist: other>=1", None),
        ("Requires-Dist: other (>=1)", None),
        ("Requires-Dist: other>=1;\n  python_version > '3'", None),
        ("Requires-Dist: other===\u202e1", "Requires-Dist 'other===\\u202e1' has characters that can't be seen."),
        ("Requires-Dist: other>=1\nRequires-Dist: >=2", "Requires-Dist '>=2' is not valid: "),
        ("Requires-Dist: other>>1", "Requires-Dist 'other>>1' is not valid: "),
        ("Requires-Python: three", "Requires-Python 'three' is not valid: expected something like '>=3.11'."),
        ("Requires-Python: >=٣", "Requires-Python '>=٣' is not valid: expected something like '>=3.11'."),
        (f"Requires-Python: {'x' * 201}", f"Requires-Python {'x' * 200!r} is not valid"),
        (f"Requires-Dist: >{'x' * 200}", f"Requires-Dist {'>' + 'x' * 199!r} is not valid: "),
    ],
)
def test_the_first_field_that_installers_can_not_read_is_named(tmp_path: Path, field: str, problem: str | None) -> None:
    answer = found(wheel_with(tmp_path, f"{field}\n"))["problem"]
    if problem is None:
        assert answer is None
    else:
        assert answer is not None
        assert answer.startswith(problem)
        assert len(answer.splitlines()) == 1


def test_a_problem_of_requirements_goes_before_one_of_python(tmp_path: Path) -> None:
    answer = found(wheel_with(tmp_path, "Requires-Python: three\nRequires-Dist: >=2\n"))
    assert str(answer["problem"]).startswith("Requires-Dist")
    assert answer["requires_python"] == "three"


def test_each_requirement_is_a_moment_to_stop(tmp_path: Path) -> None:
    class GoneError(Exception):
        """The client went away."""

    calls: list[int] = []

    def count() -> None:
        calls.append(1)

    few = wheel_with(tmp_path, "Requires-Dist: other\n")
    many = wheel_with(tmp_path, "Requires-Dist: other\n" * 51, "2.0")
    counts = []
    for wheel in (few, many):
        calls.clear()
        read_upload(wheel, wheel.name, limits=LIMIT, checkpoint=count)
        counts.append(len(calls))
    assert counts[1] - counts[0] >= 50

    def gone() -> None:
        raise GoneError

    with pytest.raises(GoneError):
        read_upload(many, many.name, limits=LIMIT, checkpoint=gone)


def test_metadata_is_that_of_the_wheel_s_own_folder(tmp_path: Path) -> None:
    members = {"acme/METADATA": b"no", "acme/x.dist-info/METADATA": b"no", "METADATA": b"no"}
    wheel = make_wheel(tmp_path, "acme", members=members)
    assert "Name: acme" in read_wheel_metadata(wheel, limits=LIMIT, checkpoint=nothing)


def test_every_byte_of_metadata_is_a_character(tmp_path: Path) -> None:
    wheel = wheel_with(tmp_path, "Keywords: é\n")
    text = read_wheel_metadata(wheel.read_bytes(), limits=LIMIT, checkpoint=nothing)
    assert "Keywords: Ã©\n" in text


def test_a_wheel_without_metadata_is_refused(tmp_path: Path) -> None:
    sdist = make_sdist(tmp_path, "acme")
    wheel = tmp_path / "acme-1.0-py3-none-any.whl"
    wheel.write_bytes(sdist.read_bytes())
    with pytest.raises(InvalidDistributionError):
        found(wheel)
    with pytest.raises(InvalidDistributionError):
        read_wheel_metadata(b"PK\x05\x06" + bytes(18), limits=LIMIT, checkpoint=nothing)
