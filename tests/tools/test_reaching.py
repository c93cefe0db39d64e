"""The tests that run a place are found, in their own process and in those that they start."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.mutations import Mutation, mutations
from tests.tools.reaching import IMPORT, RUNTIME, Reached, can_be_marked, marked

SOURCE = """\
def judge(a, b):
    if a == b and a < 7:
        return a + (b -
                    1)
    for x in [1]:
        break
    raise ValueError(a)
"""


def places(tmp_path: Path, source: str) -> list[Mutation]:
    path = tmp_path / "module.py"
    path.write_text(source, encoding="utf-8")
    return [*mutations(path)]


def test_a_marked_source_does_the_same_and_reaches_every_place_that_runs(tmp_path: Path) -> None:
    found = places(tmp_path, SOURCE)
    reached: set[int] = set()
    names: dict[str, object] = {"_reached": reached.add}
    exec(compile(marked(SOURCE.encode(), [*enumerate(found)]), "module", "exec"), names)
    judge = names["judge"]
    assert callable(judge)
    assert judge(3, 3) == 5
    assert {found[number].line for number in reached} == {2, 3, 4}
    with pytest.raises(ValueError, match="4"):
        judge(4, 5)
    assert {found[number].line for number in reached} == {2, 3, 4, 5, 6, 7}


def test_a_pattern_can_not_be_marked(tmp_path: Path) -> None:
    pattern, constant = places(tmp_path, "match x:\n    case 'a':\n        y = 7\n")
    assert not can_be_marked(pattern)
    assert can_be_marked(constant)


def test_a_process_of_a_test_notes_its_test(tmp_path: Path) -> None:
    runtime = RUNTIME.format(folder=str(tmp_path))
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {runtime + '_reached(5)'!r}], env={{}})"
    parent = (
        f"{runtime}\nimport os, subprocess, sys, pathlib\n"
        f"current = pathlib.Path({str(tmp_path)!r}, f'test.{{os.getpid()}}')\n"
        f"current.write_text({IMPORT!r})\n_reached(4)\n"
        f"current.write_text('tests/test_a.py::test_b')\n_reached(4)\n_reached(4)\n"
        f"subprocess.run([sys.executable, '-c', {child!r}])\n"
    )
    subprocess.run([sys.executable, "-c", parent], check=True)
    (tmp_path / "seconds.1").write_text("0.5\ttests/test_a.py::test_b\n0.25\ttests/test_a.py::test_b\n")
    found = Reached(tmp_path)
    assert found.tests == {4: {IMPORT, "tests/test_a.py::test_b"}, 5: {"tests/test_a.py::test_b"}}
    assert found.seconds["tests/test_a.py::test_b"] == pytest.approx(0.75)
    assert found.quickest_first(4) == ["tests/test_a.py::test_b"]
