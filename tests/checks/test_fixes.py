"""Automatic fixes: what they change, what they leave, and how each is turned off."""

import pytest
from trove_classifiers import deprecated_classifiers

from publisher.checks.fixes import fix
from publisher.errors import ConfigurationError
from publisher.files.toml import read_toml


def _fixed(text: str, *ignored: str) -> object:
    (value,) = read_toml(fix(f"[project]\n{text}\n", ignored))["project"].values()
    return value


@pytest.mark.parametrize(
    ("text", "code", "before", "after"),
    [
        ('name = "Acme_Widgets"', "PP104", "Acme_Widgets", "acme-widgets"),
        ('version = "v01.0-beta"', "PP107", "v01.0-beta", "1.0b0"),
        ('license = "mit or apache-2.0"', "PP306", "mit or apache-2.0", "MIT OR Apache-2.0"),
        ('license = { text = "mit" }', "PP308", {"text": "mit"}, "MIT"),
        (
            'classifiers = ["Natural Language :: Ukranian"]',
            "PP302",
            ["Natural Language :: Ukranian"],
            ["Natural Language :: Ukrainian"],
        ),
        ('classifiers = ["a", "a"]', "PP303", ["a", "a"], ["a"]),
        ('classifiers = ["b 10", "b 9", "a"]', "PP304", ["b 10", "b 9", "a"], ["a", "b 9", "b 10"]),
    ],
)
def test_a_value_is_fixed_unless_its_rule_is_turned_off(text: str, code: str, before: object, after: object) -> None:
    assert _fixed(text) == after
    assert _fixed(text, code) == before
    others = {"PP104", "PP107", "PP302", "PP303", "PP304", "PP306", "PP308"} - {code}
    assert _fixed(text, *others) == after


@pytest.mark.parametrize(
    "text",
    [
        'name = "no name"',
        "name = 1",
        'version = "one"',
        "version = 1.0",
        'license = "The usual one"',
        "license = 1",
        'license = { text = "The usual one" }',
        'license = { file = "LICENSE" }',
        'license = { text = "MIT", file = "LICENSE" }',
        "license = { text = 1 }",
        'classifiers = ["b", 1, "a"]',
        "classifiers = 1",
        'description = "Acme_Widgets"',
    ],
)
def test_values_whose_right_form_is_unknown_stay(text: str) -> None:
    whole = f"# mine\n[project] # ours\n{text}  # why\n[tool.x]\na=1\n"
    assert fix(whole, ()) == whole


@pytest.mark.parametrize(("others", "fixed"), [([], "Old"), (["New"], "New"), (["New", "Newer"], "Old")])
def test_a_classifier_with_several_replacements_or_none_stays(
    monkeypatch: pytest.MonkeyPatch, others: list[str], fixed: str
) -> None:
    monkeypatch.setitem(deprecated_classifiers, "Old", others)
    assert _fixed('classifiers = ["Old"]') == [fixed]


def test_everything_else_of_the_text_stays() -> None:
    text = '# mine\n[project] # ours\nname = "Acme_Widgets" # why\nversion="1.0"\n\n[tool.x]\na=1\n'
    assert fix(text, ()) == text.replace("Acme_Widgets", "acme-widgets")


def test_a_text_without_a_project_stays_and_an_invalid_one_is_an_error() -> None:
    assert fix("[tool.x]\na=1\n", ()) == "[tool.x]\na=1\n"
    with pytest.raises(ConfigurationError):
        fix("[project\n", ())
