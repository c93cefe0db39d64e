"""`publish` enforces the rules that `check` reports, with the same codes, before anything is built."""

from pathlib import Path

import pytest

from publisher.checks.rules import RULES
from publisher.checks.violations import Enforcement, Severity
from tests.checks.test_source import CASES, make
from tests.helpers.dists import make_wheel
from tests.helpers.tool import pypi_publish

NO_INDEX = ("--index-url", "http://127.0.0.1:9/", "--username", "ada", "--dry-run")


def _publish(folder: Path) -> tuple[int, str]:
    done = pypi_publish("publish", folder, *NO_INDEX, env={"PYPI_PUBLISH_PASSWORD": "x"})
    return done.code, done.stderr


@pytest.mark.parametrize("code", ["PP105", "PP301", "PP401"])  # a version, a classifier and a README that are wrong
def test_a_mistake_that_ends_the_build_is_found_before_it(tmp_path: Path, code: str) -> None:
    folder = make(tmp_path, *CASES[code])
    result, text = _publish(folder)
    reported = pypi_publish("check", "--only", "source", folder).stderr.splitlines()
    [line] = [line for line in reported if f": {code} " in line]
    assert result == 7, text
    assert f"error: {line}" in text
    assert f"check --explain {code}" in text
    assert "Traceback" not in text
    assert len(text.splitlines()) == 2


def test_build_enforces_them_too_and_a_rule_can_be_turned_off(tmp_path: Path) -> None:
    wrong, files = CASES["PP314"]
    assert pypi_publish("build", make(tmp_path / "a", CASES["PP118"][0], {})).code == 7
    ignored = {**wrong, "tables": "[tool.pypi-publish.check]\nignore = { PP314 = 'new' }\n"}
    assert "PP314" not in pypi_publish("build", make(tmp_path / "b", ignored, files)).stderr


def test_a_mistake_that_only_public_indexes_refuse_is_a_warning(tmp_path: Path) -> None:
    data = b"Metadata-Version: 2.3\nName: acme_widgets\nVersion: 1.0\nLicense-Expression: MIT\n"
    wheel = make_wheel(tmp_path, metadata_bytes=data)
    done = pypi_publish("upload", wheel, *NO_INDEX, env={"PYPI_PUBLISH_PASSWORD": "x"})
    assert done.code == 6  # there is no index; the file was accepted
    assert "PP717" in done.stderr


def test_nothing_is_enforced_that_check_does_not_report() -> None:
    for rule in RULES.values():
        if rule.enforcement is Enforcement.ERROR:
            assert rule.severity is Severity.ERROR, rule.code


@pytest.mark.parametrize("code", ["PP104", "pp111"])
def test_a_rule_explains_itself(code: str) -> None:
    done = pypi_publish("check", "--explain", code)
    rule = RULES[code.upper()]
    assert done.code == 0
    assert done.stdout.startswith(f"{rule.code}: {rule.title}")
    assert rule.remedy in done.stdout
    assert "](" not in done.stdout


def test_an_unknown_code_is_wrong_usage() -> None:
    done = pypi_publish("check", "--explain", "PP999")
    assert (done.code, done.stdout) == (2, "")
