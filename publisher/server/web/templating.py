"""The templates of the pages: everything that they insert is escaped, and a name that is missing is an error."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from publisher.limits import LIMITS
from publisher.project.display import human_size
from publisher.server.web.describing import is_web_url

if TYPE_CHECKING:
    from jinja2 import Environment  # noqa: TID251 - the only door to jinja2

TEMPLATES = Path(__file__).with_name("templates")


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return a page made from a template, ``project.html`` say."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415, TID251 - no installer needs it

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["size"] = human_size
    made.filters["count"] = count
    made.filters["segment"] = lambda text: quote(text, safe="+!~")
    made.filters["day"] = lambda time: time[:10]
    made.filters["moment"] = moment
    made.filters["shortened"] = shortened
    made.tests["web_url"] = is_web_url
    return made


def count(number: int, noun: str, several: str = "") -> str:
    """Return a number with its noun: 1 file, 2,000 files."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def moment(time: str) -> str:
    """Return a time of RFC 3339 as people read it: 2 Nov 2026, 09:41 UTC."""
    try:
        found = datetime.fromisoformat(time)
    except ValueError:
        return time
    return f"{found.day} {found:%b %Y, %H:%M} UTC"


def shortened(text: str) -> str:
    """Return a summary for a list; a long one is cut after a word."""
    if len(text) <= LIMITS.pages.listed_summary:
        return text
    cut = text[: LIMITS.pages.listed_summary]
    return f"{cut.rpartition(' ')[0].rstrip() or cut}…"
