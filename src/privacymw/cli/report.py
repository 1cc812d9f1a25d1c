"""The report of `check` as one page: nothing is fetched for it, and it prints."""

from pathlib import Path
from typing import TYPE_CHECKING

from privacymw import __version__
from privacymw.cli import show
from privacymw.evidence.codes import CODES
from privacymw.page import TEMPLATES

if TYPE_CHECKING:
    from privacymw.evidence.looking import Report

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def document(report: "Report") -> str:
    """The page, with the style of the privacy pages in it."""
    import time

    import jinja2

    template = Path(__file__).with_name("report.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(template).render(
        report=report,
        codes=CODES,
        style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
        policy=_POLICY,
        when=show.utc(time.time()),
        version=__version__,
        kept=[each for each in report.verdicts if each.kept],
        stated=[each for each in report.verdicts if not each.kept],
    )
