"""`privacymw check --evidence`: what is gathered before, while and after the app is driven, and the file of it."""

import datetime
import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacymw.cli import show
from privacymw.cli.addresses.upkeep import other_logs
from privacymw.cli.notice import settled, today
from privacymw.cli.owner import as_owner
from privacymw.cli.site import NoLog, Site, find
from privacymw.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from privacymw.bundle.signing import Signer
    from privacymw.evidence.looking import Report
    from privacymw.evidence.probe import Probe


class Order:
    """A bundle that is to be made.

    Args:
        options: those of `check`; `evidence` names the file.

    Raises:
        SettingsError: there is no place for the key.
        StoreError: the site's log cannot be read, or a file cannot be written; told before the app is driven.
    """

    def __init__(self, options: Namespace) -> None:
        from privacymw.bundle import facts, keys, packing, signing, trial, words  # noqa: F401 - while we can read them
        from privacymw.bundle.clean import Cleaner

        self._out = Path(options.evidence).absolute()
        if not os.access(self._out.parent, os.W_OK):
            raise StoreError(f"--evidence {options.evidence}: {self._out.parent} is no folder that you can write")
        self._site = _site(options.data)
        self._key = Path(options.key).absolute() if options.key else None
        if self._site is None and self._key is None:
            raise SettingsError(
                "no site's data folder was found, so there is no place for the key that signs the evidence.\n"
                "Name the folder with --data PATH, or a file for the key: --key evidence.key"
            )
        self._signer()
        self._policy = settled()
        self._archive, self._today = self._policy.notice.archive, today()
        self._cleaner = Cleaner(self._policy.site.prefix)
        self._live, self._broken = self._of_site()
        self._app: dict[str, bytes] = {}
        self._more: dict[str, bytes] = {}

    def _signer(self) -> "Signer":
        """With a key that is made if it is not there; the app runs in this process, so it is read anew to sign."""
        import cryptography.exceptions
        import cryptography.hazmat.primitives.asymmetric.ed25519
        import cryptography.hazmat.primitives.serialization  # noqa: F401 - as the owner we may not be able to

        from privacymw.bundle.signing import KEY, Signer

        if self._key is not None or self._site is None:
            assert self._key is not None
            return Signer(self._key)
        with as_owner(self._site.folder):
            return Signer(self._site.folder / KEY)

    def _of_site(self) -> tuple[dict[str, bytes], bool]:
        """What the log of the running site says, and whether that breaks a promise."""
        from privacymw.bundle.keys import files_of

        if self._site is None:
            return {}, False
        others = other_logs(self._site)
        try:
            with self._site.log() as log:
                findings = [*log.verify(), *others]
                return files_of(log, findings, self._cleaner), not all(each.held for each in findings)
        except NoLog as error:
            show.told(f"{error}; the evidence is about the driven app alone")
            return {}, False

    def gather(self, probe: "Probe") -> None:
        """While the driven app still runs: the page that it serves, and its log."""
        from privacymw.bundle.facts import FORMS
        from privacymw.words import LANGUAGES, below

        for language in LANGUAGES:
            for form in FORMS:
                answer = probe.ask(f"{below(probe.prefix, language, self._policy.site.language)}/notice.{form}")
                if answer.status == 200:
                    self._more[f"notice/served/{language}.{form}"] = answer.body
        if probe.scratch is not None:
            self._gather_log(probe)

    def _gather_log(self, probe: "Probe") -> None:
        from privacymw.bundle.keys import files_of
        from privacymw.bundle.packing import document
        from privacymw.bundle.trial import trial
        from privacymw.evidence.probe import until
        from privacymw.policies import Policy
        from privacymw.store import open_log

        scratch = probe.scratch
        assert scratch is not None
        terms = Policy.from_env(os.environ).addresses.terms
        if scratch.log.exists():
            log = open_log(scratch.data, url=f"sqlite:///{scratch.log}", keys=scratch.keys, terms=terms)
            until(lambda: next(log.rows(limit=1), None))
            findings = log.verify()
            self._app = files_of(log, findings, self._cleaner)
            self._broken = self._broken or not all(each.held for each in findings)
        tried = trial(scratch.data, scratch.keys, scratch.log, terms)
        self._broken = self._broken or not tried["held"]
        self._more["trial.json"] = document(tried)

    def write(self, report: "Report") -> bool:
        """Writes the bundle; whether what was gathered breaks no promise, the report left aside."""
        from privacymw import __version__
        from privacymw.bundle.packing import digest, packed
        from privacymw.proving import stamp
        from privacymw.store.chain import CHAIN
        from privacymw.store.files import replace

        made = stamp(datetime.datetime.now(datetime.UTC).timestamp())
        files = self._files(report, made)
        lines = files.get(CHAIN, b"").splitlines(keepends=True)
        facts = {
            "made": made,
            "made_by": f"privacymw {__version__}",
            "log": self._source,
            "chain": {"entries": len(lines), "head": digest(lines[-1])} if lines else None,
            "versions": self._archive.head or None,
        }
        signer = self._signer()
        try:
            replace(self._out, packed(files, facts, signer))
        except OSError as error:
            raise StoreError(f"--evidence {self._out}: {error.strerror}") from None
        self._tell(signer, len(files))
        return not self._broken

    @property
    def _source(self) -> str:
        if self._live:
            return "the running site" if self._site and self._site.lives() else "a site that is not running now"
        return "the driven app, made for this check"

    def _files(self, report: "Report", made: str) -> dict[str, bytes]:
        from privacymw.bundle import facts, packing, words

        policy, cleaner = self._policy, self._cleaner
        running = (self._site.running or {}).get("settings") if self._site else None
        folder = Path(policy.notice.versions).absolute() if policy.notice.versions else None
        of_app = {f"app/{name}": content for name, content in self._app.items()} if self._live else self._app
        return {
            packing.README: words.readme(made, self._source),
            "about.json": facts.ran(cleaner.text(report.target), source=self._source, made=made),
            "settings.json": facts.settings(policy, running, cleaner),
            "check.json": packing.document(_cleaned(report.document(), cleaner.all)),
            **facts.notices(policy, self._archive, self._today),
            **facts.versions(self._archive, folder),
            **self._live,
            **of_app,
            **self._more,
        }

    def _tell(self, signer: "Signer", files: int) -> None:
        from privacymw.bundle.signing import fingerprint

        show.told(f"the evidence is in {self._out} ({files} files, about {self._source}), signed with this key:\n")
        show.told(signer.public.decode() + f"fingerprint: {fingerprint(signer.public)}\n")
        show.told("Give the fingerprint to your reader by another way than the bundle: privacymw evidence verify")


def _site(option: str | None) -> Site | None:
    """The running site; None where there is none, and nobody named one."""
    try:
        return find(option)
    except StoreError:
        if option:
            raise
        show.told("no site's data folder was found (--data PATH): the evidence is about the driven app alone")
        return None


def _cleaned(document: Mapping[str, Any], clean: Any) -> Mapping[str, Any]:
    """The report; the sentences are the page's, and stay as everybody can read them."""
    sentences = [{**each, "evidence": clean(each["evidence"])} for each in document["sentences"]]
    return {**clean({name: each for name, each in document.items() if name != "sentences"}), "sentences": sentences}
