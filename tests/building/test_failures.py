"""Failures of builds: the cause in one line, the remedy, and the output of the process that failed."""

import subprocess

import pytest

from publisher.building.failures import translate_build_errors
from publisher.building.pypa_build import (
    BuildBackendException,
    BuildException,
    BuildSystemTableValidationError,
    FailedProcessError,
)
from publisher.errors import BuildFailedError, ConfigurationError


def _process(stdout: bytes | str | None, stderr: bytes | str | None = None) -> subprocess.CalledProcessError:
    return subprocess.CalledProcessError(2, ["backend"], stdout, stderr)


def _failed(error: Exception, installer: str = "uv") -> BuildFailedError:
    with pytest.raises(BuildFailedError) as caught, translate_build_errors("wheel", installer):  # type: ignore[arg-type]
        raise error
    assert caught.value.__cause__ is error
    return caught.value


def test_without_a_failure_nothing_happens() -> None:
    with translate_build_errors("sdist", "pip"):
        pass


def test_an_error_of_another_kind_stays() -> None:
    with pytest.raises(KeyError), translate_build_errors("sdist", "pip"):
        raise KeyError


@pytest.mark.parametrize(
    ("stdout", "stderr", "line", "output"),
    [
        (b"one\ntwo\n\n", None, "two", "one\ntwo"),
        (b"out\n", b"err\n", "err", "out\n\nerr"),
        (b"", b"err", "err", "err"),
        ("text", None, "text", "text"),
        (b"\xff", None, "\ufffd", "\ufffd"),
        (b"  indented  \n \n", None, "indented", "indented"),
    ],
)
def test_a_backend_that_fails(stdout: bytes | str, stderr: bytes | None, line: str, output: str) -> None:
    found = _failed(BuildBackendException(_process(stdout, stderr)))
    assert found.message == f"The build backend could not build the wheel: {line}"
    assert found.output == output
    assert found.hint == "See the backend's output above; -v shows it while it runs."


def test_a_backend_that_fails_without_a_word() -> None:
    found = _failed(BuildBackendException(_process(None)))
    assert "returned non-zero exit status 2" in found.message
    assert found.output == ""
    found = _failed(BuildBackendException(ValueError("no such hook")))
    assert found.message.endswith(": no such hook")


@pytest.mark.parametrize("installer", ["pip", "uv"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_requirements_that_cannot_be_installed(
    installer: str, monkeypatch: pytest.MonkeyPatch, *, wrapped: bool
) -> None:
    for name in ("PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name)
    process = _process(b"looking\nno such package\n")
    found = _failed(FailedProcessError(process, "it failed") if wrapped else process, installer)
    assert found.message == f"{installer} could not install the build requirements of the wheel: no such package"
    assert found.output == "looking\nno such package"
    assert str(found.hint).endswith(f"`pypi-publish config {installer}` prints the settings.")


def test_settings_that_only_pip_has_are_named_to_users_of_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_INDEX_URL", "https://acme.example/simple/")
    assert str(_failed(_process(b"x")).hint).endswith(
        "uv does not read pip's settings (PIP_INDEX_URL), and `--installer pip` does."
    )
    assert str(_failed(_process(b"x"), "pip").hint).endswith("`pypi-publish config pip` prints the settings.")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (BuildSystemTableValidationError("no requires"), "[build-system] in pyproject.toml is invalid: no requires."),
        (BuildException("No folder"), "No folder."),
    ],
)
def test_an_invalid_project_is_no_failed_build(error: Exception, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught, translate_build_errors("wheel", "uv"):
        raise error
    assert message in str(caught.value)
