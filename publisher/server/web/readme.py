"""A description rendered as safe HTML: Markdown or reStructuredText; also a program, for a process of its own."""

import json
import os
import sys
import warnings
from email.message import EmailMessage
from html import escape

from publisher.limits import LIMITS
from publisher.server.web.markup import embed


def render_readme(text: str, content_type: str) -> str | None:
    """Return a description as HTML for a part of a page; None where it can only be shown as text."""
    kind, variant = _kind(content_type)
    if kind == "text/markdown":
        html = _markdown(text, variant)
    elif kind == "text/x-rst":
        html = _restructured_text(text)
    else:
        html = None
    embedded = embed(html) if html else None
    return embedded if embedded is None or len(embedded) <= LIMITS.pages.readme_html else None


def as_text(text: str) -> str:
    """Return a description as HTML that shows it as it is."""
    return f'<pre class="text" tabindex="0" dir="auto">{escape(text[: LIMITS.pages.readme])}</pre>'


def _kind(content_type: str) -> tuple[str, str]:
    """Return type and variant of a description; without one it is reStructuredText, as on the public index."""
    header = EmailMessage()
    header["content-type"] = " ".join(content_type.split()) or "text/x-rst"
    variant = header.get_param("variant", "GFM")
    return header.get_content_type(), variant if isinstance(variant, str) else "GFM"


def _markdown(text: str, variant: str) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns if comrak is missing
        from readme_renderer import markdown  # noqa: PLC0415, TID251 - a door to readme_renderer; imported by few

        names = {name.lower(): name for name in ("GFM", "CommonMark")}
        return markdown.render(text, variant=names.get(variant.lower(), "GFM"))


def _restructured_text(text: str) -> str | None:
    from readme_renderer import rst  # noqa: PLC0415, TID251 - a fifth of a second

    return rst.render(text)


def main() -> None:
    """Read a description as JSON, write it as JSON; limits end excessive work."""
    _limit()
    given = json.load(sys.stdin)
    json.dump(render_readme(given["text"], given["content_type"]), sys.stdout)


def _limit() -> None:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CPU, (LIMITS.pages.rendering_processor,) * 2)
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (LIMITS.pages.rendering_memory,) * 2)


if __name__ == "__main__":
    main()
