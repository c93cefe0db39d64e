"""The outcome of a run for people, for a step of GitHub Actions, and the findings of a check."""

import json
from pathlib import Path

import click
import pytest

from publisher.checks.rules import RULES
from publisher.checks.violations import Severity, Violation
from publisher.cli.display.findings import conclude, print_rule
from publisher.cli.display.report import show_report
from publisher.cli.display.step_summary import outputs_of, summary_of
from publisher.client.url import parse_index_url
from publisher.errors import CheckFailedError, ConfigurationError
from publisher.project.distributions import parse_filename, read_distribution
from publisher.publish.report import FileReport, Release, Report, State
from tests.helpers.dists import make_wheel
from tests.helpers.shown import make_runner, running

URL = parse_index_url("https://acme.example/")


def _file(name: str, state: State, size: int | None = 2048) -> FileReport:
    parsed = parse_filename(name)
    return FileReport(parsed, Release(parsed.name, parsed.version, parsed.name.title(), []), state, size, "ab", None)


ONE, ONE_SDIST = "one-1.0-py3-none-any.whl", "one-1.0.tar.gz"
TWO = "two-2.0-py3-none-any.whl"


def _shown(report: Report, capsys: pytest.CaptureFixture[str]) -> list[str]:
    with running() as output:
        show_report(report, output)
    return capsys.readouterr().err.splitlines()


def test_each_file_has_its_outcome_and_each_release_its_page_and_lines(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(
        URL, [_file(ONE, State.UPLOADED), _file(ONE_SDIST, State.SKIPPED, None), _file(TWO, State.UNCHANGED)]
    )
    assert _shown(report, capsys) == [
        "",
        "File                         Size  State",
        "one-1.0-py3-none-any.whl   2.0 kB  uploaded",
        "one-1.0.tar.gz            0 bytes  skipped",
        "Two 2.0                            unchanged, not built",
        "",
        "One 1.0: https://acme.example/projects/one/",
        "  pip install --index-url https://acme.example/simple/ one==1.0",
    ]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.UPLOADED, "uploaded"),
        (State.ALREADY_THERE, "already there"),
        (State.SKIPPED, "skipped"),
        (State.WOULD_UPLOAD, "would be uploaded"),
    ],
)
def test_states_have_words(state: State, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _shown(Report(URL, [_file(ONE, state)]), capsys)[2].endswith(f"  {words}")


def test_a_run_with_nothing_to_do_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert _shown(Report(URL, [], dry_run=True), capsys) == ["", "Nothing to publish."]
    shown = _shown(Report(URL, [_file(TWO, State.UNCHANGED)]), capsys)
    assert shown[-2] == "Two 2.0: https://acme.example/projects/two/"


def test_a_dry_run_says_at_the_end_that_nothing_was_sent(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(URL, [_file(ONE, State.WOULD_UPLOAD)], dry_run=True)
    assert _shown(report, capsys)[-2:] == ["", "This was a dry run: nothing was sent."]


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ([f"one-1.{number}.tar.gz" for number in range(4)], "4 releases of One are on https://acme.example/"),
        ([f"p{number}-1.0.tar.gz" for number in range(4)], "4 projects are on https://acme.example/"),
        (["one-1.0.tar.gz", "one-1.1.tar.gz", "a-1.tar.gz", "b-1.tar.gz"], "3 projects are on https://acme.example/"),
    ],
)
def test_of_more_than_three_releases_only_the_common_part_is_shown(
    names: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = _shown(Report(URL, [_file(name, State.UPLOADED) for name in names]), capsys)
    assert line in shown
    dry = _shown(Report(URL, [_file(name, State.WOULD_UPLOAD) for name in names], dry_run=True), capsys)
    assert line.replace(" are on ", " would be on ") in dry
    assert "  pip install --index-url https://acme.example/simple/ PROJECT" in shown
    three = _shown(Report(URL, [_file(name, State.UPLOADED) for name in names[:3]]), capsys)
    assert not [each for each in three if "PROJECT" in each]
    assert sum("/projects/" in each for each in three) == 3


def test_the_outputs_of_a_step() -> None:
    report = Report(URL, [_file(ONE, State.UPLOADED), _file(ONE_SDIST, State.ALREADY_THERE)])
    found = outputs_of(report)
    files = json.loads(found.pop("files"))
    assert found == {
        "published": "true",
        "uploaded": "1",
        "skipped-count": "1",
        "name": "One",
        "version": "1.0",
        "index-url": "https://acme.example/",
        "project-url": "https://acme.example/projects/one/",
    }
    assert files[0] == {
        "filename": ONE,
        "project": "one",
        "version": "1.0",
        "size": 2048,
        "sha256": "ab",
        "status": "uploaded",
        "url": None,
    }


@pytest.mark.parametrize(
    ("files", "name", "version"),
    [
        ([_file(ONE, State.UPLOADED), _file(TWO, State.UNCHANGED)], "", ""),
        ([_file(ONE, State.UPLOADED), _file("two-1.0.tar.gz", State.UPLOADED)], "", "1.0"),
        ([_file(TWO, State.UNCHANGED)], "Two", "2.0"),
        ([], "", ""),
    ],
)
def test_an_output_is_empty_where_the_projects_differ_in_it(files: list[FileReport], name: str, version: str) -> None:
    found = outputs_of(Report(URL, files))
    assert (found["name"], found["version"]) == (name, version)


@pytest.mark.parametrize(
    ("files", "dry_run", "heading"),
    [
        ([], False, "✅ Nothing to publish"),
        ([], True, "✅ Nothing to publish"),
        ([_file(ONE, State.WOULD_UPLOAD)], True, "🔍 Dry run, nothing was sent: One 1.0"),
        ([_file(ONE, State.UPLOADED), _file(ONE_SDIST, State.ALREADY_THERE)], False, "✅ Published One 1.0"),
        ([_file(ONE, State.UPLOADED), _file(TWO, State.UPLOADED)], False, "✅ Published One 1.0, Two 2.0"),
        ([_file(ONE, State.ALREADY_THERE)], False, "✅ Nothing new: One 1.0 is already on the index"),
        ([_file(TWO, State.UNCHANGED)], False, "✅ Nothing new: Two 2.0 is already on the index"),
    ],
)
def test_the_heading_of_a_summary_says_the_outcome(files: list[FileReport], heading: str, *, dry_run: bool) -> None:
    assert summary_of(Report(URL, files, dry_run)).splitlines()[0] == f"### {heading}"


def test_a_summary_is_a_table_and_the_lines_that_install() -> None:
    report = Report(
        URL, [_file(ONE, State.UPLOADED), _file(ONE_SDIST, State.SKIPPED, None), _file(TWO, State.UNCHANGED)]
    )
    assert summary_of(report).splitlines()[1:] == [
        "",
        "| File | Size | SHA-256 | State |",
        "|---|--:|---|---|",
        f"| `{ONE}` | 2.0 kB | `ab` | uploaded |",
        f"| `{ONE_SDIST}` | 0 bytes | `ab` | skipped |",
        "| Two 2.0 | | | unchanged, not built |",
        "",
        "[One 1.0 on the index](https://acme.example/projects/one/)",
        "",
        "```console",
        "pip install --index-url https://acme.example/simple/ one==1.0",
        "```",
    ]


def _rule(severity: Severity, *, fixable: bool = False) -> Violation:
    rule = next(rule for rule in RULES.values() if rule.severity is severity and rule.fixable is fixable)
    return Violation(rule, Path("pyproject.toml"), f"a {severity.value}", 3)


ERROR, WARNING, NOTE = map(_rule, (Severity.ERROR, Severity.WARNING, Severity.NOTE))


def test_findings_are_lines_and_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    with running():
        conclude([WARNING, NOTE, NOTE], [], strict=False)
    assert capsys.readouterr().err.splitlines() == [
        f"pyproject.toml:3: {WARNING.rule.code} a warning",
        f"pyproject.toml:3: {NOTE.rule.code} a note",
        f"pyproject.toml:3: {NOTE.rule.code} a note",
        "1 warning, 2 notes.",
    ]


def test_no_findings_are_well_and_built_files_are_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel = make_wheel(tmp_path)
    with running():
        conclude([], [read_distribution(wheel)], strict=True)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == (f"{wheel}\n", "All is well.\n")


@pytest.mark.parametrize(
    ("found", "strict", "message"),
    [
        ([ERROR], False, "1 error."),
        ([NOTE, WARNING, ERROR, ERROR], False, "2 errors, 1 warning, 1 note."),
        ([WARNING], True, "1 warning."),
    ],
)
def test_errors_fail_and_with_strict_warnings_too(found: list[Violation], message: str, *, strict: bool) -> None:
    with running(), pytest.raises(CheckFailedError) as caught:
        conclude(found, [], strict=strict)
    worst = ERROR if ERROR in found else WARNING
    assert caught.value.message == message
    assert caught.value.hint == f"`pypi-publish check --explain {worst.rule.code}` shows reason and remedy."


def test_notes_never_fail(capsys: pytest.CaptureFixture[str]) -> None:
    with running(verbosity=-1):
        conclude([NOTE], [], strict=True)
    assert capsys.readouterr().err == ""
    with running(verbosity=-1), pytest.raises(CheckFailedError):
        conclude([WARNING], [], strict=True)
    assert f"{WARNING.rule.code} a warning" in capsys.readouterr().err


def test_findings_that_can_be_fixed_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    severity = next(rule.severity for rule in RULES.values() if rule.fixable and rule.severity is not Severity.ERROR)
    with running():
        conclude([_rule(severity, fixable=True), NOTE], [], strict=False)
    assert " --fix fixes 1 of them." in capsys.readouterr().err.splitlines()[-1]


def test_with_json_findings_are_one_document_also_when_they_fail(capsys: pytest.CaptureFixture[str]) -> None:
    with running(as_json=True):
        conclude([NOTE], [], strict=False)
    assert json.loads(capsys.readouterr().out) == {"findings": [NOTE.as_json()], "files": []}
    with running(as_json=True), pytest.raises(click.exceptions.Exit) as caught:
        conclude([ERROR], [], strict=False)
    assert caught.value.exit_code == 7
    assert json.loads(capsys.readouterr().out)["findings"][0]["code"] == ERROR.rule.code


@pytest.mark.parametrize(("finding", "level"), [(ERROR, "error"), (WARNING, "warning"), (NOTE, "notice")])
def test_on_github_findings_are_annotations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], finding: Violation, level: str
) -> None:
    here = Violation(finding.rule, tmp_path / "pyproject.toml", finding.message, 3)
    with running(runner=make_runner(tmp_path)):
        if finding is ERROR:
            with pytest.raises(CheckFailedError):
                conclude([here], [], strict=False)
        else:
            conclude([here], [], strict=False)
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith(f"::{level} title={finding.rule.code} ")
    assert first.endswith(f",file=pyproject.toml,line=3::{finding.message}")


def test_a_rule_is_explained_in_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_rule(f" {ERROR.rule.code.lower()}\n")
    shown = capsys.readouterr().out
    assert shown.startswith(f"{ERROR.rule.code}: ")
    assert "**" not in shown
    assert "](" not in shown
    assert not shown.endswith("\n\n")
    with pytest.raises(ConfigurationError, match="Unknown rule 'PP000'") as caught:
        print_rule("PP000")
    assert f"The codes are {min(RULES)} to {max(RULES)}" in str(caught.value.hint)
