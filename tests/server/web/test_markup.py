"""HTML of a README as a part of a page: one row for each kind of element, and what becomes of it."""

import pytest

from publisher.server.web.markup import embed

REL = ' rel="nofollow noreferrer"'
HOME = "https://acme.example/"
KINDS = "admonition admonition-title note tip important warning caution danger error"
TABLE = '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>'


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("<h1>A</h1><h2>B</h2>", "<h2>A</h2><h3>B</h3>"),
        ("<h5>A</h5><h6>B</h6>", "<h6>A</h6><h6>B</h6>"),
        ("<section>a</section><aside>b</aside><nav>c</nav>", "<div>a</div><div>b</div><div>c</div>"),
        ("<figure>a<figcaption>b</figcaption></figure>", "<div>a<div>b</div></div>"),
        ("<tt>a</tt><acronym>b</acronym>", "<code>a</code><abbr>b</abbr>"),
        ("a<br>b<hr>", "a<br>b<hr>"),
        ("a<br/>b", "a<br>b"),
        ("<table><tr><td>1</td></tr></table>", f"{TABLE}<tr><td>1</td></tr></table></div>"),
        ("<input type=checkbox checked> a<input type=checkbox> b", "☑  a☐  b"),
        ("<p>1 &lt; 2 &amp; &quot;3&quot;</p>", '<p>1 &lt; 2 &amp; "3"</p>'),
        ("<pre>a\n b</pre>", '<pre tabindex="0">a\n b</pre>'),
    ],
)
def test_elements_fit_into_the_page(given: str, expected: str) -> None:
    assert embed(given) == expected


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ('title="a &quot;b&quot;"', ' title="a &quot;b&quot;"'),
        ('align="right" colspan="2" rowspan="3" start="4"', ' align="right" colspan="2" rowspan="3" start="4"'),
        ('style="color:red" onclick="x()" role="main" tabindex="1"', ""),
        ('title=""', ""),
        ("title", ""),
        ('class="note admonition"', ' class="note admonition"'),
        ('class="notice bad tip"', ' class="tip"'),
        *((f'class="{name}"', f' class="{name}"') for name in KINDS.split()),
        ('class="kn"', ""),
        ('id="a b"', ' id="readme-a-b"'),
        ('id=""', ""),
    ],
)
def test_harmless_attributes_are_kept(given: str, kept: str) -> None:
    assert embed(f"<div {given}>x</div>") == f"<div{kept}>x</div>"


@pytest.mark.parametrize(
    ("given", "kept"),
    [("k", True), ("kn", True), ("k1", True), ("kn1", True), ("abc", False), ("K", False), ("1", False)],
)
def test_classes_of_colored_code_are_short(given: str, *, kept: bool) -> None:
    for tag in ("pre", "code"):
        written = f'<span class="{given}">' if kept else "<span>"
        assert written in embed(f'<{tag}><span class="{given}">x</span></{tag}>')
    assert f'class="{given}"' not in embed(f'<code>y</code><span class="{given}">x</span>')


def test_a_place_is_named_once() -> None:
    assert embed('<p id="a">x</p><p id="a">y</p>') == '<p id="readme-a">x</p><p>y</p>'


@pytest.mark.parametrize(
    ("href", "written"),
    [
        (HOME, f'href="{HOME}"{REL}'),
        ("HTTP://acme.example/", f'href="HTTP://acme.example/"{REL}'),
        ("mailto:ada@acme.example", f'href="mailto:ada@acme.example"{REL}'),
        ("https://acme.example/a b?c=é", f'href="https://acme.example/a%20b?c=%C3%A9"{REL}'),
        ("#a", 'href="#readme-a"'),
        ("#", ""),
        ("https:", ""),
        ("https:///path", ""),
        ("//acme.example/", ""),
        ("/-/account/", ""),
        ("usage.md", ""),
        ("javascript:x", ""),
        ("ftp://acme.example/", ""),
        ("http://[", ""),
        ("", ""),
    ],
)
def test_a_link_that_leads_nowhere_here_loses_its_target(href: str, written: str) -> None:
    assert embed(f'<a href="{href}">x</a> y') == (f"<a {written}>x</a> y" if written else "x y")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (f'<a href="{HOME}" id="b" title="t">x</a>', f'<a href="{HOME}" id="readme-b" title="t"{REL}>x</a>'),
        (f'<a href="{HOME}"></a>x', "x"),
        (f'<a href="{HOME}"> </a>x', " x"),
        (f'<a href="{HOME}"> <b>a</b></a>x', f' <a href="{HOME}"{REL}><b>a</b></a>x'),
        (f'<a href="{HOME}"><b>x</b></a>', f'<a href="{HOME}"{REL}><b>x</b></a>'),
        (f'<a href="{HOME}">x<a href="#b">y</a>z', f'<a href="{HOME}"{REL}>x</a><a href="#readme-b">y</a>z'),
        (f'<a href="{HOME}"><a href="#b">y</a></a>z', '<a href="#readme-b">y</a>z'),
        ("x</a>y", "xy"),
        ("<a>x</a>y</a>z", "xyz"),
    ],
)
def test_links_are_closed_and_have_contents(given: str, expected: str) -> None:
    assert embed(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (f'<img src="{HOME}a.png" alt="A  &lt;b&gt;">', f'<a class="image" href="{HOME}a.png"{REL}>A &lt;b&gt;</a>'),
        (f'<img src="{HOME}a.png">', f'<a class="image" href="{HOME}a.png"{REL}>image</a>'),
        (f'<img src="{HOME}a.png" alt=" ">', f'<a class="image" href="{HOME}a.png"{REL}>image</a>'),
        ('<img src="logo.png" alt="Logo">', '<span class="image">Logo</span>'),
        ('<img src="mailto:a@b" alt="Logo">', '<span class="image">Logo</span>'),
        ('<img src="#a" alt="Logo">', '<span class="image">Logo</span>'),
        (
            f'<a href="{HOME}"><img src="{HOME}a.png" alt="A"></a><img src="{HOME}b.png" alt="B">',
            f'<a href="{HOME}"{REL}><span class="image">A</span></a><a class="image" href="{HOME}b.png"{REL}>B</a>',
        ),
        (f'<a href="x.md"><img src="{HOME}a.png" alt="A"></a>', f'<a class="image" href="{HOME}a.png"{REL}>A</a>'),
        ("<picture><img alt=A></picture>", '<span><span class="image">A</span></span>'),
    ],
)
def test_an_image_is_a_link_with_its_text(given: str, expected: str) -> None:
    assert embed(given) == expected
