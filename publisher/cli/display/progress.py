"""The choice of how a run's steps are shown."""

import os

from publisher.cli.display.folded import FoldingObserver
from publisher.cli.display.lines import LineObserver
from publisher.cli.display.output import Output, can_rewrite_lines
from publisher.publish.events import Observer


def make_observer(output: Output) -> Observer:
    """Return the display of steps that fits stderr."""
    if output.runner is not None:
        return FoldingObserver(output)
    if output.is_quiet:
        return Observer()
    if not can_rewrite_lines(os.environ):
        return LineObserver(output)
    from publisher.cli.display.live import LiveObserver  # rich, which only a terminal needs

    return LiveObserver(output)
