"""Hostile READMEs and metadata: nothing of them runs, loads, or takes a place that is not theirs."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser

from publisher.server.web.describing import links
from publisher.server.web.markup import embed
from publisher.server.web.readme import render_readme
from publisher.server.web.rendering import render_bounded
from tests.helpers.browser import visit
from tests.helpers.dists import make_wheel, metadata
from tests.server.conftest import OwnIndex

VECTORS = [
    "<script>document.title='run'</script>",
    "<ScRiPt src=//x.invalid/s.js></sCrIpT>",
    "<img src=x onerror=document.title='run'>",
    "<img src='https://x.invalid/pixel.png' srcset='https://x.invalid/2x.png 2x'>",
    "<svg onload=document.title='run'><script>document.title='run'</script></svg>",
    "<svg><animate onbegin=document.title='run' attributeName=x dur=1s>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=document.title=1&gt;'>",
    "<iframe srcdoc='<script>parent.document.title=1</script>'></iframe>",
    "<iframe src=javascript:document.title='run'></iframe>",
    "<object data=data:text/html,<script>1</script>></object><embed src=//x.invalid>",
    "<a href=javascript:document.title='run'>go</a>",
    "<a href=' &#x6A;avascript:document.title=1'>go</a>",
    "<a href='java\tscript:document.title=1'>go</a>",
    "<a href='data:text/html,<script>1</script>'>go</a>",
    "<a href='vbscript:x'>go</a> <a href='//x.invalid/'>go</a> <a href='/-/account/'>go</a>",
    "[go](javascript:document.title='run') [go](<java\nscript:1>) ![x](javascript:1)",
    "[go]: javascript:document.title=1\n\n[go]",
    "<form action=//x.invalid><input name=q id=find><button>Search</button></form>",
    "<input type=text value=x autofocus onfocus=document.title='run'>",
    "<details open ontoggle=document.title='run'><summary>x</summary></details>",
    "<style>body{display:none}</style><link rel=stylesheet href=//x.invalid/s.css>",
    "<div style='position:fixed;inset:0;background:red'>over</div>",
    "<base href=//x.invalid/><meta http-equiv=refresh content='0;url=//x.invalid'>",
    "<div id=content class='notice bad'>This release was yanked</div>",
    "<h1>Another title</h1><main>Another main</main>",
    "</div></div></main></body></html><script>document.title='run'</script>",
    "<template><script>document.title='run'</script></template><noscript><p title='</noscript><img src=x onerror=1>'>",
    "<video><source onerror=document.title='run'></video><audio src=//x.invalid autoplay></audio>",
    "<body onload=document.title='run'><marquee onstart=document.title='run'>x</marquee>",
    "`<script>` &lt;script&gt;document.title='run'&lt;/script&gt; &#60;script&#62;",
    "```html\n<script>document.title='run'</script>\n```",
    "```\"><script>document.title='run'</script>\nx\n```",
    "<!-- <script> --><script>document.title='run'</script>",
    "<x-y is=z onclick=document.title='run'>custom</x-y><button formaction=javascript:1>x</button>",
    "{{ 7 * 7 }} {% raw %} ${7*7}",
]

RST = """
.. raw:: html

   <script>document.title='run'</script>

.. include:: /etc/passwd

.. image:: javascript:document.title=1
   :target: javascript:document.title=1

`go <javascript:document.title=1>`_

.. figure:: https://x.invalid/x.png

.. csv-table:: t
   :file: /etc/passwd

.. role:: raw-html(raw)
   :format: html
"""

_ALLOWED = re.compile(
    r"</?(?:a|abbr|b|blockquote|br|caption|cite|code|col|colgroup|dd|del|details|div|dl|dt|em|h[2-6]|hr|i|kbd|li|ol|p|pre"
    r"|span|strong|sub|summary|sup|table|tbody|td|th|thead|tr|ul|var)"
    r"(?: (?:href|title|align|colspan|rowspan|start|id|class|tabindex|role|aria-label|rel)=\"[^\"<>]*\")*>"
)


@pytest.mark.parametrize("vector", VECTORS)
@pytest.mark.parametrize("kind", ["text/markdown", "text/markdown; variant=CommonMark"])
def test_rendered_readmes_have_harmless_tags_alone(vector: str, kind: str) -> None:
    rendered = render_readme(f"Before\n\n{vector}\n\nAfter {vector}", kind) or ""
    assert "Before" in rendered
    for tag in re.findall(r"<[^>]*>", rendered):
        assert _ALLOWED.fullmatch(tag), tag
    for target in re.findall(r'href="([^"]*)"', rendered):
        assert target.startswith(("https://", "http://", "mailto:", "#readme-")), target
    for name in re.findall(r'id="([^"]*)"', rendered):
        assert name.startswith("readme-")
    assert not set(" ".join(re.findall(r'class="([^"]*)"', rendered)).split()) & {"notice", "bad", "code", "button"}


def test_restructured_text_reads_no_file_and_writes_no_html() -> None:
    for part in RST.strip().split("\n\n.. "):
        rendered = render_readme(f"Before\n\n.. {part.removeprefix('.. ')}", "text/x-rst") or ""
        assert "root:" not in rendered
        assert "<script" not in rendered
        assert "javascript:" not in re.sub(r">[^<]*<", "", rendered)


SLOW = {
    "text/x-rst": "\n".join(f".. |{n}| replace:: |{n + 1}| |{n + 1}|" for n in range(40))
    + "\n.. |40| replace:: x\n\n|0|",
    "text/markdown": "[" * 100_000 + "*_" * 60_000,
}


@pytest.mark.parametrize("kind", SLOW)
def test_a_readme_that_takes_too_long_is_shown_as_text(kind: str) -> None:
    beats: list[int] = []
    rendered = render_bounded(SLOW[kind], kind, lambda: beats.append(1), time_limit=1.0)
    assert beats
    assert rendered is None or len(rendered) < 1_000_000


def test_a_reader_that_goes_away_ends_the_rendering() -> None:
    class GoneError(Exception):
        pass

    def gone() -> None:
        raise GoneError

    with pytest.raises(GoneError):
        render_bounded("# x", "text/markdown", gone)


FIELDS = """Summary: <script>document.title='run'</script>
Author: "><img src=x onerror=document.title='run'>
Author-email: <script>@x.invalid>
License: <b onmouseover=document.title='run'>MIT</b>
Keywords: "><script>document.title='run'</script>,javascript:alert(1)
Project-URL: <script>document.title='run'</script>, javascript:document.title='run'
Project-URL: Good, https://x.invalid/"onmouseover="document.title='run'
Home-page: data:text/html,<script>document.title='run'</script>
Provides-Extra: x
Classifier: Programming Language :: Python :: <script>document.title='run'</script>
"""


def test_nothing_hostile_runs_in_a_browser(browser: Browser, own: OwnIndex) -> None:
    index, _ = own.start("--authenticate", "update")
    index.root.mkdir(exist_ok=True)
    readmes = {"text/markdown": "\n\n".join(VECTORS), "text/x-rst": RST, "text/plain": "\n".join(VECTORS)}
    for number, (kind, readme) in enumerate(readmes.items()):
        name = f"hostile_{number}"
        header = metadata(name, "1.0", f"Description-Content-Type: {kind}\n", description=readme)
        header = header.replace(b"Summary: For tests\n", FIELDS.encode())
        member = f"{name}/<img src=x onerror=document.title='run'>.py"
        make_wheel(index.root, name, metadata_bytes=header, members={member: b""})
    with visit(browser) as guest:
        for number in range(len(readmes)):
            for path in (f"projects/hostile-{number}/", f"projects/hostile-{number}/1.0/", "?q=hostile"):
                guest.open(index.url + path)
                guest.page.wait_for_load_state("networkidle")
                assert "run" not in guest.page.title()
                assert guest.page.url == index.url + path
                assert guest.complaints == []
                assert all(url.startswith(index.url) for url in guest.requested)
                _expect_one_frame(
                    guest.page.evaluate("[...document.querySelectorAll('h1, main, form')].map(e => e.tagName)")
                )
        reason = "<script>document.title='run'</script>"
        guest.open(f"{index.url}?q={reason}")
        assert guest.complaints == []


@pytest.mark.wide  # a release, a rendering and a view for each vector
def test_no_vector_runs_in_a_browser_by_itself(browser: Browser, own: OwnIndex) -> None:
    """In one README, one that is not closed would swallow the others."""
    index, _ = own.start("--authenticate", "update")
    index.root.mkdir(exist_ok=True)
    hostile = [("text/markdown", vector) for vector in VECTORS]
    hostile += [("text/x-rst", f".. {part.removeprefix('.. ')}") for part in RST.strip().split("\n\n.. ")]
    for number, (kind, vector) in enumerate(hostile):
        header = metadata(
            "vectors", f"1.{number}", f"Description-Content-Type: {kind}\n", description=f"Top\n\n{vector}"
        )
        make_wheel(index.root, "vectors", f"1.{number}", metadata_bytes=header)
    with visit(browser) as guest:
        for number, (_, vector) in enumerate(hostile):
            guest.open(f"{index.url}projects/vectors/1.{number}/")
            page = guest.page
            page.locator("details.older > summary").click()
            readme = page.locator(".readme")
            assert "Top" in readme.inner_text(), vector
            assert readme.locator("a").count() == readme.locator("a[rel], a[href^='#readme-']").count()
            readme.hover()
            page.keyboard.press("Tab")
            assert "run" not in page.title(), vector
            assert guest.complaints == [], vector
            _expect_one_frame(page.evaluate("[...document.querySelectorAll('h1, main, form')].map(e => e.tagName)"))
        assert all(url.startswith(index.url) for url in guest.requested)


def _expect_one_frame(found: Any) -> None:
    assert sorted(found) == ["FORM", "H1", "MAIN"]


def test_the_end_of_a_readme_is_kept_when_its_last_reference_is_not_closed() -> None:
    assert embed("<p>Research &amp") == "<p>Research &amp;"


def test_a_link_whose_label_is_all_white_space_gets_one() -> None:
    [link] = links({"project_urls": {" \n": "https://acme.example/"}})
    assert (link.label, link.url) == ("Link", "https://acme.example/")


def test_classes_that_color_code_are_kept_in_code_alone() -> None:
    colored = '<pre tabindex="0"><span class="kn">import</span> <span class="nn">os</span></pre>'
    assert embed(f'{colored}<p><span class="kn">import</span></p>') == f"{colored}<p><span>import</span></p>"


def test_a_link_leads_into_the_readme_or_outside_or_is_none() -> None:
    assert embed('<a href="#usage">Usage</a>') == '<a href="#readme-usage">Usage</a>'
    outside = "https://acme.example/?a=1"
    assert embed(f'<a href="{outside}">Home</a>') == f'<a href="{outside}" rel="nofollow noreferrer">Home</a>'
    assert embed('<a href="docs/usage.md">Usage</a>') == "Usage"
