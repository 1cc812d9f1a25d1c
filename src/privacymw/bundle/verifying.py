"""Verifies a bundle: form, signature, digests, and the chains in it. Reads bytes; writes nothing anywhere."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from privacymw.bundle.packing import FORMAT, MANIFEST, PUBLIC, SIGNATURE, NotBundle, digest, unzipped
from privacymw.bundle.signing import fingerprint, signed_by
from privacymw.store.chain import CHAIN, faults, told
from privacymw.versions import archive_of

_VERSION = re.compile(r"versions/[0-9]{4}-[0-9]{4}-[0-9]{2}-[0-9]{2}\.json")


class Found(NamedTuple):
    """One thing that was looked at."""

    code: str
    text: str
    held: bool


class Verified(NamedTuple):
    """What was seen; `manifest` is empty where it cannot be read."""

    findings: tuple[Found, ...]
    manifest: Mapping[str, Any]
    files: Mapping[str, bytes]

    @property
    def held(self) -> bool:
        """Whether nothing is wrong."""
        return all(each.held for each in self.findings)

    @property
    def lines(self) -> list[bytes]:
        """Its chain."""
        return self.files.get(CHAIN, b"").splitlines(keepends=True)


class Wanted(NamedTuple):
    """What the reader knows from elsewhere.

    Attributes:
        key: the fingerprint of the key; None: any.
        head: a head of the chain that was noted earlier.
        after: an earlier bundle of the same site.
    """

    key: str | None = None
    head: str | None = None
    after: Verified | None = None


def verified(content: bytes, wanted: Wanted = Wanted()) -> Verified:  # noqa: B008 - a value
    """The bundle in these bytes, and all that is found wrong with it."""
    try:
        files = unzipped(content)
        manifest = _manifest(files)
    except NotBundle as error:
        return Verified((Found("bundle-form", str(error), False),), {}, {})
    bundle = Verified((), manifest, files)
    checks: tuple[Callable[[Verified, Wanted], Iterator[Found]], ...] = (
        _signature, _contents, _chain, _versions, _earlier
    )  # fmt: skip
    return bundle._replace(findings=tuple(found for check in checks for found in check(bundle, wanted)))


def _manifest(files: Mapping[str, bytes]) -> Mapping[str, Any]:
    for name in (MANIFEST, SIGNATURE, PUBLIC):
        if name not in files:
            raise NotBundle(f"{name} is not in it")
    try:
        manifest = json.loads(files[MANIFEST])
        listed = manifest["files"]
        whole = manifest["format"] == FORMAT and all(isinstance(each["sha256"], str) for each in listed.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotBundle(f"{MANIFEST} cannot be read") from None
    if not whole:
        raise NotBundle(f"it is of format {str(manifest['format'])[:20]!r}; this version of privacymw reads {FORMAT}")
    return dict(manifest)


def _signature(bundle: Verified, wanted: Wanted) -> Iterator[Found]:
    files = bundle.files
    try:
        mark = fingerprint(files[PUBLIC])
    except ValueError:
        yield Found("signature", f"{PUBLIC} is no Ed25519 key", False)
        return
    if not signed_by(files[PUBLIC], files[SIGNATURE], files[MANIFEST]):
        yield Found("signature", f"{MANIFEST} is not what the owner of the key {mark} signed", False)
    elif wanted.key is None:
        text = f"by the key that is in the bundle itself, fingerprint {mark}; compare it with one from elsewhere"
        yield Found("signature", text, True)
    else:
        text = "by the key that you named" if wanted.key == mark else f"by another key than yours: {mark}"
        yield Found("signature", text, wanted.key == mark)


def _contents(bundle: Verified, wanted: Wanted) -> Iterator[Found]:
    listed = bundle.manifest["files"]
    here = bundle.files.keys() - {MANIFEST, SIGNATURE}
    wrong = [f"{name} is missing" for name in sorted(listed.keys() - here)]
    wrong += [f"{name} is not in the manifest" for name in sorted(here - listed.keys())]
    changed = [name for name in sorted(here & listed.keys()) if digest(bundle.files[name]) != listed[name]["sha256"]]
    wrong += [f"{name} was changed" for name in changed]
    if wrong:
        yield from (Found("files", text[:200], False) for text in wrong)
    else:
        yield Found("files", f"{len(listed)} files, each as the manifest says", True)


def _chain(bundle: Verified, wanted: Wanted) -> Iterator[Found]:
    for folder in ("", "app/"):
        content = bundle.files.get(folder + CHAIN)
        if content is None:
            continue
        lines = content.splitlines(keepends=True)
        wrong = faults(lines)
        head = digest(lines[-1]) if lines else "none"
        if not folder and (bundle.manifest.get("chain") or {}).get("head", "none") != head:
            wrong.append("its head is not the one in the manifest")
        yield from (Found("chain-broken", f"{folder}{CHAIN}: {text}", False) for text in wrong[:20])
        if not wrong:
            yield Found(
                "chain", f"{folder}{CHAIN}: {len(lines)} entries, each follows the one before; head {head}", True
            )


def _versions(bundle: Verified, wanted: Wanted) -> Iterator[Found]:
    names = sorted(name for name in bundle.files if _VERSION.fullmatch(name))
    archive = archive_of((Path(name), partial(bundle.files.__getitem__, name)) for name in names)
    wrong = [*archive.faults]
    if archive.head != (bundle.manifest.get("versions") or ""):
        wrong.append("the newest version is not the one in the manifest")
    entered = {link.sha256: link.number for link in told(bundle.lines) if link.kind == "version"}
    gone = sorted(number or 0 for sha256, number in entered.items() if sha256 not in archive.digests)
    wrong += [f"version {number} stands in the chain with other words, or is not here any more" for number in gone]
    yield from (Found("chain-broken", f"versions: {text}"[:300], False) for text in wrong)
    if not wrong:
        head = f"; head {archive.head}" if archive.head else ""
        yield Found("versions", f"{len(names)} published versions, each follows the one before{head}", True)


def _earlier(bundle: Verified, wanted: Wanted) -> Iterator[Found]:
    if wanted.head is not None:
        place = next((number for number, line in enumerate(bundle.lines, 1) if digest(line) == wanted.head), None)
        text = f"the head that you noted is entry {place}" if place else "the head that you noted is not in the chain"
        yield Found("chain-head" if place else "chain-broken", text, bool(place))
    if wanted.after is not None:
        before = wanted.after
        if not before.held:
            yield Found("after", "the earlier bundle is not whole itself: verify it alone", False)
        if before.manifest.get("fingerprint") != bundle.manifest.get("fingerprint"):
            yield Found("after", "the earlier bundle was signed with another key", False)
        follows = bundle.lines[: len(before.lines)] == before.lines
        text = f"the chain {'goes on' if follows else 'does not go on'} from the {len(before.lines)} entries of then"
        yield Found("chain-head" if follows else "chain-broken", text, follows)
        lost = [
            name for name in before.files if _VERSION.fullmatch(name) and bundle.files.get(name) != before.files[name]
        ]
        yield from (Found("chain-broken", f"{name} is not the one of then", False) for name in sorted(lost))
