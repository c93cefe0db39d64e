"""The interface of the two ways to build one distribution in an isolated environment."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from publisher.building.hooks import OutputCallback
from publisher.building.uv import UvBuildSettings

Installer = Literal["pip", "uv"]
DistributionKind = Literal["sdist", "wheel"]


class BuildContext(NamedTuple):
    """Circumstances of one project's build: variables and output of its hooks, and uv's settings for it."""

    variables: Mapping[str, str]
    on_output: OutputCallback
    settings: UvBuildSettings


class BuildEngine(ABC):
    """Builds single distributions; several threads may do so at the same time."""

    @abstractmethod
    def prepare(
        self,
        source: Path,
        requirements: Collection[str],
        settings: UvBuildSettings,
        variables: Callable[[], Mapping[str, str]],
    ) -> None:
        """Start to set up the environment that a source folder's build will need; its variables may be asked for."""

    @abstractmethod
    def build(self, source: Path, kind: DistributionKind, out_dir: Path, context: BuildContext) -> Path:
        """
        Build one distribution of a source folder, with all that its ``[build-system]`` and its backend require.

        Raises pypa/build's exceptions, subprocess.CalledProcessError when requirements can't be installed, and
        AccelerationError when the build may succeed with another engine.
        """

    @abstractmethod
    def close(self) -> None:
        """End running builds, which then fail, and remove the environments."""
