"""What a request costs more with everything on, inside the framework."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from bench.apps import LINK, TEXT, flask_app, starlette_app
from bench.clock import Figure, Subject, interleaved
from bench.options import Options
from bench.peers import flask_stack, starlette_stack
from bench.report import Report, against
from bench.subject import SOURCES, Everything, everything_on
from bench.traffic import Asgi, Wsgi, cookies

FRESH = 2_048
"""Cookies in turn where each is to be verified: more than are remembered."""


class Framework(NamedTuple):
    """A framework, what plays its server, and the budgets of its figures: at first, in the end."""

    name: str
    app: Callable[[Any], Any]
    server: type[Wsgi] | type[Asgi]
    stack: Callable[[Path], tuple[Any, str]]
    of_hello: tuple[float, float]
    of_peers: tuple[float, float]

    def wrapped(self, tree: Everything) -> Any:
        app = self.app(tree.visit)
        return tree.wsgi(app) if self.server is Wsgi else tree.asgi(app)


STARLETTE = Framework("Starlette", starlette_app, Asgi, starlette_stack, (1.0, 0.75), (1 / 8, 1 / 10))
FLASK = Framework("Flask", flask_app, Wsgi, flask_stack, (0.20, 0.15), (1 / 9, 1 / 12))
FIRST_SEEN_OF_PEERS = 1 / 4

PATHS = {"preference cookie sent": "/", "cookie read in the view": "/reads", "cookie first seen": "/reads",
         "no cookie of ours": "/", "HTML, one outside link": "/page"}  # fmt: skip


def starlette(options: Options) -> Report:
    """In Starlette."""
    return _measured(STARLETTE, options)


def flask(options: Options) -> Report:
    """In Flask."""
    return _measured(FLASK, options)


def _measured(framework: Framework, options: Options) -> Report:
    notes = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="privacymw-bench-")))
        subjects: dict[str, Subject] = {}
        trees = {"before: ": options.against, "": SOURCES}
        for prefix, sources in trees.items():
            if sources is not None:
                tree = stack.enter_context(everything_on(sources))
                subjects |= {prefix + name: each for name, each in _ours(framework, tree)}
        bare = framework.app(tree.visit)
        subjects["hello"] = Subject(_hello(framework, bare, tree, "/").run)
        subjects["hello, HTML"] = Subject(_hello(framework, bare, tree, "/page").run)
        try:
            subjects["peers"] = _peers(framework, folder)
        except ImportError as missing:
            notes.append(f"Skipped: the peers, {missing} (pip install secure uvicorn).")
        figures = interleaved(subjects, options.rounds)
    return _report(framework, figures, notes)


def _ours(framework: Framework, tree: Everything) -> Iterator[tuple[str, Subject]]:
    app = framework.wrapped(tree)
    tokens = tree.tokens(FRESH)
    sent = {"cookie first seen": tokens, "no cookie of ours": [""]}
    for name, path in PATHS.items():
        server = framework.server(app, path, [cookies(token) for token in sent.get(name, tokens[:1])])
        _check(tree, server, path)
        yield name, Subject(server.run, tree.flush)


def _check(tree: Everything, server: Wsgi | Asgi, path: str) -> None:
    """That what is timed does what it is timed for."""
    tree.flush()
    before = tree.stored()
    status, headers, body = server.answer()
    tree.flush()
    names = {name for name, _ in headers}
    assert status == 200
    assert {"strict-transport-security", "content-security-policy", "link"} <= names
    assert ("vary" in names) == (path == "/reads")
    assert body == {"/": TEXT.encode(), "/reads": b"es"}.get(path, body)
    assert LINK.encode() not in body
    assert tree.stored() == before + 1


def _hello(framework: Framework, app: Any, tree: Everything, path: str) -> Wsgi | Asgi:
    return framework.server(app, path, [cookies(tree.tokens(1)[0])])


def _peers(framework: Framework, folder: Path) -> Subject:
    app, cookie = framework.stack(folder)
    server = framework.server(app, "/", [cookies(cookie)])
    status, headers, body = server.answer()
    assert (status, body) == (200, TEXT.encode())
    assert "strict-transport-security" in dict(headers)
    return Subject(server.run)


def _report(framework: Framework, figures: dict[str, Figure], notes: list[str]) -> Report:
    hello = figures["hello"]
    peers = figures["peers"].median - hello.median if "peers" in figures else None
    rows, numbers = [], {}
    for name, figure in figures.items():
        base = figures["hello, HTML"] if "HTML" in name else hello
        added = figure.median - base.median
        numbers[name] = {**figure._asdict(), "added": added, "of_hello": added / base.median}
        cells = [f"{figure.median:.2f}", f"{figure.low:.2f}-{figure.high:.2f}"]
        if name.startswith("hello"):
            rows.append([name, *cells, "", "", ""])
            continue
        before = figures.get("before: " + name)
        change = f"{added / (before.median - base.median):.2f} of before" if before else ""
        of_peers = _of_peers(framework, name, added, peers)
        rows.append([name, *cells, f"{added:.2f}", _of_hello(framework, name, added / base.median), of_peers + change])
    head = ["variant", "CPU µs", "quartiles", "added µs", "of a hello", "of the peers' / before"]
    notes.append("Budgets: at first; the second ones are " + _second(framework))
    return Report(f"{framework.name}, everything on, warm", head, rows, notes, numbers)


def _of_hello(framework: Framework, name: str, ratio: float) -> str:
    return against(ratio, framework.of_hello[0]) if name == "preference cookie sent" else f"{ratio:.2f}"


def _of_peers(framework: Framework, name: str, added: float, peers: float | None) -> str:
    budgets = {"preference cookie sent": framework.of_peers[0], "cookie read in the view": framework.of_peers[0],
               "cookie first seen": FIRST_SEEN_OF_PEERS}  # fmt: skip
    if peers is None or name not in budgets:
        return ""
    ratio = added / peers
    return f"1/{1 / ratio:.1f} (≤ 1/{1 / budgets[name]:.0f}{'' if ratio <= budgets[name] else ' MISSED'})  "


def _second(framework: Framework) -> str:
    return f"{framework.of_hello[1]:.2f} of a hello, 1/{1 / framework.of_peers[1]:.0f} of the peers'."
