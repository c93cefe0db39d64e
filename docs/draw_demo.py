"""Draws the README's picture, docs/images/demo.svg: run `python docs/draw_demo.py` when the demo's output changes."""

import html
import os
import pty
import re
import sys
from pathlib import Path

from rich.style import Style
from rich.text import Text

PICTURE = Path(__file__).parent / "images" / "demo.svg"
STEPS = ("4", "6", "7")
COLUMNS, LINE, CHARACTER, MARGIN = 100, 19, 8.05, 16
"""Characters in a line, and pixels: height of a line, width of a character, margin."""
TITLE = "Terminal: a package is built, published and installed"
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
COLORS = {2: "#3fb950", 6: "#39c5cf", None: "#e6edf3"}
"""By ANSI color number."""


def _run_demo() -> str:
    """Return the output of the demo on a terminal, with its ANSI sequences."""
    chunks: list[bytes] = []

    def read(descriptor: int) -> bytes:
        chunks.append(os.read(descriptor, 65536))
        return chunks[-1]

    os.environ["COLUMNS"] = str(COLUMNS)
    status = pty.spawn([str(Path(sys.executable).parent / "pypi-publish"), "demo"], read)
    if status:
        sys.exit("The demo failed.")
    return b"".join(chunks).decode().replace("\r\n", "\n")


def _select(output: str) -> list[Text]:
    """Return the lines of the chosen steps, each cut to the width of the picture."""
    steps = re.split(r"\n(?=\n\x1b\[1m\d\. )", output)
    chosen = [step for step in steps if re.match(r"\n\x1b\[1m[%s]\. " % "".join(STEPS), step)]  # noqa: UP031 - braces
    lines = [Text.from_ansi(line) for step in chosen for line in step.rstrip().split("\n")][1:]
    for line in lines:
        line.truncate(COLUMNS, overflow="ellipsis")
    return lines


def _draw(lines: list[Text]) -> str:
    """Return the lines as SVG that needs no font or script from elsewhere."""
    width, height = round(COLUMNS * CHARACTER + 2 * MARGIN), len(lines) * LINE + 2 * MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{TITLE}">',
        f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>',
        '<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13">',
    ]
    for number, line in enumerate(lines):
        pieces = "".join(_piece(line.plain[start:end], style) for start, end, style in _spans(line))
        if pieces:
            drawn.append(f'<text x="{MARGIN}" y="{MARGIN + (number + 0.75) * LINE:.0f}">{pieces}</text>')
    return "\n".join([*drawn, "</g>", "</svg>", ""])


def _spans(line: Text) -> list[tuple[int, int, Style]]:
    """Return the parts of a line with one style each."""
    found = [(span.start, span.end, span.style) for span in line.spans if isinstance(span.style, Style)]
    return found or [(0, len(line.plain), Style())]


def _piece(text: str, style: Style) -> str:
    color = COLORS.get(style.color.number if style.color else None, COLORS[None])
    weight = ' font-weight="bold"' if style.bold else ""
    return (
        f'<tspan fill="{color}"{weight}>{html.escape(text.rstrip()).replace(" ", NO_BREAK_SPACE)}</tspan>'
        if text.strip()
        else ""
    )


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(_draw(_select(_run_demo())), "utf-8")
