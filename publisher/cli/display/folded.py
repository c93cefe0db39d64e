"""Steps of a run in the log of GitHub Actions, where a build's output is folded and passwords are masked."""

import base64
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from publisher.cli.display.lines import LineObserver
from publisher.cli.display.output import Output
from publisher.client.url import IndexUrl
from publisher.github import runner as github
from publisher.secret import Credentials


class FoldingObserver(LineObserver):
    """Writes the same lines for GitHub's log, in which a build's own output is folded and a password is stars."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._quotation: github.Quotation | None = None

    def output(self, project: Path, text: bytes) -> None:
        """Begin a group in which nothing that the build prints is a command to the runner."""
        if self._quotation is None:
            self._quotation = github.Quotation()
            self._output.command(github.group(f"The build of {project} in full"))
            self._output.command(self._quotation.begin)
        super().output(project, text)

    def built(self, project: Path, files: Sequence[Path]) -> None:
        """End the group."""
        self.close()
        super().built(project, files)

    def connected(self, url: IndexUrl, credentials: Credentials) -> None:
        """Have the runner show stars for the password, as itself and as encoded in requests."""
        password = credentials.password.reveal()
        header = base64.b64encode(f"{credentials.username}:{password}".encode()).decode()
        for text in (password, quote(password, safe=""), header):
            for command in github.mask(text):
                self._output.command(command)
        super().connected(url, credentials)

    def close(self) -> None:
        """End a group that a failure left open."""
        if self._quotation is not None:
            self._output.command(self._quotation.end)
            self._output.command(github.END_GROUP)
            self._quotation = None
