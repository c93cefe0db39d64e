from pathlib import Path

import pytest

from publisher.github.runner import SUMMARY_LIMIT, Quotation, Runner, find_runner, group, mask


def _outputs(text: str) -> dict[str, str]:
    """Read an output file as the runner does."""
    outputs, lines = {}, iter(text.splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        value = []
        while (found := next(lines)) != end:
            value.append(found)
        outputs[name] = "\n".join(value)
    return outputs


def test_outside_github_there_is_no_runner() -> None:
    assert find_runner({}) is None
    assert find_runner({"GITHUB_ACTIONS": "false", "GITHUB_OUTPUT": "x"}) is None


def test_the_runners_files_are_where_it_says(tmp_path: Path) -> None:
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "o")}
    assert find_runner(environment) == Runner(tmp_path, tmp_path / "o")


def test_outputs_may_hold_anything(tmp_path: Path) -> None:
    runner = Runner(tmp_path, tmp_path / "output")
    given = {"name": "a", "files": '[{"a": "b<<c"}]', "several": "one\nname=forged\nend", "empty": ""}
    runner.set_outputs({"name": "earlier"})
    runner.set_outputs(given)
    assert _outputs((tmp_path / "output").read_text()) == given


def test_annotations_name_files_of_the_workspace(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "work")
    inside, outside = tmp_path / "work" / "a,b" / "pyproject.toml", tmp_path / "pyproject.toml"
    assert runner.annotation("error", "Check: failed", "100%\r\nwrong::x", inside, 3) == (
        "::error title=Check%3A failed,file=a%2Cb/pyproject.toml,line=3::100%25%0D%0Awrong::x"
    )
    assert runner.annotation("warning", "T", "m", outside, None) == "::warning title=T::m"
    assert runner.annotation("warning", "T", "m", None, None) == "::warning title=T::m"


def test_a_summary_is_appended_and_never_too_long(tmp_path: Path) -> None:
    runner = Runner(tmp_path, summary_file=tmp_path / "summary")
    runner.add_summary("first")
    runner.add_summary("ä" * 100 + "\n" + "b" * SUMMARY_LIMIT)
    text = (tmp_path / "summary").read_text()
    assert text.startswith("first\n" + "ä" * 100)
    assert text.endswith("The rest did not fit.*\n")
    runner.add_summary("more")
    runner.add_summary("c" * SUMMARY_LIMIT)
    assert (tmp_path / "summary").stat().st_size <= SUMMARY_LIMIT


def test_without_files_nothing_is_written(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    runner.set_outputs({"name": "a"})
    runner.add_summary("text")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("text", "commands"), [("a%b", ["a%25b"]), ("one\n\n two \n", ["one", " two "]), ("", [])])
def test_secrets_are_masked_line_by_line(text: str, commands: list[str]) -> None:
    assert list(mask(text)) == [f"::add-mask::{command}" for command in commands]


def test_groups_and_quotations_are_commands() -> None:
    assert group("a\nb") == "::group::a%0Ab"
    one, other = Quotation(), Quotation()
    assert one.end == f"::{one.begin.removeprefix('::stop-commands::')}::"
    assert one.begin != other.begin


def test_every_file_of_the_runner_is_found(tmp_path: Path) -> None:
    names = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "RUNNER_TEMP")
    environment = {name: str(tmp_path / name) for name in names}
    found = find_runner({"GITHUB_ACTIONS": "true", **environment, "GITHUB_WORKSPACE": str(tmp_path)})
    assert found == Runner(tmp_path, *(tmp_path / name for name in names))
    empty = find_runner({"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": "", "GITHUB_WORKSPACE": ""})
    assert empty == Runner(Path())


def test_variables_and_outputs_have_files_of_their_own(tmp_path: Path) -> None:
    runner = Runner(tmp_path, tmp_path / "output", environment_file=tmp_path / "environment")
    runner.set_variables({"A": "1"})
    runner.set_outputs({"b": "2"})
    assert _outputs((tmp_path / "environment").read_text()) == {"A": "1"}
    assert _outputs((tmp_path / "output").read_text()) == {"b": "2"}
    Runner(tmp_path, tmp_path / "output").set_variables({"C": "3"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["environment", "output"]


def test_no_value_ends_before_its_end(tmp_path: Path) -> None:
    runner = Runner(tmp_path, tmp_path / "output")
    runner.set_outputs({"a": "1"})
    runner.set_outputs({"a": "1"})
    ends = [line.partition("<<")[2] for line in (tmp_path / "output").read_text().splitlines() if "<<" in line]
    assert len(set(ends)) == 2
    assert all(len(end) > 32 for end in ends)


@pytest.mark.parametrize(("size", "is_whole"), [(SUMMARY_LIMIT - 1, True), (SUMMARY_LIMIT, False)])
def test_a_summary_of_just_the_limit_is_whole(tmp_path: Path, size: int, *, is_whole: bool) -> None:
    runner = Runner(tmp_path, summary_file=tmp_path / "summary")
    runner.add_summary("line\n" * (size // 5) + "x" * (size % 5))
    text = (tmp_path / "summary").read_text()
    assert len(text) <= SUMMARY_LIMIT
    assert text.endswith("did not fit.*\n") is not is_whole
    assert text.startswith("line\nline\n")


def test_a_full_summary_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "summary").write_bytes(b"x" * SUMMARY_LIMIT)
    Runner(tmp_path, summary_file=tmp_path / "summary").add_summary("more")
    assert (tmp_path / "summary").stat().st_size == SUMMARY_LIMIT


def test_only_values_of_properties_need_more_than_a_message(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    assert runner.annotation("notice", "a:b,c%", "d:e,f%", None, 3) == "::notice title=a%3Ab%2Cc%25::d:e,f%25"
    assert runner.annotation("error", "T", "m", tmp_path / "f", None) == "::error title=T,file=f::m"
