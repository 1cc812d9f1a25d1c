"""The catalogues of translations: what the code and the templates say, gathered, and compiled.

python tools/catalogue.py          takes in what is new and drops what is gone; says what lacks a translation

The `.mo` files are kept beside their sources, so that an installation from any source needs no Babel.
"""

from __future__ import annotations

import datetime
import io
import sys
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "privacymw"
LOCALE = PACKAGE / "page" / "locale"
METHODS = [("**.py", "python"), ("page/templates/**.html", "jinja2.ext:babel_extract")]
OPTIONS: dict[str, dict[str, Any]] = {"page/templates/**.html": {"trimmed": "true", "silent": "false"}}
KEYWORDS: dict[str, Any] = {"N_": None, "_": None, "gettext": None, "_forms": (1, 2), "Sentence": (2,)}
_DAY = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)  # Babel would write the present time into the file


def main() -> int:
    for folder in sorted(each for each in LOCALE.iterdir() if each.is_dir()):
        path = folder / "LC_MESSAGES" / "privacymw.po"
        catalogue = updated(path)
        path.write_bytes(written(catalogue))
        path.with_suffix(".mo").write_bytes(compiled(catalogue))
        missing = untranslated(catalogue)
        print(f"{folder.name}: {len(catalogue)} messages, {len(missing)} without a translation", *missing, sep="\n  ")
    return 0


def gathered() -> Catalog:
    """What the package says, in the order of its files."""
    found = Catalog(project="privacymw")
    for place, line, message, comments, context in extract_from_dir(PACKAGE, METHODS, OPTIONS, KEYWORDS):
        if message:
            found.add(message, locations=[(place, line)], auto_comments=comments, context=context)
    return found


def updated(path: Path) -> Catalog:
    """The catalogue of a file with the messages of the package; a guess is no translation."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.parent.parent.name, domain=path.stem)
    catalogue.update(gathered(), no_fuzzy_matching=True, update_header_comment=False)
    catalogue.obsolete.clear()
    return catalogue


def untranslated(catalogue: Catalog) -> list[str]:
    """The messages that a visitor would see in English."""
    return [str(each.id) for each in catalogue if each.id and (each.fuzzy or not all(_texts(each.string)))]


def written(catalogue: Catalog) -> bytes:
    """The file to edit: without dates and line numbers, which change when nothing is said otherwise."""
    file = io.BytesIO()
    write_po(file, catalogue, width=100, omit_header=True, include_lineno=False, sort_by_file=True)
    header = f'msgid ""\nmsgstr ""\n"Language: {catalogue.locale}\\n"\n"Plural-Forms: {catalogue.plural_forms}\\n"\n'
    return (header + '"Content-Type: text/plain; charset=utf-8\\n"\n\n').encode() + file.getvalue()


def compiled(catalogue: Catalog) -> bytes:
    """The file that is read at run time; the same bytes for the same texts."""
    plain = Catalog(locale=catalogue.locale, creation_date=_DAY, revision_date=_DAY)
    for each in catalogue:
        if each.id:
            plain.add(each.id, each.string)
    file = io.BytesIO()
    write_mo(file, plain)
    return file.getvalue()


def _texts(string: Any) -> list[str]:
    return list(string) if isinstance(string, tuple) else [string or ""]


if __name__ == "__main__":
    sys.exit(main())
