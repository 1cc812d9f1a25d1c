"""The process's other logs: the records of servers and of the app, and the hooks for other people's libraries."""

import asyncio
import copy
import io
import logging
import logging.config
import pickle
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from faces import Request, environ_of
from privacymw import logs
from privacymw.address import pack
from privacymw.errors import PrivacyError
from privacymw.logs import records
from privacymw.logs.access import Atoms
from privacymw.logs.records import CLIENT, LEAKED, MASKED, SEEN, Watch
from privacymw.startup import start
from sites import FACES, environ, page_of, portal

SEEN_FROM = "203.0.113.9"
NETWORK = "203.0.113.0/24"
COMBINED = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'
AGENT = "Mozilla/5.0 (X11) Chrome/120.0.0.0"


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test starts and ends with Python's own factory, and without the watches of other tests."""
    factory = logging.getLogRecordFactory()
    monkeypatch.setattr(records, "_watches", [])  # another list: a watch that ends takes itself off its own
    logging.setLogRecordFactory(logging.LogRecord)
    yield
    logging.setLogRecordFactory(factory)


class Written(io.StringIO):
    """What loggers write."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.handler = logging.StreamHandler(self)
        self.loggers = [logging.getLogger(name) for name in names]
        for logger in self.loggers:
            logger.addHandler(self.handler)
            logger.setLevel(1)
            logger.propagate = False

    def end(self) -> None:
        for logger in self.loggers:
            logger.removeHandler(self.handler)
            logger.propagate = True
            logger.setLevel(logging.NOTSET)


@contextmanager
def written(*names: str) -> Iterator[Written]:
    out = Written(*names)
    try:
        yield out
    finally:
        out.end()


@contextmanager
def client(text: str = SEEN_FROM) -> Iterator[None]:
    token = CLIENT.set(pack(text))
    try:
        yield
    finally:
        CLIENT.reset(token)


class Counts(Counter[tuple[str, str]]):
    def __call__(self, kind: str, name: str) -> None:
        self[kind, name] += 1


# --- access records, by structure

ATOMS = {
    "h": SEEN_FROM, "l": "-", "u": "-", "t": "[24/Nov/2026]", "r": "GET /a?q=word HTTP/1.1", "s": "200", "b": "12",
    "f": "https://site.example/b?c=d", "a": AGENT, "q": "q=word", "{x-forwarded-for}i": f"{SEEN_FROM}, 10.0.0.1",
    "{cookie}i": "a=1", "D": 12,
}  # fmt: skip
UVICORN = '%s - "%s %s HTTP/%s" %d'
UVICORN_MASKED = f'{NETWORK} - "GET /a HTTP/1.1" 200'
SOCKET = '%s - "WebSocket %s" [accepted]'
COMBINED_MASKED = f'{NETWORK} - - [24/Nov/2026] "GET /a HTTP/1.1" 200 12 "https://site.example/b" "{AGENT}"'
DATED = " - - [24/Nov/2026 10:00:00] "
RECORDS: list[tuple[str, str, tuple[Any, ...], str]] = [
    ("uvicorn.access", UVICORN, (f"{SEEN_FROM}:5000", "GET", "/a?q=word", "1.1", 200), UVICORN_MASKED),
    ("uvicorn.access", UVICORN, ("2001:db8::9:5123", "GET", "/a", "1.1", 200), '2001:db8::/48 - "GET /a HTTP/1.1" 200'),
    ("uvicorn.access", UVICORN, ("", "GET", f"/of/{SEEN_FROM}", "1.1", 200), f'- - "GET /of/{NETWORK} HTTP/1.1" 200'),
    ("uvicorn.access", "%s came by /a?q=word", (SEEN_FROM,), f"{NETWORK} came by /a"),
    ("uvicorn.error", SOCKET, (f"{SEEN_FROM}:80", "/w?q=word"), f'{NETWORK} - "WebSocket /w" [accepted]'),
    ("gunicorn.access", COMBINED, (ATOMS,), COMBINED_MASKED),
    ("gunicorn.access", "%({x-forwarded-for}i)s %(q)s %({cookie}i)s %(D)d", (ATOMS,), f"{NETWORK}, 10.0.0.0/24 - - 12"),
    ("hypercorn.access", "%(h)s %(r)s", ({**ATOMS, "h": f"{SEEN_FROM}:4000"},), f"{NETWORK} GET /a HTTP/1.1"),
    ("hypercorn.access", "%(h)s %(r)s", ({**ATOMS, "h": None},), "None GET /a HTTP/1.1"),
    ("werkzeug", f'{SEEN_FROM}{DATED}"%s" %s', ("GET /a?q=word HTTP/1.1", "1"), f'{NETWORK}{DATED}"GET /a HTTP/1.1" 1'),
    ("werkzeug", " * Running on http://127.0.0.1:5000", (), " * Running on http://127.0.0.1:5000"),
    ("uvicorn.error", "Uvicorn running on http://127.0.0.1:%d", (8000,), "Uvicorn running on http://127.0.0.1:8000"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "msg", "args", "line"), RECORDS)
@pytest.mark.proves("addresses.masked")
def test_an_access_record_is_masked_and_reads_as_before(name: str, msg: str, args: Any, line: str) -> None:
    watch = Watch(mask=True, count=Counts())
    with written(name) as out:
        logging.getLogger(name).info(msg, *args)
    assert out.getvalue() == line + "\n"
    assert watch.mask


@pytest.mark.parametrize(("name", "msg", "args", "line"), RECORDS)
@pytest.mark.proves("addresses.counted")
def test_in_report_mode_it_is_counted_and_left_alone(name: str, msg: str, args: Any, line: str) -> None:
    counts = Counts()
    watch = Watch(mask=False, count=counts)
    with written(name) as out:
        logging.getLogger(name).info(msg, *args)
    given = args[0] if args and isinstance(args[0], dict) else args
    assert out.getvalue() == (msg % given if args else msg) + "\n"
    held = NETWORK in line or "db8::/" in line
    assert counts == ({(SEEN, name): 1} if held and not line.startswith("- ") else {})
    del watch


def test_uvicorn_at_its_trace_level() -> None:
    watch = Watch(mask=True, count=Counts())
    with written("uvicorn.error") as out:
        logging.getLogger("uvicorn.error").log(5, "%sHTTP connection made", f"{SEEN_FROM}:5000 - ")
    assert SEEN_FROM not in out.getvalue()
    del watch


def test_a_format_without_an_address_is_not_counted() -> None:
    counts = Counts()
    watch = Watch(mask=False, count=counts)
    with written("gunicorn.access"):
        logging.getLogger("gunicorn.access").info("%(r)s", ATOMS)
        logging.getLogger("gunicorn.access").info("%({x-real-ip}i)s", {**ATOMS, "{x-real-ip}i": SEEN_FROM})
    assert counts == {(SEEN, "gunicorn.access"): 1}
    del watch


def test_atoms_are_a_mapping_that_holds_nothing_back() -> None:
    atoms = Atoms(ATOMS, pack(SEEN_FROM))
    assert len(atoms) == len(ATOMS) == len(dict(atoms))
    assert SEEN_FROM not in str(dict(atoms).values())


# --- the app's own records


class Shown:
    """An object of the app's that shows an address."""

    def __str__(self) -> str:
        return f"<Visitor {SEEN_FROM}>"

    __repr__ = __str__


OWN: list[tuple[Any, tuple[Any, ...], str]] = [
    ("from %s", (SEEN_FROM,), f"from {NETWORK}"),
    (f"from {SEEN_FROM}: 100 %", (), f"from {NETWORK}: 100 %"),
    ("%s is here", (Shown(),), f"<Visitor {NETWORK}> is here"),
    ("%r", ((SEEN_FROM, 5000),), f"('{NETWORK}', 5000)"),
    ("%(ip)s", ({"ip": SEEN_FROM},), NETWORK),
    ("%s.%s", ("203.0", "113.9"), NETWORK),
    ({"event": "seen", "ip": SEEN_FROM}, (), f"{{'event': 'seen', 'ip': '{NETWORK}'}}"),
    ("of 203.0.113.99 and %d", (5,), "of 203.0.113.99 and 5"),
]


@pytest.mark.parametrize(("msg", "args", "line"), OWN)
@pytest.mark.parametrize("mask", [True, False])
def test_the_current_client_in_the_apps_own_records(msg: Any, args: Any, line: str, mask: bool) -> None:
    counts = Counts()
    watch = Watch(mask=mask, count=counts)
    with written("app") as out, client():
        logging.getLogger("app").info(msg, *args)
    if mask:
        assert out.getvalue() == line + "\n"
    else:
        given = args[0] if args and isinstance(args[0], dict) else args
        assert out.getvalue() == (str(msg) % given if args else str(msg)) + "\n"
    assert counts == ({((MASKED if mask else SEEN), "app"): 1} if NETWORK in line else {})
    del watch


def test_outside_of_a_request_nothing_is_looked_at() -> None:
    counts = Counts()
    watch = Watch(mask=True, count=counts)
    with written("app") as out:
        logging.getLogger("app").info("from %s", SEEN_FROM)
    assert out.getvalue() == f"from {SEEN_FROM}\n"
    assert not counts
    del watch


def test_a_traceback_is_masked_too() -> None:
    watch = Watch(mask=True, count=Counts())
    with written("app") as out, client():
        try:
            raise ValueError(f"no luck for {SEEN_FROM}")
        except ValueError:
            logging.getLogger("app").exception("failed")
    assert f"ValueError: no luck for {NETWORK}" in out.getvalue()
    assert SEEN_FROM not in out.getvalue()
    del watch


@pytest.mark.parametrize("mask", [True, False])
def test_extra_values_are_looked_at_too(mask: bool) -> None:
    counts = Counts()
    watch = Watch(mask=mask, count=counts)
    extra = {"client": SEEN_FROM, "request": {"hops": [SEEN_FROM, "10.0.0.1"]}, "number": 5, "thing": object()}
    with client():
        record = logging.getLogger("app").makeRecord("app", 20, "", 0, "x", (), None, extra=extra)
    shown = NETWORK if mask else SEEN_FROM
    made = record.__dict__
    assert (made["client"], made["request"]) == (shown, {"hops": [shown, "10.0.0.1"]})
    assert (made["number"], made["thing"]) == (5, extra["thing"])
    assert counts == {((MASKED if mask else SEEN), "app"): 2}
    assert logging.Formatter("%(client)s %(message)s").format(record) == f"{shown} x"
    assert type(copy.copy(record).__dict__) is dict
    with pytest.raises(KeyError), client():
        logging.getLogger("app").makeRecord("app", 20, "", 0, "x", (), None, extra={"name": "mine"})
    del watch


def test_a_record_that_is_sent_on_takes_no_client_along() -> None:
    watch = Watch(mask=True, count=Counts())
    with client():
        record = logging.getLogger("app").makeRecord("app", 20, "", 0, "from %s", (SEEN_FROM,), None)
    sent = pickle.dumps(record)
    packed = pack(SEEN_FROM)
    assert packed is not None
    assert packed[-4:] not in sent
    assert pickle.loads(sent).getMessage() == f"from {NETWORK}"
    del watch


def test_the_template_stays_for_tools_that_group_by_it() -> None:
    watch = Watch(mask=True, count=Counts())
    with client():
        record = logging.getLogger("app").makeRecord("app", 20, "", 0, "from %s, %d", (SEEN_FROM, 5), None)
    assert (record.msg, record.args) == ("from %s, %d", (NETWORK, 5))
    del watch


class Fails:
    def __str__(self) -> str:
        raise LookupError(SEEN_FROM)


class Logs:
    """Logs while it is shown, itself among the arguments."""

    def __str__(self) -> str:
        logging.getLogger("app").info("shown to %s", SEEN_FROM)
        return "Logs"


@pytest.mark.parametrize("args", [("%d", SEEN_FROM), ("%s %s", SEEN_FROM), ("no place", SEEN_FROM), ("%s", Fails())])
def test_a_record_that_cannot_be_formatted_raises_nothing_and_tells_nothing(
    args: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = Watch(mask=True, count=Counts())
    with written("app") as out, client():
        logging.getLogger("app").info(*args)
    error = "".join(line for line in capsys.readouterr().err.splitlines() if "LookupError" not in line)
    assert SEEN_FROM not in out.getvalue() + error
    del watch


def test_an_argument_that_logs_while_it_is_shown() -> None:
    watch = Watch(mask=True, count=Counts())
    with written("app") as out, client():
        logging.getLogger("app").info("%s %s", Logs(), SEEN_FROM)
    assert f"shown to {NETWORK}" in out.getvalue()
    assert SEEN_FROM not in out.getvalue()
    del watch


def test_records_without_a_name() -> None:
    watch = Watch(mask=True, count=Counts())
    assert logging.makeLogRecord({"msg": SEEN_FROM}).getMessage() == SEEN_FROM
    del watch


# --- the factory

DICT = {"version": 1, "disable_existing_loggers": False, "root": {"level": "INFO"}}


def test_it_survives_the_apps_own_configuration() -> None:
    watch = Watch(mask=True, count=Counts())
    logging.config.dictConfig(DICT)
    with written("app") as out, client():
        logging.getLogger("app").info("from %s", SEEN_FROM)
    assert out.getvalue() == f"from {NETWORK}\n"
    del watch


class Own(logging.LogRecord):
    """A factory of the app's."""


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("chains", [True, False])
def test_a_factory_that_replaces_ours_is_kept_below_it(face: str, chains: bool) -> None:
    site = portal(face, page_of("x"), addresses_other_logs="mask")
    ours = logging.getLogRecordFactory()

    def chained(*args: Any, **named: Any) -> logging.LogRecord:
        record = ours(*args, **named)
        record.__dict__["chained"] = True
        return record

    logging.setLogRecordFactory(chained if chains else Own)

    def view(visit: Any) -> Any:
        logging.getLogger("app").info("from %s", visit.client)
        return page_of("x")

    with written("app") as out:
        type(site)(face, site.started, view).ask(peer=SEEN_FROM)
    assert out.getvalue() == f"from {NETWORK}\n"
    made = logging.makeLogRecord({})
    assert hasattr(made, "chained") if chains else isinstance(made, Own)
    assert (logging.getLogRecordFactory() is chained) == chains


def test_a_factory_that_came_late_is_told_as_a_leak() -> None:
    counts = Counts()
    watch = Watch(mask=True, count=counts)
    logging.setLogRecordFactory(Own)
    watch.check()
    watch.check()
    assert list(counts) == [(LEAKED, "(the app's own record factory, until it was noticed)")]


def test_off_touches_nothing() -> None:
    start(environ(addresses_other_logs="off"))
    start(environ(mode="off"))
    assert logging.getLogRecordFactory() is logging.LogRecord


def test_where_one_of_two_sites_masks_both_are_masked() -> None:
    first, second = Counts(), Counts()
    watches = [Watch(mask=True, count=first), Watch(mask=False, count=second)]
    with written("app", "privacymw") as out, client():
        logging.getLogger("app").info("from %s", SEEN_FROM)
    assert SEEN_FROM not in out.getvalue()
    assert first == {(MASKED, "app"): 1}
    del watches


def test_a_logger_is_told_once_and_how_to_stop_it() -> None:
    watch = Watch(mask=False, count=Counts())
    with written("privacymw") as out, written("uvicorn.access"):
        for _ in range(3):
            logging.getLogger("uvicorn.access").info(UVICORN, f"{SEEN_FROM}:5000", "GET", "/", "1.1", 200)
    assert out.getvalue().count("uvicorn --no-access-log") == 1
    assert "PRIVACYMW_ADDRESSES_OTHER_LOGS=mask" in out.getvalue()
    assert SEEN_FROM not in out.getvalue()
    del watch


# --- which client


@pytest.mark.parametrize("face", FACES)
def test_the_client_is_known_during_the_request_and_forgotten_after_it(face: str) -> None:
    seen = []

    def view(_visit: Any) -> Any:
        seen.append(CLIENT.get())
        return page_of("x")

    portal(face, view).ask(peer=SEEN_FROM)
    assert (seen, CLIENT.get()) == ([pack(SEEN_FROM)], None)


def test_threads_and_tasks_know_their_own_client() -> None:
    pipe = start(environ(addresses_other_logs="mask")).pipeline
    lines: dict[str, str] = {}
    together = threading.Barrier(8)

    def work(number: int) -> None:
        address = f"198.51.{number}.7"

        def view(visit: Any) -> Any:
            together.wait(10)
            record = logging.getLogger("app").makeRecord("app", 20, "", 0, "%s, not 192.0.2.1", (visit.client,), None)
            lines[address] = record.getMessage()
            return page_of("x")

        FACES["wsgi" if number % 2 else "asgi"](pipe, view, Request(peer=address))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert lines == {f"198.51.{n}.7": f"198.51.{n}.0/24, not 192.0.2.1" for n in range(8)}


def test_a_task_that_the_app_starts_knows_the_client() -> None:
    watch = Watch(mask=True, count=Counts())

    async def later() -> str:
        return logging.getLogger("app").makeRecord("app", 20, "", 0, "%s", (SEEN_FROM,), None).getMessage()

    async def request() -> list[str]:
        with client():
            tasks = [asyncio.create_task(later()), asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(later())))]
        return list(await asyncio.gather(*tasks))

    assert asyncio.run(request()) == [NETWORK, NETWORK]
    del watch


# --- Sentry

EVENT: dict[str, Any] = {
    "message": f"no luck for {SEEN_FROM}",
    "tags": [["url", "/a?q=word"], ["cookie", "a=1"]],
    "user": {"id": "7", "ip_address": SEEN_FROM, "geo": {"city": "X"}},
    "request": {
        "url": "https://site.example/a?q=word",
        "query_string": "q=word",
        "cookies": {"a": "1"},
        "env": {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": SEEN_FROM, "SERVER_NAME": "site.example"},
        "headers": {"X-Forwarded-For": f"{SEEN_FROM}, 10.0.0.1", "Forwarded": f'for="{SEEN_FROM}"', "Cookie": "a=1",
                    "Referer": "/b?c", "Accept": "text/html"},
    },
    "exception": {"frames": [{"vars": {"c": f"'{SEEN_FROM}'", "environ": {"QUERY_STRING": "'q=word'"}}}]},
}  # fmt: skip


def test_what_sentry_gets() -> None:
    clean = logs.sentry_before_send(EVENT, {})
    assert clean["request"] == {
        "url": "https://site.example/a",
        "env": {"SERVER_NAME": "site.example"},
        "headers": {"Referer": "/b", "Accept": "text/html"},
    }
    assert "word" not in str(clean["exception"])
    assert clean["user"] == {"id": "7"}
    assert clean["message"] == f"no luck for {NETWORK}"
    assert SEEN_FROM not in str(clean)
    assert EVENT["request"]["cookies"], "what is given stays as it is"


@pytest.mark.parametrize("event", [{}, {"request": None, "user": None}, {"request": {"headers": [["Cookie", "a"]]}}])
def test_sparse_events(event: dict[str, Any]) -> None:
    assert "Cookie" not in str(logs.sentry_before_send(event, {}))


def test_the_real_sentry() -> None:
    import sentry_sdk
    from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
    from sentry_sdk.transport import Transport

    events: list[dict[str, Any]] = []

    class Kept(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            events.extend(item.payload.json for item in envelope.items if item.payload.json)

    def app(environ: Any, start_response: Any) -> Any:
        raise ValueError(f"no luck for {environ['REMOTE_ADDR']}")

    everything: dict[str, Any] = {"data_collection": {"user_info": True}}
    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1", transport=Kept, before_send=logs.sentry_before_send,
        default_integrations=False, auto_enabling_integrations=False, **everything,
    )  # fmt: skip
    request = Request(path="/a", query="q=word", peer=SEEN_FROM, headers=(("cookie", "a=1"),))
    with pytest.raises(ValueError, match="no luck"):
        SentryWsgiMiddleware(app)(environ_of(request), lambda *_: lambda _: None)
    sentry_sdk.flush()
    sentry_sdk.init()
    text = str(events)
    assert f"no luck for {NETWORK}" in text
    assert SEEN_FROM not in text
    assert "q=word" not in text


# --- OpenTelemetry


def test_what_a_span_exporter_gets() -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(logs.redacting_exporter(kept)))
    attributes = {
        "client.address": SEEN_FROM,
        "network.peer.address": "10.0.0.1",
        "url.path": "/a",
        "url.query": "q=word",
        "url.full": "https://site.example/a?q=word",
        "user_agent.original": AGENT,
        "note": f"from {SEEN_FROM}",
    }
    span = provider.get_tracer("test").start_span("GET /a", attributes=attributes)
    span.record_exception(ValueError(f"no luck for {SEEN_FROM}"))
    span.end()
    assert provider.force_flush()
    (seen,) = kept.get_finished_spans()
    assert dict(seen.attributes or {}) == {
        "url.path": "/a",
        "url.full": "https://site.example/a",
        "note": f"from {NETWORK}",
    }
    assert (seen.name, seen.context) == ("GET /a", span.get_span_context())
    assert SEEN_FROM not in seen.to_json()
    assert "no luck for " + NETWORK in seen.to_json()
    provider.shutdown()


def test_without_the_sdk_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(PrivacyError, match=r"privacymw\[opentelemetry\]"):
        logs.redacting_exporter(None)  # type: ignore[arg-type]
