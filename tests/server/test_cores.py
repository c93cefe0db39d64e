"""The number of cores: those of the system, bounded by the group of a container and that of a service."""

import os
from pathlib import Path

import pytest

from publisher.server.cores import usable_cores


@pytest.fixture
def sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen cores that this process may use."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(16)), raising=False)


def _within(monkeypatch: pytest.MonkeyPatch, group: str) -> None:
    """Have this process be in a control group."""
    real = Path.read_text

    def read(path: Path) -> str:
        return group if path == Path("/proc/self/cgroup") else real(path)

    monkeypatch.setattr(Path, "read_text", read)


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 16),
        ("400000 100000", 4),
        ("400001 100000", 5),
        ("399999 100000", 4),
        ("1 100000", 1),
        ("0 100000", 1),
        ("1600000 100000", 16),
        ("1700000 100000", 16),
        ("", 16),
        ("400000", 16),
        ("200000 100000\n", 2),
    ],
)
def test_a_share_of_the_time_counts_as_whole_cores(tmp_path: Path, quota: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert usable_cores(tmp_path) == cores


@pytest.mark.usefixtures("sixteen")
def test_without_groups_all_cores_count(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "missing") == 16


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize(("outer", "inner", "cores"), [(8, 2, 2), (2, 8, 2), (None, 3, 3), (3, None, 3)])
def test_the_narrower_of_container_and_service_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outer: int | None, inner: int | None, cores: int
) -> None:
    _within(monkeypatch, "12:cpu:/other\n0::/system.slice/pypi-index.service\n")
    own = tmp_path / "system.slice" / "pypi-index.service"
    own.mkdir(parents=True)
    for folder, number in ((tmp_path, outer), (own, inner)):
        if number is not None:
            (folder / "cpu.max").write_text(f"{number}00000 100000")
    assert usable_cores(tmp_path) == cores


@pytest.mark.usefixtures("sixteen")
def test_an_older_kind_of_group_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _within(monkeypatch, "12:cpu:/other\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "cpu.max").write_text("100000 100000")
    assert usable_cores(tmp_path) == 16


@pytest.mark.parametrize(("counted", "cores"), [(4, 4), (None, 1)])
def test_a_system_without_affinity_is_asked_for_its_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: int | None, cores: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert usable_cores(tmp_path) == cores
