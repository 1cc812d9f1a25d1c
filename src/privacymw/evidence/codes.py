"""The codes of findings, and the page of each; the texts are in `codes.toml`."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple


class Explanation(NamedTuple):
    """The page of a finding.

    Attributes:
        found: what was found.
        why: why it matters.
        clause: the section of the page.
        asvs: requirements of OWASP ASVS 5.0.0.
        curl: one line that shows it; `$SITE` is the site's address.
        mend: what to do.
        ignore: when it does not matter.
    """

    title: str
    found: str
    why: str
    clause: str
    asvs: tuple[str, ...]
    curl: str
    mend: str
    ignore: str

    def parts(self) -> tuple[tuple[str, str], ...]:
        """Its fixed parts, with their titles."""
        ids = ", ".join(f"v5.0.0-{each}" for each in self.asvs) or "none"
        return (
            ("What was found", self.found),
            ("Why it matters", f"{self.why}\nClause: {self.clause}. OWASP ASVS: {ids}."),
            ("How to see it", f"    {self.curl}"),
            ("How to mend it", self.mend),
            ("When to ignore it", self.ignore),
        )


def _read() -> Mapping[str, Explanation]:
    found = tomllib.loads(Path(__file__).with_name("codes.toml").read_text(encoding="utf-8"))
    return {code: Explanation(**{**each, "asvs": tuple(each["asvs"])}) for code, each in found.items()}


CODES: Final = _read()
