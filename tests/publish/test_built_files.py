"""Built files, read before they are published: all at once, in order, and with a reason for each that is refused."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import packaging.metadata
import pytest
from packaging.metadata import parse_email

from publisher.errors import CheckFailedError, ConfigurationError
from publisher.publish.built_files import check_files, read_files
from publisher.publish.events import Observer
from tests.helpers.dists import make_sdist, make_wheel, metadata


class Checked(Observer):
    """Keeps what was checked, with the warnings."""

    def __init__(self) -> None:
        self.files: list[list[str]] = []
        self.warnings: list[str] = []

    def checked(self, distributions: Any, warnings: Any) -> None:
        self.files.append([each.filename for each in distributions])
        self.warnings += warnings


def test_files_of_a_folder_and_a_pattern_are_read_once(tmp_path: Path) -> None:
    wheel, sdist = make_wheel(tmp_path), make_sdist(tmp_path)
    found = read_files([tmp_path, wheel, tmp_path / "*.whl"])
    assert sorted(each.path for each in found) == sorted([wheel, sdist])


def test_checked_files_are_reported_with_their_warnings(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    seen = Checked()
    (found,) = check_files([wheel], seen)
    assert (found.path, seen.files) == (wheel, [[wheel.name]])
    assert all(isinstance(each, str) for each in seen.warnings)


def test_the_metadata_of_a_file_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []

    def parse(data: bytes) -> Any:
        parsed.append(data)
        return parse_email(data)

    monkeypatch.setattr(packaging.metadata, "parse_email", parse)
    wheel = make_wheel(tmp_path, metadata_bytes=metadata("acme-widgets", "1.0", "X-Unknown: y\n"))
    seen = Checked()
    (found,) = check_files([wheel], seen)
    assert parsed == [found.metadata]
    assert any("'x-unknown'" in each for each in seen.warnings)
    assert found.unparsed == {"x-unknown": ["y"]}


def test_only_the_checks_of_built_files_are_imported_for_them() -> None:
    code = "import sys, publisher.checks.engine\nprint(*(name for name in sys.modules if '.checks.' in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    unused = {"sources", "build_system", "fields", "licensing", "readme", "requirements"}
    assert not unused & {name.rpartition(".")[2] for name in done.stdout.split() if ".rules." not in name}


def test_files_that_may_not_be_published_are_refused_unreported(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, metadata_bytes=metadata("acme_widgets", "1.0", "Requires-Python: nonsense\n"))
    seen = Checked()
    with pytest.raises(CheckFailedError, match="PP701"):
        check_files([wheel], seen)
    assert seen.files == []


def test_a_missing_file_is_a_mistake_of_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="absent"):
        read_files([tmp_path / "absent-1.0-py3-none-any.whl"])


@pytest.mark.parametrize(
    ("error", "words"), [(OSError(13, "Permission denied"), "Permission denied"), (OSError("odd"), "odd")]
)
def test_a_file_that_can_not_be_read_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    wheel = make_wheel(tmp_path)

    def fails(_: Path) -> None:
        raise error

    monkeypatch.setattr("publisher.publish.built_files.read_distribution", fails)
    with pytest.raises(CheckFailedError) as caught:
        read_files([wheel])
    assert caught.value.message == f"{wheel} can't be read: {words}."


def test_a_wheel_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a-1.0-py3-none-any.whl").write_text("no archive")
    with pytest.raises(CheckFailedError):
        read_files([tmp_path])
