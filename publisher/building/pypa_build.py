"""Door to pypa/build; importing it takes a tenth of a second."""

from build import (  # noqa: TID251 - the only door to build
    BuildBackendException,
    BuildException,
    BuildSystemTableValidationError,
    FailedProcessError,
    ProjectBuilder,
)
from build.env import DefaultIsolatedEnv, IsolatedEnv  # noqa: TID251

__all__ = [
    "BuildBackendException",
    "BuildException",
    "BuildSystemTableValidationError",
    "DefaultIsolatedEnv",
    "FailedProcessError",
    "IsolatedEnv",
    "ProjectBuilder",
]
