"""Evidence on choices: made by the forms of our own page, as a visitor would, and read back."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from privacymw.evidence.claim import Sentence
from privacymw.evidence.crawl import parsed
from privacymw.evidence.driver import BROWSER, Answer, Asked
from privacymw.evidence.markup import Form
from privacymw.evidence.probe import FORM, SAME_ORIGIN, Probe, Scratch, until
from privacymw.evidence.verdict import Seen, broken, held, unseen

NAME: Final = "__Host-privacy"
VIEW: Final = "__Host-privacy-view"
_CODE: Final = "choice-broken"
_MONTHS: Final = 400 * 86_400


def _page(probe: Probe, cookie: str = "", *headers: tuple[str, str]) -> Answer:
    sent = (("cookie", cookie), *headers) if cookie else headers
    return probe.ask(probe.ours("choices"), "", *sent)


def _form(answer: Answer) -> Form | None:
    """The form with the choices: the one that has something to tick or a way to save."""
    return next((form for form in parsed(answer).forms() if _saves(form)), None)


def _saves(form: Form) -> bool:
    return any(each.attributes.get("value") == "save" for each in form.fields)


def _sent(probe: Probe, cookie: str = "", **changes: str) -> Answer | None:
    """The answer to the page's form with some fields changed; None where there is no form."""
    form = _form(_page(probe, cookie))
    if form is None:
        return None
    values = {**form.values(), "do": "save", **changes}
    return probe.post(probe.ours("choices"), urlencode(values), *((("cookie", cookie),) if cookie else ()))


def cookies_of(answer: Answer) -> str:
    """The Cookie header with which a browser would come back."""
    pairs = (line.partition(";")[0] for line in answer.every("set-cookie"))
    return "; ".join(each for each in pairs if each.partition("=")[2])


def _asked_of(probe: Probe) -> list[str]:
    """The categories on which the page takes answers."""
    form = _form(_page(probe))
    names = (each.attributes.get("name", "") for each in form.fields) if form else ()
    return list(dict.fromkeys(name.removeprefix("c.") for name in names if name.startswith("c.")))


def _state(probe: Probe, cookie: str = "", *headers: tuple[str, str]) -> Mapping[str, Any]:
    """What the site says that it holds about a browser; empty where it does not say."""
    sent = (("cookie", cookie), *headers) if cookie else headers
    answer = probe.ask(probe.ours("choices/data.json"), "", SAME_ORIGIN, *sent)
    try:
        found: Mapping[str, Any] = json.loads(answer.body)
    except ValueError:
        return {}
    return found


def _changes(probe: Probe) -> dict[str, str]:
    """A change of the form that can be told from its default."""
    found = {f"c.{name}": "1" for name in _asked_of(probe)}
    form = _form(_page(probe))
    fields = {each.attributes.get("name") for each in form.fields} if form else set()
    return {**found, **({"outside": "direct"} if "outside" in fields else {})}


def saved(probe: Probe) -> str:
    """The cookies of a visitor who said yes to what is asked."""
    answer = _sent(probe, "", **_changes(probe))
    return cookies_of(answer) if answer else ""


# --- one function a sentence


def nothing(probe: Probe, sentence: Sentence) -> Seen:
    """Our pages set no cookie, whatever is sent to them."""
    for page in ("notice", "choices"):
        for answer in (probe.ask(probe.ours(page)), probe.post(probe.ours(page), "do=save")):
            if found := answer.every("set-cookie"):
                return broken(_CODE, probe.ours(page), f"it sets {found[0].partition('=')[0]}")
    return held("neither a visit nor a form makes the privacy pages set a cookie")


def cookie(probe: Probe, sentence: Sentence) -> Seen:
    """No cookie of ours before a choice; one afterwards, in which no bit can be turned."""
    early = [each.url for each in probe.visited if NAME + "=" in each.answer.header("set-cookie")]
    if early:
        return broken(_CODE, early[0], f"{NAME} is set before a choice")
    answer = _sent(probe, "", **_changes(probe))
    if answer is None:
        return broken(_CODE, probe.ours("choices"), "there is no form to choose with")
    names = [line.partition("=")[0] for line in answer.every("set-cookie")]
    if names.count(NAME) != 1 or set(names) - {NAME, VIEW}:
        return broken(_CODE, probe.ours("choices"), f"a choice sets {names or 'no cookie'}")
    return _unforged(probe, cookies_of(answer))


def _unforged(probe: Probe, cookies: str) -> Seen:
    """Of a cookie that was changed nothing is believed."""
    before = _state(probe, cookies).get("choices", {})
    if not before.get("made"):
        return broken(_CODE, probe.ours("choices"), "a saved choice is not known when it comes back")
    for place in (0.2, 0.5, 0.9):
        name, _, value = next(each for each in cookies.split("; ") if each.startswith(NAME + "=")).partition("=")
        forged = f"{name}={_turned(value, place)}"
        if _state(probe, forged).get("choices", {}).get("made"):
            return broken(_CODE, probe.ours("choices"), "a cookie that was changed is believed")
    return held("set by a choice and not before; changed in one place it is worth nothing")


def _turned(value: str, at: float) -> str:
    """The value with one sign changed."""
    place = int(len(value) * at)
    return value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :]


def page(probe: Probe, sentence: Sentence) -> Seen:
    """A choice is shown when the visitor comes back, and is gone when it was cleared."""
    cookies, changes = saved(probe), _changes(probe)
    form = _form(_page(probe, cookies)) if cookies else None
    shown = form.values() if form else {}
    wrong = [name for name, value in changes.items() if shown.get(name) != value]
    if wrong or not cookies:
        return broken(_CODE, probe.ours("choices"), f"a choice of {wrong or 'anything'} is not shown afterwards")
    cleared = probe.post(probe.ours("choices"), "do=clear", ("cookie", cookies))
    gone = [line for line in cleared.every("set-cookie") if line.startswith(NAME + "=") and _expires(line)]
    if not gone:
        return broken(_CODE, probe.ours("choices"), "clearing does not remove the cookie")
    return held(f"{len(changes)} answers are shown afterwards, and cleared on demand")


def _expires(line: str) -> bool:
    return re.search(r"max-age=0|expires=thu, 01 jan 1970", line, re.IGNORECASE) is not None


def holds(probe: Probe, sentence: Sentence) -> Seen:
    """The page and its file name the cookie; erasing expires it."""
    cookies = saved(probe)
    listed = [each.get("name") for each in _state(probe, cookies).get("cookies", ())]
    if NAME not in listed or NAME not in _page(probe, cookies).body.decode(errors="replace"):
        return broken(_CODE, probe.ours("choices"), "it does not show the cookie that the browser holds")
    erased = probe.post(probe.ours("choices"), "do=erase", ("cookie", cookies))
    if not any(line.startswith(NAME + "=") and _expires(line) for line in erased.every("set-cookie")):
        return broken(_CODE, probe.ours("choices"), "erasing does not remove the cookie")
    return held("the cookie is shown, is in the file, and is removed by erasing")


def reach(probe: Probe, sentence: Sentence) -> Seen:
    """`__Host-`, Secure, HttpOnly, the whole site, no domain, at most 400 days."""
    answer = _sent(probe, "", **_changes(probe))
    lines = [each for each in answer.every("set-cookie") if each.startswith(NAME + "=")] if answer else []
    if not lines:
        return broken(_CODE, probe.ours("choices"), f"a choice does not set {NAME}")
    words = [part.strip().lower() for part in lines[0].split(";")[1:]]
    lacking = {"secure", "httponly", "path=/", "samesite=lax"} - set(words)
    age = next((int(word.partition("=")[2]) for word in words if word.startswith("max-age=")), _MONTHS + 1)
    if lacking or age > _MONTHS or any(word.startswith("domain") for word in words):
        return broken(_CODE, probe.ours("choices"), f"the cookie says: {'; '.join(words)}")
    return held("__Host-, Secure, HttpOnly, SameSite=Lax, Path=/, no Domain")


def host(probe: Probe, sentence: Sentence) -> Seen:
    """The cookie names no domain, so that a browser sends it to one host."""
    seen = reach(probe, sentence)
    return seen._replace(text="the cookie names no domain: browsers keep it to one host") if not seen.findings else seen


def before(probe: Probe, sentence: Sentence) -> Seen:
    """What is in force for one who has not chosen."""
    name, model = str(sentence.values.get("category")), sentence.values.get("model")
    found = _state(probe).get("in_force", {}).get(name)
    if found is None:
        return broken(_CODE, probe.ours("choices"), f"{name} cannot be chosen there")
    if found["allowed"] != (model == "opt-out"):  # by country: who asks has an address of none (RFC 5737)
        return broken(_CODE, probe.ours("choices"), f"before a choice {name} counts as {found['allowed']}")
    said = {f"c.{name}": "0" if found["allowed"] else "1"}
    other = _sent(probe, "", **said)
    after = _state(probe, cookies_of(other) if other else "").get("in_force", {}).get(name, {})
    if after.get("allowed") == found["allowed"]:
        return broken(_CODE, probe.ours("choices"), f"an answer on {name} changes nothing")
    return held(f"before a choice it is {'yes' if found['allowed'] else 'no'}, and the visitor's answer goes before")


def country(probe: Probe, sentence: Sentence) -> Seen:
    """Who asks from no country is not taken for one of those where yes holds; that nothing is kept was not seen."""
    reasons = {str(each.get("decided_by")) for each in _state(probe).get("in_force", {}).values()}
    if "opt-out" in reasons:
        return broken(_CODE, probe.ours("choices"), "an address of no country is taken for one where yes holds")
    return held(f"before a choice it is decided by: {', '.join(sorted(reasons)) or 'nothing'}", weak=True)


def again(probe: Probe, sentence: Sentence) -> Seen:
    """Each yes is bound to what it was said to: the cookie carries a version of what was asked."""
    state = _state(probe, saved(probe))
    made, now = state.get("choices", {}).get("version"), state.get("version_in_force")
    if not made or made != now:
        return broken(_CODE, probe.ours("choices"), f"a choice is kept under version {made or 'none'}, asked is {now}")
    return held("a choice is kept with the version of what was asked; another version was not tried", weak=True)


def bar(probe: Probe, sentence: Sentence) -> Seen:
    """Pages ask until there is an answer. What has neither head nor body is a part of a page, put into one later."""
    where = probe.ours("choices")
    whole = re.compile(rb"<(?:!doctype|html|head|body)\b", re.IGNORECASE)
    pages = [each for each in probe.pages if each.answer.status == 200 and whole.search(each.answer.body)]
    if not pages:
        return unseen("no page of the app was met")
    lacking = [each.url for each in pages if f'"{where}"' not in each.answer.body.decode(errors="replace")]
    if lacking:
        return broken(_CODE, lacking[0], "the page does not ask for the choice")
    return held(f"{len(pages)} pages lead to the choices; that they stop to ask is done by a script", weak=True)


# --- the record


def record(probe: Probe, sentence: Sentence) -> Seen:
    """An answer makes one record in the store, or none where none is promised."""
    scratch = probe.scratch
    if scratch is None:
        return unseen("the data folder of this app is not known here")
    had = _records(scratch)
    answer = _sent(probe, "", **_changes(probe))
    number = _receipt(answer) if answer else ""
    if not sentence.values.get("kept"):
        if number or until(lambda: _records(scratch) > had, 1.0):
            return broken("record-differs", "the store", "an answer is on record, though the page says that none is")
        return held("an answer makes no record")
    if not number or not until(lambda: scratch.query(_FIND.format(number))):
        return broken("record-differs", "the store", "an answer makes no record")
    return held("an answer makes one record, found by the number of its receipt")


_FIND: Final = "select * from decision where receipt = x'{}'"


def _records(scratch: Scratch) -> int:
    rows = scratch.query("select count(*) from decision")
    return int(rows[0][0]) if rows else 0


def _receipt(answer: Answer) -> str:
    """The number on a signed receipt; empty where there is none."""
    text = next((each.text for each in parsed(answer).named("textarea")), "")
    found = re.search(r"Receipt: ([0-9a-f]{32})", text)
    return found[1] if found and "Signature: " in text else ""


def receipt(probe: Probe, sentence: Sentence) -> Seen:
    """The receipt's number is in the store and not in the cookie; the record holds no address."""
    answer = _sent(probe, "", **_changes(probe))
    number = _receipt(answer) if answer else ""
    if answer is None or not number:
        return broken("record-differs", probe.ours("choices"), "an answer shows no signed receipt")
    if number in answer.header("set-cookie"):
        return broken("record-differs", probe.ours("choices"), "the cookie holds the number of the receipt")
    scratch = probe.scratch
    if scratch is None:
        return held("the receipt is signed, and its number is not in the cookie", weak=True)
    rows = until(lambda: scratch.query(_FIND.format(number)))
    if not rows:
        return broken("record-differs", "the store", "there is no record of a receipt that was given out")
    if "203.0.113" in repr(rows):
        return broken("record-differs", "the store", "a record holds an address")
    return held("the receipt is signed, its record holds no address, and its number is not in the cookie")


def record_time(probe: Probe, sentence: Sentence) -> Seen:
    """After the promised time the record is gone from every file."""
    there = probe.elsewhere
    if there is None:
        return unseen("it needs the app in a process of its own: privacymw check MODULE:APP")
    sent = (*BROWSER, FORM, SAME_ORIGIN)
    body = urlencode({"do": "accept"}).encode()
    asked = Asked(probe.ours("choices"), method="POST", headers=sent, body=body, host=probe.host)
    number = re.search(rb"Receipt: ([0-9a-f]{32})", there.ask(asked).body)
    if number is None:
        return unseen("the other process gave no receipt")
    raw, began = bytes.fromhex(number[1].decode()), there.now()
    if not until(lambda: there.scratch.files_with(raw)):
        return broken("record-differs", "the store", "an answer makes no record")
    seconds = int(sentence.values.get("seconds", 0))
    there.travel(began + seconds + 90 - there.now())
    until(lambda: not there.scratch.files_with(raw))
    if found := there.scratch.files_with(raw):
        return broken("retention-broken", ", ".join(found), f"{seconds} s after an answer its record is still there")
    return held(f"{seconds} s after an answer its record is in no file")
