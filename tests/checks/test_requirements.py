"""Dependencies, extras and groups: valid and invalid ones, each with its place."""

import pytest
from packaging.requirements import InvalidRequirement, Requirement

from publisher.checks.requirements import check_requirements
from tests.helpers.documents import findings, messages


def _project(text: str, name: str = "acme") -> list[str]:
    return messages(check_requirements, f'[project]\nname = "{name}"\n{text}\n')


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ('"attrs", "click>=8"', []),
        ('"attrs", "attrs"', ["PP203 attrs is listed twice"]),
        ('"attrs>=1", "Attrs<2"', ["PP203 Attrs is listed twice"]),
        ("\"attrs; python_version < '3.12'\", \"attrs; python_version >= '3.12'\"", []),
        ('"attrs; python_version < \'3.12\'", "attrs"', []),
        ('"attrs[a]", "attrs"', []),
        ('"attrs[a,b]", "attrs[b,a]"', ["PP203 attrs is listed twice"]),
        ('"attrs @ https://acme.example/a.whl"', ["PP202 attrs is required from a URL"]),
        ('"Acme"', ["PP208 the project acme requires itself"]),
        ('"acme[all]"', []),
        ("1, 'attrs'", []),
    ],
)
def test_dependencies(listed: str, expected: list[str]) -> None:
    assert _project(f"dependencies = [{listed}]") == expected


def test_an_invalid_dependency_is_reported_with_its_reason_and_the_next_is_read() -> None:
    first, second = _project('dependencies = ["attrs >> 1", "click", "click"]')
    with pytest.raises(InvalidRequirement) as caught:
        Requirement("attrs >> 1")
    reason = str(caught.value).splitlines()[0].rstrip(":.")
    assert first == f"PP201 'attrs >> 1' is not a valid dependency: {reason}"
    assert not first.endswith((":", "."))
    assert "\n" not in first
    assert second == "PP203 click is listed twice"


def test_a_project_without_a_name_cannot_require_itself() -> None:
    assert findings(check_requirements, '[project]\ndependencies = ["acme"]\n') == []
    assert findings(check_requirements, '[project]\nname = 1\ndependencies = ["acme"]\n') == []


def test_extras_have_valid_names_that_differ() -> None:
    text = (
        '[project.optional-dependencies]\na-b = ["attrs >> 1"]\nA_B = ["click", "click"]\n"no name" = ["x >> 1"]\n'
        'a_b = ["acme"]\n'
    )
    assert _project(text)[1:] == [
        "PP205 'A_B' and 'a-b' are one extra",
        "PP203 click is listed twice",
        "PP204 'no name' is not a valid name of an extra",
        "PP205 'a_b' and 'a-b' are one extra",
        "PP208 the project acme requires itself",
    ]
    assert _project(text)[0].startswith("PP201 ")
    found = findings(check_requirements, f'[project]\nname = "acme"\n{text}')
    assert [line for _, line in found] == [4, 5, 5, 6, 7, 7]


def test_extras_of_another_form_are_left_to_the_schema() -> None:
    assert _project("optional-dependencies = 1") == []
    assert _project("dependencies = 1") == []


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ('"attrs", { include-group = "Other" }', []),
        ('{ include-group = "absent" }', ["PP206 unknown dependency group 'absent'"]),
        (
            '{ include-group = "other", x = 1 }',
            ["PP206 {'include-group': 'other', 'x': 1} is neither a dependency nor an include-group"],
        ),
        ("{ include-group = 1 }", ["PP206 {'include-group': 1} is neither a dependency nor an include-group"]),
        ("1", ["PP206 1 is neither a dependency nor an include-group"]),
    ],
)
def test_groups(entries: str, expected: list[str]) -> None:
    assert messages(check_requirements, f"[dependency-groups]\ndev = [{entries}]\nother = []\n") == expected


def test_an_invalid_entry_of_a_group_has_a_line_and_a_reason() -> None:
    text = '[dependency-groups]\ndev = [\n  "attrs",\n  "attrs >> 1",\n]\nodd = "attrs"\n'
    assert findings(check_requirements, text) == [("PP206", 4)]
    (message,) = messages(check_requirements, text)
    assert message.startswith("PP206 'attrs >> 1' is not a valid dependency: ")


@pytest.mark.parametrize(("length", "is_cut"), [(56, False), (57, True)])
def test_a_long_entry_is_cut(length: int, is_cut: object) -> None:
    entry = "x" * length
    (message,) = messages(check_requirements, f"[dependency-groups]\ndev = [['{entry}']]\n")
    shown = message.removeprefix("PP206 ").partition(" is neither")[0]
    assert (shown != f"['{entry}']") is is_cut
    assert len(shown) == 60
    assert shown.endswith("...") is is_cut


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('a = [{ include-group = "a" }]', ["a"]),
        (
            'a = [{ include-group = "b" }]\nb = [{ include-group = "c" }]\nc = [{ include-group = "A" }]',
            ["a", "b", "c"],
        ),
        ('a = [{ include-group = "b" }]\nb = [{ include-group = "b" }]', ["b"]),
        ('a = [{ include-group = "b" }, { include-group = "c" }]\nb = [{ include-group = "c" }]\nc = []', []),
    ],
)
def test_groups_that_include_themselves(text: str, named: list[str]) -> None:
    expected = [f"PP207 the group {name!r} includes itself" for name in named]
    assert messages(check_requirements, f"[dependency-groups]\n{text}\n") == expected


@pytest.mark.parametrize(
    "constraint",
    [
        "*",
        "^1.2",
        "~1",
        "~=1.2",
        ">=1,<2",
        ">= 1 , < 2",
        "1.*",
        "^1 || ^2",
        "^1|^2",
        "1 - 2",
        "==1.0",
        "===1",
        "!=1.0a1",
    ],
)
def test_constraints_of_poetry(constraint: str) -> None:
    text = f'[tool.poetry.dependencies]\nattrs = "{constraint}"\nclick = {{ version = "{constraint}" }}\n'
    assert findings(check_requirements, text) == []


@pytest.mark.parametrize("constraint", ["one", ">>1", "^", "", "^1 ||| ^2", ">=1,,<2"])
def test_invalid_constraints_of_poetry(constraint: str) -> None:
    message = f"PP209 {constraint!r} is not a valid constraint"
    for value in (f'"{constraint}"', f'{{ version = "{constraint}" }}', f'{{ python = "{constraint}" }}'):
        assert messages(check_requirements, f"[tool.poetry.dependencies]\nattrs = {value}\n") == [message]
    several = f'["^1", {{ version = "{constraint}", python = "{constraint}" }}]'
    assert messages(check_requirements, f"[tool.poetry.dependencies]\nattrs = {several}\n") == [message, message]


def test_an_invalid_constraint_is_found_at_its_line() -> None:
    text = '[tool.poetry]\nname = "acme"\n\n[tool.poetry.dependencies]\nclick = "*"\nattrs = ">>1"\n'
    assert findings(check_requirements, text) == [("PP209", 6)]


def test_poetry_s_dependencies_without_a_constraint_are_well() -> None:
    text = "[tool.poetry.dependencies]\na = { path = '../a' }\nb = 1\nc = { version = 1 }\n"
    assert findings(check_requirements, text) == []
