"""The standard streams of a command: closed ones do not reach other files, and none ends it with a traceback."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from publisher.cli.streams import abandon_unwritable_streams, prepare_streams


def _run(tmp_path: Path, *lines: str, closed: str = "") -> tuple[int, str]:
    """Run lines of Python with some descriptors closed; return the exit code and what they wrote to a file."""
    seen = tmp_path / "seen"
    text = "\n".join(["from publisher.cli.streams import *", "import os, sys", *lines])
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", text, str(seen)],
        env={
            **os.environ,
            "PYTHONIOENCODING": "utf-8",
            "PYTHONUNBUFFERED": "",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    return done.returncode, seen.read_text() if seen.exists() else ""


@pytest.mark.skipif(os.name == "nt", reason="a shell closes the streams")
@pytest.mark.parametrize("closed", ["", "<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_file_that_is_opened_never_takes_the_place_of_a_closed_stream(tmp_path: Path, closed: str) -> None:
    code, seen = _run(
        tmp_path,
        "prepare_streams()",
        "file = open(sys.argv[1], 'w')",
        "print('to stdout'); print('to stderr', file=sys.stderr); given = sys.stdin.read()",
        "sys.stdout.flush(); os.write(1, b'raw'); os.write(2, b'raw')",
        "file.write(f'{file.fileno() > 2} {given!r}'); file.close()",
        "abandon_unwritable_streams()",
        closed=closed,
    )
    assert (code, seen) == (0, "True ''")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_output_is_abandoned_without_a_complaint_of_python(tmp_path: Path, stream: str) -> None:
    code, _ = _run(
        tmp_path,
        "prepare_streams()",
        f"sys.{stream}.write('x')",
        "abandon_unwritable_streams()",
        f"sys.{stream}.write('y'); sys.{stream}.flush()",
        closed=f"{'' if stream == 'stdout' else '2'}>/dev/full",
    )
    assert code == 0


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_what_the_encoding_lacks_is_replaced_by_question_marks(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, name, io.TextIOWrapper(written, encoding="ascii", write_through=True))
    prepare_streams()
    getattr(sys, name).write("für ✓")
    assert written.getvalue() == b"f?r ?"


def test_streams_that_are_written_are_flushed_and_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = {name: (tmp_path / name).open("w") for name in ("stdout", "stderr")}
    with files["stdout"], files["stderr"]:
        for name, file in files.items():
            monkeypatch.setattr(sys, name, file)
            file.write(name)
        abandon_unwritable_streams()
        assert [(tmp_path / name).read_text() for name in files] == ["stdout", "stderr"]
