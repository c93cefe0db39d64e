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
