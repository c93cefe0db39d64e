"""Sources and lock files of projects of poetry and pdm."""

import pytest

from publisher.machine.paths import Machine
from publisher.machine.tools.locks import locked_version, read_sources


def test_the_sources_of_a_tool_that_have_a_name(machine: Machine) -> None:
    (machine.folder / "pyproject.toml").write_text(
        '[[tool.pdm.source]]\nname = "a"\nurl = "x"\n[[tool.pdm.source]]\nurl = "y"\n'
        '[[tool.pdm.source]]\nname = "b"\n[[tool.poetry.source]]\nname = "c"\n'
    )
    assert read_sources("pdm", machine) == [{"name": "a", "url": "x"}, {"name": "b"}]
    assert read_sources("poetry", machine) == [{"name": "c"}]
    assert read_sources("uv", machine) == []


@pytest.mark.parametrize("text", [None, "", "[[tool", "[tool.pdm]\nsource = ['a', 1]\n", "tool = 1\n"])
def test_a_project_of_another_form_has_no_sources(machine: Machine, text: str | None) -> None:
    if text is not None:
        (machine.folder / "pyproject.toml").write_text(text)
    assert read_sources("pdm", machine) == []


def test_the_version_in_a_lock_file(machine: Machine) -> None:
    lock = machine.folder / "pdm.lock"
    assert locked_version(lock, "b") is None
    lock.write_text('[[package]]\nname = "a"\nversion = "1"\n[[package]]\nname = "b"\nversion = "2"\n')
    assert [locked_version(lock, name) for name in ("a", "b", "c")] == ["1", "2", None]
    lock.write_text("")
    assert locked_version(lock, "a") is None
