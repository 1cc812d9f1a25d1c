"""Writes `PROOFS.md`: each sentence that the page calls kept, what keeps it, what looks at it, what proves it.

python tools/proofs.py            writes it
python tools/proofs.py --check    exit code 1 where it is not current
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
sys.path.insert(0, str(TESTS))

import mutants  # noqa: E402
from checked import WHOLE  # noqa: E402
from privacymw.evidence.claim import Sentence as Claimed  # noqa: E402
from privacymw.evidence.sentences import EVIDENCE  # noqa: E402
from privacymw.policies import Policy  # noqa: E402
from privacymw.promise import Means, Section  # noqa: E402
from privacymw.promises import PROMISES  # noqa: E402

PAGE = ROOT / "PROOFS.md"
MARK = "proves"
_HOOKS = ("on_request", "on_response", "on_finish", "fixed", "pages", "fallbacks", "offers")
HEAD = """# Proofs

Made by `python tools/proofs.py`; do not edit it here. A test fails when it is not current, when a kept sentence has no
proof, or when a proof names no sentence.

The page calls a sentence *kept* when code of this package keeps it. For each: the functions whose break is seen
([docs/mutants.md](docs/mutants.md) lists the breaks), the evidence by which `privacymw check` looks at it on a running
app, and the tests that prove it. What people *state* is not here.
"""


def kept() -> Mapping[str, tuple[Section, str]]:
    """Every kept sentence by its name, with its section and its text, placeholders left open."""
    found: dict[str, tuple[Section, str]] = {}
    for settings in [{}, *(each.settings for each in mutants.SITES.values())]:
        named = {f"PRIVACYMW_{name.upper()}": text for name, text in {**WHOLE, **settings}.items() if text}
        places = {"PRIVACYMW_DATA": "/srv/data", "PRIVACYMW_KEYS": "/srv/keys"}
        for section in Policy.from_env({**named, **places}).within(Means(secret=True, store=True)).sections():
            for each in section.sentences:
                if each.kept:
                    name = Claimed(each.name, each.text, each.kept, each.facts).matter
                    found.setdefault(name, (section, each.template))
    return found


def proofs() -> Mapping[str, list[str]]:
    """The tests that prove a sentence, by its name, as their marks say."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.glob("test_*.py")):
        for test, names in marked(ast.parse(path.read_bytes())):
            for name in names:
                found.setdefault(name, []).append(f"{path.name}::{test}")
    return found


def marked(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Tests with the mark, and the sentences in it."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for each in node.decorator_list:
                if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr == MARK:
                    yield node.name, [ast.literal_eval(argument) for argument in each.args]


def hooks(section: str) -> list[str]:
    """The hooks of the keepers of a section: methods and tables of the classes that have its name."""
    promise = next(each for each in PROMISES if each.group == section)
    source = Path(sys.modules[promise.__module__].__file__ or "").read_bytes()
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    keepers = [each for each in classes if _is_named(each, section)]
    heirs = [each for each in classes if {ast.unparse(base) for base in each.bases} & {one.name for one in keepers}]
    return [f"{each.name}.{name}" for each in [*keepers, *heirs] for name in _overridden(each)]


def _is_named(node: ast.ClassDef, name: str) -> bool:
    return any(isinstance(each, ast.Assign) and ast.unparse(each) == f"name = {name!r}" for each in node.body)


def _overridden(node: ast.ClassDef) -> Iterator[str]:
    text = ast.unparse(node)
    for name in _HOOKS:
        if f"def {name}(" in text or f"self.{name} = " in text or f"self.{name}[" in text:
            yield name


def page() -> str:
    """The whole document."""
    found, proved = kept(), proofs()
    parts = [HEAD]
    for promise in PROMISES:
        names = [name for name, (section, _) in found.items() if section.name == promise.group]
        if names:
            module = promise.__module__.removeprefix("privacymw.").replace(".", "/")
            parts.append(f"## {promise.title}\n\n`{promise.__name__}` in `src/privacymw/{module}.py`, whose hooks are")
            parts.append(", ".join(f"`{each}`" for each in hooks(promise.group)) + ".\n")
            parts += [part for name in names for part in told(name, found[name][1], proved.get(name, []))]
    return "\n".join(parts)


def told(name: str, text: str, tests: list[str]) -> Iterator[str]:
    """One sentence."""
    look = EVIDENCE[name]
    breaks = [each for each in mutants.MUTANTS if each.breaks == name and each.name not in mutants.SURVIVORS]
    yield f"### `{name}`\n\n> {text}\n"
    yield "- broken in: " + ", ".join(dict.fromkeys(f"`{each.at}`" for each in breaks))
    yield f"- evidence: `{look.__module__.removeprefix('privacymw.')}.{look.__name__}`"
    yield "- proved by: " + ", ".join(f"`{each}`" for each in tests) + "\n"


def main() -> int:
    if "--check" in sys.argv[1:]:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        print("current" if current else f"{PAGE.name} is not current: run python tools/proofs.py")
        return 0 if current else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
