"""The shape of the package, held by its syntax trees: floors, sizes, and what an import loads."""

import ast
import graphlib
import itertools
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import privacymw

PACKAGE = Path(privacymw.__file__).parent

# Imports go down only: to a floor below, or on the same floor to a step before. What stands on one
# step never imports each other. A dot at the end means a package: inside of it no step is kept.
# A new module fails the test until it has its place here.
FLOORS: list[list[set[str]]] = [
    [
        {
            *(
                "__init__",
                "characters",
                "drawings",
                "edits",
                "errors",
                "faults",
                "foreign",
                "headers",
                "markup",
                "routes",
            ),
            *("encodings", "held", "paths", "recall", "refresh", "setcookie", "skips", "url"),
        },
        {"address", "kinds", "linktext", "quick", "seal"},
        {"glancing"},
        {"tokenizer"},
        {"forwarding", "masking", "words"},
        {"countries", "outlets"},
        {"html"},
    ],
    [{"core"}, {"pipeline"}, {"modes"}],
    [
        {
            "answers",
            "cookie",
            "forms",
            "linkmodes",
            "links",
            "logs.",
            "mailto",
            "notes",
            "page.",
            "registry",
            "settings",
            "store.",
            "validators",
        },
        {"destination", "folder", "policy", "questions", "receipt"},
        {"ballot", "decider", "keyring", "logplace", "recorder"},
        {"bar", "clicks", "holding", "languages", "promise", "running", "tally", "visitor", "wellknown"},
        {"adoption", "choosing", "embeds", "glance", "honesty", "leaving", "plain", "proving", "redirects", "versions"},
        {"edition"},
        {"archive"},
    ],
    [{"promises."}],
    [{"evidence.", "policies"}, {"bundle.", "startup"}, {"testing"}],
    [{"lifespan", "view", "wsgi"}, {"asgi"}, {"cli."}, {"__main__", "flask", "starlette"}],
]
RANKS = {
    name: (floor, step) for floor, steps in enumerate(FLOORS) for step, names in enumerate(steps) for name in names
}

# Imports inside of functions, which break no floor's rule for a reason that stands beside them.
LAZY: set[tuple[str, str]] = set()


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


TREES = {name_of(path): ast.parse(path.read_bytes()) for path in sorted(PACKAGE.rglob("*.py"))}
LINES = {name_of(path): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}


def room(module: str) -> str:
    """What a module is called in the table of floors."""
    top = module.partition(".")[0]
    return top if top in RANKS else top + "."


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only the type checker sees."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from statements(child)


def imported(tree: ast.Module, module: str) -> Iterator[str]:
    """Full names of what a module imports; relative ones resolved."""
    package = ["privacymw", *module.split(".")]
    package = package if (PACKAGE / Path(*package[1:])).is_dir() else package[:-1]
    for node in statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def own_imports(module: str) -> set[str]:
    """The modules of ours that a module imports."""
    found = set()
    for name in imported(TREES[module], module):
        top, _, rest = name.partition(".")
        if top == "privacymw":
            found.add(next((known for known in (rest, rest.rpartition(".")[0]) if known in TREES), "__init__"))
    return found - {module}


@pytest.mark.parametrize("module", TREES)
def test_every_module_has_its_floor(module: str) -> None:
    assert room(module) in RANKS, f"give {module} a place in FLOORS"


@pytest.mark.parametrize("module", TREES)
def test_imports_go_down(module: str) -> None:
    for other in sorted(own_imports(module)):
        inside = room(module) == room(other) and room(module).endswith(".")
        lazy = (module, other) in LAZY
        assert inside or lazy or RANKS[room(other)] < RANKS[room(module)], f"{module} imports {other}"


def test_no_import_goes_round() -> None:
    graphlib.TopologicalSorter({module: own_imports(module) for module in TREES}).prepare()


IO = {
    "asyncio", "http.client", "io", "multiprocessing", "os", "pathlib", "select", "shutil", "socket", "sqlite3",
    "ssl", "subprocess", "sys", "tempfile", "threading", "time", "trio", "urllib.request",
}  # fmt: skip


@pytest.mark.parametrize("module", ["core", "pipeline", "modes", "headers", "routes"])
def test_the_core_does_no_io(module: str) -> None:
    used = [name + "." for name in imported(TREES[module], module)]
    assert [name for name in used if name.startswith(tuple(each + "." for each in IO))] == []


@pytest.mark.parametrize("module", LINES)
def test_modules_are_short(module: str) -> None:
    assert LINES[module] <= 300


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The lines of each function's body, less its docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("module", TREES)
def test_no_function_is_long(module: str) -> None:
    assert [found for found in functions(TREES[module]) if found[1] > 50] == []


def test_most_functions_are_short() -> None:
    lengths = sorted(length for tree in TREES.values() for _, length in functions(tree))
    assert statistics.median(lengths) <= 6
    assert lengths[len(lengths) * 9 // 10] <= 25


HEAVY = {
    "asyncio", "cryptography", "flask", "jinja2", "maxminddb", "psycopg", "sqlite3", "starlette", "trio",
    "ua_parser", "user_agents", "werkzeug",
}  # fmt: skip


@pytest.mark.parametrize(("module", "loads"), [("wsgi", set()), ("asgi", {"asyncio"})])
def test_an_import_is_light(module: str, loads: set[str]) -> None:
    code = f"import privacymw.{module}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) & HEAVY == loads


# --- the rules themselves notice what they should


def test_the_table_names_each_module_once() -> None:
    names = [name for steps in FLOORS for name in itertools.chain(*steps)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("source", "module", "found"),
    [
        ("import os, privacymw.core", "wsgi", ["os", "privacymw.core"]),
        ("from privacymw.core import Reply", "wsgi", ["privacymw.core.Reply"]),
        ("def f():\n    from privacymw import startup", "wsgi", ["privacymw.startup"]),
        ("if TYPE_CHECKING:\n    import os", "wsgi", []),
        ("if typing.TYPE_CHECKING:\n    import os\nelse:\n    import io", "wsgi", []),
        (
            "from .core import Reply\nfrom . import errors",
            "wsgi",
            ["privacymw.core.Reply", "privacymw.errors"],
        ),
    ],
)
def test_imports_are_found(source: str, module: str, found: list[str]) -> None:
    assert list(imported(ast.parse(source), module)) == found
