"""How fast pages go through the link scanner, beside a parser that only reads them."""

import time
from collections.abc import Callable
from typing import Any

from bench.clock import Subject, interleaved
from bench.options import Options
from bench.report import Report

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


def scanner(options: Options) -> Report:
    """Megabytes a second of CPU time, page in the chunks that a framework streams a file in."""
    subjects, notes = {}, []
    pages = {"no link leaves": page(outside=False), "40 links leave": page(outside=True)}
    for name, content in pages.items():
        subjects[f"privacymw.html, {name}"] = Subject(_times(_rewriter(), content))
    try:
        from selectolax.lexbor import LexborHTMLParser

        subjects["selectolax (lexbor), parse only"] = Subject(_times(LexborHTMLParser, pages["40 links leave"]))
    except ImportError:
        notes.append("Skipped: selectolax is not installed.")
    figures = interleaved(subjects, options.rounds)
    size = len(pages["40 links leave"])
    speeds = {name: size / each.median for name, each in figures.items()}
    rows = [[name, f"{figures[name].median:.0f}", f"{speeds[name]:.0f}"] for name in figures]
    notes.append(f"The page has {size / 1e3:.0f} kB; chunks of {CHUNK // 1024} KiB.")
    return Report("HTML scanner", ["what", "CPU µs a page", "MB/s"], rows, notes, speeds)


def _rewriter() -> Callable[[bytes], object]:
    """A scan as the outbound promise does it."""
    from secrets import token_bytes

    from privacymw.html import Rewriter
    from privacymw.links import Links, Rules
    from privacymw.pipeline import Pipeline
    from privacymw.seal import KEY_BYTES, LinkSeal
    from privacymw.url import Classifier

    rules = Rules(Classifier(), LinkSeal([("k1", token_bytes(KEY_BYTES))]), "/privacy", lambda kind, name: None)
    exchange: Any = Pipeline(()).begin("GET", "", "/", "", "https", None, {"host": "docs.example"})

    def scan(content: bytes) -> bytes:
        links = Links(rules, exchange, "interstitial")
        links.rewriter = rewriter = Rewriter(links.decide, passes_own=True)
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
