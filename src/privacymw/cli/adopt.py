"""`privacymw notice adopt`: an approved text beside the promises; a proposal, nothing is changed."""

import datetime
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from privacymw.cli import show
from privacymw.cli.notice import settled, today
from privacymw.errors import PrivacyError

if TYPE_CHECKING:
    from privacymw.adoption import Adoption


def adopt(options: Namespace) -> int:
    """`notice adopt`."""
    from privacymw.adoption import adopt as bound

    policy = settled()
    try:
        text = Path(options.file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PrivacyError(f"{options.file}: {reason}") from error
    found = bound(text, policy.sections("en"))
    if options.json:
        listed = [
            {"text": each.text, "section": each.clause, "sentence": each.sentence and each.sentence.name,
             "kept": bool(each.sentence and each.sentence.kept)}
            for each in found.bindings
        ]  # fmt: skip
        show.document({"bindings": listed, "untold": [each.name for each in found.untold]})
    elif options.toml:
        _statements(found, by=policy.organisation.name or "...", on=today())
    else:
        _adoption(found)
    return 0


def _adoption(found: "Adoption") -> None:
    groups = {
        "Kept by privacymw": [each for each in found.bindings if each.sentence and each.sentence.kept],
        "On the page as stated": [each for each in found.bindings if each.sentence and not each.sentence.kept],
        "Kept by nothing here: a person has to state it (--toml), or keep it in another way": [
            each for each in found.bindings if not each.sentence
        ],
    }
    for title, bindings in groups.items():
        show.printed(f"{title}: {len(bindings)}\n")
        for each in bindings:
            show.paragraph(f"[{each.sentence.name if each.sentence else each.clause}] {each.text}", indent="  ")
        show.printed()
    show.printed(f"Kept, but not told by this text: {len(found.untold)}\n")
    for sentence in found.untold:
        show.paragraph(f"[{sentence.name}] {sentence.text}", indent="  ")
    show.told("\nThis is a proposal: words were compared, not meanings. A person has to confirm each line.")


def _statements(found: "Adoption", *, by: str, on: datetime.date) -> None:
    """What nothing keeps, as statements to paste into the file of PRIVACYMW_CONFIG."""
    for each in found.bindings:
        if each.sentence is None:
            fields = {"section": each.clause, "text": each.text, "by": by}
            show.printed("[[notice.statements]]")
            for name, value in fields.items():
                show.printed(f"{name} = {_quoted(value)}")
            show.printed(f"on = {on}\n")


def _quoted(text: str) -> str:
    """A basic string of TOML 1.0."""
    return '"' + "".join(
        "\\" + sign if sign in '"\\' else sign if sign >= " " and sign != "\x7f" else f"\\u{ord(sign):04x}"
        for sign in text
    ) + '"'  # fmt: skip
