"""Diagnoses: their severity, their exit codes, and their form for programs."""

import pytest

from publisher.machine.diagnosis import Area, Diagnosis, DiagnosisLevel, Reporter, gravest

OK, NOTE, WARNING, PROBLEM = DiagnosisLevel


def test_nothing_is_to_be_done_about_what_is_ok_or_only_worth_knowing() -> None:
    assert [level.is_well for level in (OK, NOTE, WARNING, PROBLEM)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("levels", "index"),
    [
        ([], None),
        ([OK, NOTE], None),
        ([OK, WARNING, WARNING], 1),
        ([WARNING, PROBLEM, PROBLEM], 1),
        ([PROBLEM, WARNING], 0),
        ([NOTE, PROBLEM], 1),
    ],
)
def test_the_first_problem_or_else_the_first_warning_is_the_gravest(
    levels: list[DiagnosisLevel], index: int | None
) -> None:
    diagnoses = [Diagnosis(Area.TOOLS, str(number), level, "") for number, level in enumerate(levels)]
    assert gravest(diagnoses) == (None if index is None else diagnoses[index])


def test_exit_codes_and_titles_of_the_areas() -> None:
    assert {area.title: area.exit_code for area in Area} == {
        "Configuration": 2,
        "Index": 6,
        "Credentials": 4,
        "Keyring": 4,
        "Tools": 2,
    }


def test_each_report_has_its_level_area_and_remedy() -> None:
    report = Reporter(Area.KEYRING)
    assert [
        report.ok("a", "works").as_json(),
        report.note("b", "by the way").as_json(),
        report.note("b", "by the way", "read on").as_json(),
        report.warning("c", "dangerous", "stop").as_json(),
        report.problem("d", "broken", None).as_json(),
    ] == [
        {"area": "keyring", "check": check, "verdict": verdict, "what": what, "remedy": remedy}
        for check, verdict, what, remedy in (
            ("a", "ok", "works", None),
            ("b", "note", "by the way", None),
            ("b", "note", "by the way", "read on"),
            ("c", "warning", "dangerous", "stop"),
            ("d", "problem", "broken", None),
        )
    ]
