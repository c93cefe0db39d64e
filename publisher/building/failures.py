"""Translation of pypa/build's exceptions, and of a failed process, into errors of this package."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from publisher.building.engine import Installer
from publisher.building.installer import pip_indexes
from publisher.building.pypa_build import (
    BuildBackendException,
    BuildException,
    BuildSystemTableValidationError,
    FailedProcessError,
)
from publisher.errors import BuildFailedError, ConfigurationError


@contextmanager
def translate_build_errors(kind: str, installer: Installer) -> Iterator[None]:
    """
    Translate every failure to build a ``kind`` of distribution, with the output of the process that failed.

    Raises ConfigurationError for an invalid project, BuildFailedError for a failed backend or environment.
    """
    try:
        yield
    except BuildSystemTableValidationError as error:
        raise ConfigurationError(f"[build-system] in pyproject.toml is invalid: {error.args[0]}.") from error
    except BuildBackendException as error:
        output = _output_of(error.exception)
        raise BuildFailedError(
            f"The build backend could not build the {kind}: {_last_line(output) or error.exception}",
            hint="See the backend's output above; -v shows it while it runs.",
            output=output,
        ) from error
    except (subprocess.CalledProcessError, FailedProcessError) as error:
        output = _output_of(error)
        raise BuildFailedError(
            f"{installer} could not install the build requirements of the {kind}: {_last_line(output) or error}",
            hint=_advice(installer),
            output=output,
        ) from error
    except BuildException as error:
        raise ConfigurationError(f"{error}.") from error


def _advice(installer: Installer) -> str:
    start = f"Check `requires` in [build-system], and that {installer} is configured for the index that has them"
    if installer == "uv" and (place := pip_indexes()):
        return f"{start}: uv does not read pip's settings ({place}), and `--installer pip` does."
    return f"{start}: `pypi-publish config {installer}` prints the settings."


def _output_of(error: BaseException) -> str:
    """Return the output of the process that failed, as text."""
    for cause in (error, getattr(error, "exception", None), error.__cause__):
        if isinstance(cause, subprocess.CalledProcessError):
            streams = [part for part in (cause.stdout, cause.stderr) if part]
            text = "\n".join(part.decode(errors="replace") if isinstance(part, bytes) else part for part in streams)
            return text.strip()
    return ""


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else ""
