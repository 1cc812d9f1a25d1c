"""`python tests/trees.py PATH ...`: whether the fast path writes the pages of real trees as the exact path does."""

import sys
from pathlib import Path

from test_html_quick import differ

SIZES = (1_021, 65_536, 1 << 30)


def pages(tree: Path) -> list[Path]:
    return sorted(path for path in tree.rglob("*") if path.suffix.lower() in (".html", ".htm") and path.is_file())


def main(trees: list[str]) -> int:
    found = [path for tree in trees for path in pages(Path(tree))]
    if not found:
        print("no .html or .htm file there: name the folder of a documentation")
        return 2
    wrong = [f"{path} in chunks of {size}" for path in found for size in SIZES if differ(path.read_bytes(), size)]
    print(*wrong, f"{len(found)} pages, {len(wrong)} differences", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
