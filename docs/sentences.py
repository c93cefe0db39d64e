"""
Write each sentence of the documentation on a line of its own, so that a changed sentence is one changed line.

Usage: python docs/sentences.py [PAGE ...]
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_CODE = re.compile(r"(`+).+?\1|\]\([^)]*\)|<[^>\s][^>]*>")
_END = re.compile(
    r"(?<=[.!?])(?P<closing>[\"')\]*_]*)\s+(?=[\"'(\[*_]*(?:[A-Z0-9\x00]|(?:keyring|pip|poetry|pdm|twine|uv)\b))"
)
_ABBREVIATION = re.compile(r"(\b(e\.g|i\.e|vs|etc|no|cf)|^\d+)\.$", re.IGNORECASE)
_ITEM = re.compile(r"(?P<indent>\s*)(?P<marker>[-*]|\d+\.)\s+(?P<text>.*)")
_APART = re.compile(r"\s*(#|\||```|~~~|<|---|\[[^\]]+\]: )|\s*$")


def pages() -> list[Path]:
    """Return the pages that people read in the repository."""
    return sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), ROOT / "benchmarks/README.md"])


def split(text: str) -> list[str]:
    """Return the sentences of a paragraph."""
    kept: list[str] = []

    def hide(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\x00{len(kept) - 1}\x00"

    hidden = _CODE.sub(hide, " ".join(text.split()))
    sentences, start = [], 0
    for match in _END.finditer(hidden):
        before = hidden[start : match.end("closing")]
        if not _ABBREVIATION.search(before):
            sentences.append(before)
            start = match.end()
    return [re.sub(r"\x00(\d+)\x00", lambda each: kept[int(each[1])], part) for part in [*sentences, hidden[start:]]]


def reflow(page: str) -> str:
    """Return a page of Markdown with one sentence on each line of its paragraphs and list items."""
    lines = page.split("\n")
    return "\n".join(_reflowed(lines))


def _reflowed(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at]
        fence = re.match(r"\s*(```|~~~|<!--)", line)
        if fence is not None:
            end = {"<!--": "-->"}.get(fence[1], fence[1])
            last = next((n for n in range(at + (end != "-->"), len(lines)) if end in lines[n]), len(lines) - 1)
            yield from lines[at : last + 1]
            at = last + 1
        elif _APART.match(line) or line.lstrip().startswith(">"):
            yield line
            at += 1
        else:
            item = _ITEM.match(line)
            first = f"{item['indent']}{item['marker']} " if item else re.match(r"\s*", line)[0]  # type: ignore[index]
            block = [item["text"] if item else line.strip()]
            at += 1
            while at < len(lines) and not _APART.match(lines[at]) and not _ITEM.match(lines[at]):
                block.append(lines[at].strip())
                at += 1
            sentences = split(" ".join(block))
            yield first + sentences[0]
            yield from (" " * len(first) + sentence for sentence in sentences[1:])


def main() -> None:
    """Rewrite the pages that are named, or all."""
    for page in map(Path, sys.argv[1:]) if sys.argv[1:] else pages():
        page.write_text(reflow(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
