"""How fast pages go through the link scanner, beside a parser that only reads them."""

import importlib
import time
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

from bench.clock import Subject, interleaved
from bench.options import Options
from bench.report import Report
from bench.trees import trees

CHUNK = 65_536


def page(outside: bool) -> bytes:
    """A page of documentation, about 200 kB: navigation, prose, code, and links of the site or also of others."""
    words = "A promise is kept by a hook, told by a section and proven by a probe; the three come from one object. "
    nav = "".join(f'<li class="toctree-l1"><a class="reference internal" href="part{n}.html">Part {n}</a></li>\n'
                  for n in range(80))  # fmt: skip
    sections = []
    for n in range(160):
        link = f"../reference/api{n}.html#s{n}"
        if outside and n % 4 == 0:
            link = f"https://example{n % 40}.org/spec#s{n}"
        sections.append(
            f'<section id="s{n}">\n<h2>Section {n}<a class="headerlink" href="#s{n}" title="Link to this">¶</a></h2>\n'
            f'<p>{words * 3}See <a class="reference external" href="{link}"><code>api{n}</code></a>.</p>\n'
            f'<div class="highlight"><pre><span class="kn">from</span> <span class="nn">part{n}</span> '
            f'<span class="kn">import</span> <span class="n">thing</span>  <span class="c1"># {words}</span></pre>'
            f"</div>\n<p>{words * 2}</p></section>\n"
        )
    head = "<!doctype html><html lang=en><head><meta charset=utf-8><title>Reference</title></head><body>"
    return f"{head}<nav><ul>{nav}</ul></nav><main>{''.join(sections)}</main></body></html>".encode()


def small(size: int, links: int, shape: str) -> bytes:
    """A page of about `size` bytes with so many links that leave, all different, spread over it."""
    make = SHAPES[shape]
    head = b"<!doctype html><html lang=en><head><meta charset=utf-8><title>Reference</title></head><body>"
    parts, length, count = [head], len(head), 0
    while length < size:
        parts.append(make(count).encode())
        length += len(parts[-1])
        count += 1
    step = max(len(parts) // max(links, 1), 1)
    for number in range(links):
        parts[number * step % len(parts)] += (
            b'<a class="reference external" href="https://example%d.org/spec#s%d">spec</a>' % (number % 40, number)
        )
    return b"".join([*parts, b"</body></html>"])


_WORDS = "A promise is kept by a hook, told by a section and proven by a probe. "
SHAPES: dict[str, Callable[[int], str]] = {
    "tags": lambda n: (
        f'<section id="s{n}">\n<h2>Section {n}<a class="headerlink" href="#s{n}" title="Link to this">¶</a></h2>\n'
        f'<div class="highlight"><pre><span class="kn">from</span> <span class="nn">part{n}</span> <span class="kn">'
        f'import</span> <span class="n">thing</span></pre></div>\n<p><a class="reference internal" '
        f'href="api{n}.html#x"><code class="docutils literal"><span class="pre">api{n}</span></code></a></p>\n'
        "</section>\n"
    ),
    "prose": lambda n: f'<h2 id="h{n}">{n}</h2>\n<p>{_WORDS * 9}See <a href="part{n}.html">part {n}</a>.</p>\n',
    "table": lambda n: (
        f'<tr class="row"><td align="left">{n}</td><td colspan="2"><a href="item.html?n={n}">item {n}</a></td>'
        f'<td><img src="i{n}.png" alt=""><br/></td></tr>\n'
    ),
}


def scanner(options: Options) -> Report:
    """CPU time of a page, in the chunks that a framework streams a file in, beside parsers that only read it."""
    engines, notes = _engines()
    if options.trees:
        few = {name: work for name, work in engines.items() if name in ("privacymw", "lexbor", "lol-html")}
        return trees(options.trees, few, 2 if options.quick else 9, notes)
    pages = {f"{size // 1000} kB, {links} links leave": small(size, links, "tags")
             for size in (10_000, 100_000) for links in (0, 10, 100)}  # fmt: skip
    pages |= {f"100 kB, {shape}": small(100_000, 0, shape) for shape in ("prose", "table")}
    pages |= {"bench page, no link leaves": page(outside=False), "bench page, 40 links leave": page(outside=True)}
    subjects = {
        (name, engine): Subject(_times(work, content))
        for name, content in pages.items()
        for engine, work in engines.items()
    }
    figures = interleaved(
        {f"{name}|{engine}": each for (name, engine), each in subjects.items()}, options.rounds // 3 + 5
    )
    median = {key: figures["|".join(key)].median for key in subjects}
    rows = [
        [name, *(f"{median[name, engine]:.0f} ({len(content) / median[name, engine]:.0f})" for engine in engines)]
        for name, content in pages.items()
    ]
    speeds = {"|".join(key): len(pages[key[0]]) / each for key, each in median.items()}
    for other, goal in (("lexbor", 1.35), ("lol-html", 0.8)):
        if other in engines:
            ratios = [median[name, other] / median[name, "privacymw"] for name in pages]
            told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            notes.append(f"Times as fast as {other}, row by row (goal {goal} where no link leaves): {told}.")
    notes.append(f"CPU µs a page (MB/s); chunks of {CHUNK // 1024} KiB. The parsers rewrite nothing; lol-html does.")
    return Report("HTML scanner", ["page", *engines], rows, notes, speeds)


def _engines() -> tuple[dict[str, Callable[[bytes], object]], list[str]]:
    """What is installed, by name, and what is not."""
    engines: dict[str, Callable[[bytes], object]] = {"privacymw": _rewriter()}
    missing = []
    for name, find in (("lexbor", _lexbor), ("lxml", _lxml), ("html.parser", _stdlib), ("lol-html", _lolhtml)):
        try:
            engines[name] = find()
        except ImportError:
            missing.append(name)
    return engines, [f"Skipped, not installed: {', '.join(missing)}."] if missing else []


def _lexbor() -> Callable[[bytes], object]:
    return importlib.import_module("selectolax.lexbor").LexborHTMLParser  # type: ignore[no-any-return]


def _lxml() -> Callable[[bytes], object]:
    return importlib.import_module("lxml.html").document_fromstring  # type: ignore[no-any-return]


def _stdlib() -> Callable[[bytes], object]:
    def parse(content: bytes) -> None:
        parser = HTMLParser()
        parser.feed(content.decode())
        parser.close()

    return parse


def _lolhtml() -> Callable[[bytes], object]:
    """The same links rewritten, judged and sealed by the same code."""
    rewriter: Any = importlib.import_module("lolhtml").HTMLRewriter
    fresh = _links()

    class Handler:
        def __init__(self) -> None:
            self.links = fresh()

        def element(self, element: Any) -> None:
            href = element.get_attribute("href")
            address = href if href is None else self.links.address(href)
            if address != href:
                element.set_attribute("href", address)
                element.set_attribute("rel", "external nofollow")

        def comments(self, comment: Any) -> None:
            """Asked for by the protocol."""

        text = comments

    def scan(content: bytes) -> bytes:
        parts: list[bytes] = []
        driven = rewriter(lambda part: parts.append(bytes(part)))
        driven.on("a, area", Handler())
        for at in range(0, len(content), CHUNK):
            driven.write(content[at : at + CHUNK])
        driven.end()
        return b"".join(parts)

    assert scan(page(outside=True)).count(b"/privacy/leaving/") == 40
    return scan


def _links() -> Callable[[], Any]:
    """Makes the links of an answer."""
    from secrets import token_bytes

    from privacymw.links import Links, Rules
    from privacymw.pipeline import Pipeline
    from privacymw.recall import Shelf
    from privacymw.seal import KEY_BYTES, LinkSeal
    from privacymw.url import Classifier

    rules = Rules(
        Classifier(), LinkSeal([("k1", token_bytes(KEY_BYTES))]), "/privacy", lambda kind, name: None, shelf=Shelf()
    )
    exchange: Any = Pipeline(()).begin("GET", "", "/", "", "https", None, {"host": "docs.example"})
    return lambda: Links(rules, exchange, "interstitial")


def _rewriter() -> Callable[[bytes], object]:
    """A scan as the outbound promise does it."""
    from privacymw.html import Rewriter

    fresh = _links()

    def scan(content: bytes) -> bytes:
        links = fresh()
        links.rewriter = rewriter = Rewriter(links.decide, passes_own=True, recall=links.recall("utf-8"))
        chunks = (content[at : at + CHUNK] for at in range(0, len(content), CHUNK))
        return b"".join([*map(rewriter.feed, chunks), rewriter.close()])

    rewritten = scan(page(outside=True))
    assert (rewritten.count(b"/privacy/leaving/"), rewritten.count(b"https://example")) == (40, 0)
    assert scan(page(outside=False)) == page(outside=False)
    return scan


def _times(work: Callable[[bytes], object], content: bytes) -> Callable[[int], float]:
    def run(count: int) -> float:
        start = time.process_time()
        for _ in range(count):
            work(content)
        return time.process_time() - start

    return run
