"""The exchange, the pipeline and the header fields, without a protocol."""

import itertools
import logging

import pytest

from faces import (
    Always,
    Begins,
    Ends,
    Fails,
    Pages,
    Refuses,
    Request,
    Shouts,
    Site,
    calls,
    pipeline,
    through_core,
)
from privacymw.core import _LEGAL, CLIENT_CLOSED, Exchange, Job, Keeper, Outcome, Reply, text_reply
from privacymw.headers import Context, Header, Pairs, append, keep, replace
from privacymw.pipeline import BROKEN, REFUSAL, Pipeline


def begun(*keepers: Keeper, path: str = "/", method: str = "GET", **options: str) -> Exchange:
    return pipeline(*keepers).begin(method, "", path, "", options.get("scheme", "http"), None, {})


# --- legal orders of calls

CALLS = {
    "respond": lambda exchange: exchange.respond(200, [], None),
    "finish": lambda exchange: exchange.finish(Outcome.ENDED),
}
STATES = {"open", *_LEGAL.values()}


def brought_to(state: str) -> Exchange:
    """A fresh exchange, brought to a state by the shortest legal way."""
    ways: list[tuple[str, tuple[str, ...]]] = [("open", ())]
    for at, way in ways:
        if at == state:
            break
        ways += [(after, (*way, call)) for (before, call), after in _LEGAL.items() if before == at]
    exchange = begun()
    for call in way:
        CALLS[call](exchange)
    return exchange


def test_the_table_knows_all_calls() -> None:
    assert {call for _, call in _LEGAL} == set(CALLS)


@pytest.mark.parametrize(("state", "call"), sorted(_LEGAL))
def test_legal_calls(state: str, call: str) -> None:
    exchange = brought_to(state)
    CALLS[call](exchange)
    assert exchange.state == _LEGAL[state, call]


@pytest.mark.parametrize(("state", "call"), sorted(set(itertools.product(STATES, CALLS)) - set(_LEGAL)))
def test_illegal_calls(state: str, call: str) -> None:
    exchange = brought_to(state)
    with pytest.raises(RuntimeError, match=rf"^{call}\(\) is not legal on an exchange that is {state}$"):
        CALLS[call](exchange)
    assert exchange.state == state


@pytest.mark.parametrize(
    ("status", "outcome", "recorded"),
    [
        (200, Outcome.ENDED, 200),
        (200, Outcome.RAISED, 500),
        (None, Outcome.RAISED, 500),
        (None, Outcome.GONE, CLIENT_CLOSED),
        (404, Outcome.GONE, 404),
    ],
)
def test_recorded_status(status: int | None, outcome: Outcome, recorded: int) -> None:
    ends = Ends()
    exchange = begun(ends)
    if status:
        exchange.respond(status, [], None)
    exchange.finish(outcome)
    assert ends.seen == [(outcome, recorded, False)]


# --- hooks


def test_hooks_that_do_nothing_are_not_called() -> None:
    pipe = pipeline(Keeper(), Always(), Keeper())
    through_core(pipe, Site(), Request())
    called = calls(lambda: through_core(pipe, Site(), Request()))
    assert not [name for name in called if name.startswith("Keeper.")]


def test_hooks_run_in_the_order_of_the_keepers() -> None:
    class Adds(Keeper):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_response(self, exchange: Exchange, headers: Pairs) -> Pairs:
            return [*headers, ("x-by", self.name)]

    pairs = begun(Adds("a"), Adds("b")).respond(200, [("x-by", "app")], None)
    assert pairs == [("x-by", "app"), ("x-by", "a"), ("x-by", "b")]


def test_an_untouched_list_comes_back_itself() -> None:
    touched = [("content-type", "text/plain")]
    assert begun(Ends(), Shouts(), Always()).respond(200, touched, None) is touched


def test_only_declared_names_are_known() -> None:
    pipe = pipeline(Begins(), Shouts(), Always())
    assert set(pipe.request_names) == {
        *("forwarded", "x-forwarded-for", "x-forwarded-proto"), *("cookie", "accept", "x-sent")
    }  # fmt: skip
    assert pipe.response_names == {
        *("content-type", "content-length", "cache-control", "vary"),
        *("x-content-type-options", "link", "strict-transport-security", "x-open"),
        *("vary", "cache-control"),
    }


# --- fixed headers


def test_fixed_headers_are_asked_once_a_context() -> None:
    always = Always()
    pipe = pipeline(always)
    for _ in range(3):
        for root, scheme in itertools.product(("", "/app"), ("http", "https")):
            through_core(pipe, Site(), Request(root=root, scheme=scheme))
    assert len(always.asked) == len(set(always.asked)) == 6  # four at start-up, two of the mount


def test_contexts_beyond_reason_are_not_remembered() -> None:
    always = Always()
    pipe = pipeline(always)
    for number in range(200):
        through_core(pipe, Site(), Request(root=f"/{number}"))
    assert len(pipe._fixed) == 64
    assert through_core(pipe, Site(), Request(root="/199")).headers[2] == (
        "link", '</199/privacy>; rel="privacy-policy"'
    )  # fmt: skip


@pytest.mark.parametrize("confidential", [True, False])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_fixed_header_of_any_context_is_never_doubled(scheme: str, confidential: bool) -> None:
    exchange = begun(Always(), scheme=scheme)
    exchange.confidential = confidential
    sent = [(name, "theirs") for name in exchange.pipeline.response_names]
    pairs = exchange.respond(200, sent, None)
    names = [name for name, _ in pairs] + [name for name, _ in exchange.fixed.text]
    assert sorted(names) == sorted(exchange.pipeline.response_names)


@pytest.mark.parametrize(
    ("merge", "value"),
    [(append, "one, two"), (replace, "two"), (keep, "one")],
    ids=["append", "replace", "keep"],
)
def test_two_keepers_of_one_header_are_merged_at_start(merge: object, value: str) -> None:
    class Says(Keeper):
        def __init__(self, said: str) -> None:
            self.said = said

        def fixed(self, context: Context) -> list[Header]:
            return [Header("x-said", self.said, merge)]  # type: ignore[arg-type]

    exchange = begun(Says("one"), Says("two"))
    exchange.respond(200, [], None)
    assert exchange.fixed.text == [("X-Said", value)]
    assert exchange.fixed.raw == [(b"x-said", value.encode())]


# --- transforms


@pytest.mark.parametrize(
    ("method", "status", "transformed"),
    [("GET", 200, True), ("POST", 404, True), ("HEAD", 200, False), ("GET", 204, False), ("GET", 304, False)],
)
def test_answers_without_a_body_have_no_transform(method: str, status: int, transformed: bool) -> None:
    exchange = begun(Shouts(), method=method)
    exchange.respond(status, [("content-type", "text/html")], None)
    assert (exchange.transform is not None) is transformed


def test_a_second_respond_starts_afresh() -> None:
    exchange = begun(Shouts())
    exchange.respond(200, [("content-type", "text/html")], None)
    exchange.respond(500, [("content-type", "text/plain")], None)
    assert exchange.transform is None
    assert exchange.status == 500


# --- pages and fallbacks


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/privacy/notice", 200, b"notice "),
        ("/privacy/notice/es/print", 200, b"notice es/print"),
        ("/privacy/empty", 204, b""),
        ("/privacy/broken", 500, BROKEN.body),
        ("/privacy/nothing", None, None),
        ("/privacy/unknown", None, None),
        ("/privacy/", None, None),
        ("/privacy", None, None),
        ("/privacyfoo/notice", None, None),
        ("/Privacy/notice", None, None),
        ("/", None, None),
    ],
)
def test_pages(path: str, status: int | None, body: bytes | None) -> None:
    exchange = begun(Pages(), path=path)
    reply = exchange.reply or Reply(0, (), b"")
    assert (reply.status or None, reply.body or None) == (status, body or None)
    assert exchange.own is (status is not None)


def test_a_refusal_comes_before_a_page() -> None:
    reply = begun(Refuses(), Pages(), path="/privacy/notice").reply
    assert reply is not None
    assert reply.status == 451


@pytest.mark.parametrize(("path", "run"), [("form", b"abc"), ("broken-form", BROKEN.body)])
def test_jobs(path: str, run: bytes) -> None:
    exchange = begun(Pages(), path=f"/privacy/{path}")
    assert isinstance(exchange.job, Job)
    assert exchange.own
    assert exchange.job.run(b"abc").body == run
    assert exchange.job.too_large().status == 413


@pytest.mark.parametrize(
    ("method", "path", "status", "answered"),
    [
        ("GET", "/privacy", 404, True),
        ("HEAD", "/privacy", 404, True),
        ("POST", "/privacy", 404, False),
        ("GET", "/privacy", 200, False),
        ("GET", "/privacy", 410, False),
        ("GET", "/elsewhere", 404, False),
        ("GET", "/broken", 404, False),
    ],
)
def test_fallbacks(method: str, path: str, status: int, answered: bool) -> None:
    exchange = begun(Pages(), method=method, path=path)
    exchange.respond(status, [], None)
    assert (exchange.reply is not None) is answered is exchange.own


def test_a_reply_tells_its_length_where_it_may() -> None:
    assert text_reply(200, "é").pairs()[-1] == ("content-length", "2")
    assert Reply(204, (), b"").pairs() == []
    assert Reply(304, (("etag", '"1"'),), b"").pairs() == [("etag", '"1"')]


def test_a_fallback_may_have_nothing_to_say() -> None:
    class Silent(Keeper):
        fallbacks = {"/": lambda exchange: None}

    exchange = begun(Silent())
    exchange.respond(404, [], None)
    assert not exchange.own


@pytest.mark.parametrize(
    ("varies", "sent"),
    [
        ([], [("vary", "Accept"), ("cache-control", "public, max-age=9")]),
        (["Cookie", "Cookie"], [("vary", "Accept, Cookie"), ("cache-control", "private, max-age=9")]),
    ],
)
def test_an_answer_made_for_one_visitor_is_kept_from_shared_caches(varies: list[str], sent: Pairs) -> None:
    exchange = begun()
    exchange.varies += varies
    assert exchange.respond(200, [("vary", "Accept"), ("cache-control", "public, max-age=9")], None) == sent


# --- failing hooks


@pytest.mark.parametrize("hook", ["on_request", "on_response"])
@pytest.mark.parametrize("refuses", [True, False])
def test_a_failing_hook_refuses_or_lets_through(hook: str, refuses: bool) -> None:
    ends = Ends()
    answer = through_core(pipeline(Fails(hook, refuses=refuses), ends), Site(), Request())
    assert answer.status == (REFUSAL.status if refuses else 200)
    assert answer.body == (REFUSAL.body if refuses else b"<p>hello you</p>")
    assert ends.seen == [(Outcome.ENDED, answer.status, refuses)]


def test_a_failing_last_hook_stops_no_other() -> None:
    ends = Ends()
    through_core(pipeline(Fails("on_finish", refuses=True), ends), Site(), Request())
    assert ends.seen == [(Outcome.ENDED, 200, False)]


def test_our_own_page_is_never_refused() -> None:
    pipe = pipeline(Pages(), Fails("on_response", refuses=True))
    assert through_core(pipe, Site(), Request(path="/privacy/notice")).body == b"notice "


FAILURES = {
    "fails.on_request": (Fails("on_request", refuses=False), "/"),
    "fails.on_response": (Fails("on_response", refuses=False), "/"),
    "fails.on_finish": (Fails("on_finish", refuses=False), "/"),
    "broken.page": (Pages(), "/privacy/broken"),
    "broken-form.page": (Pages(), "/privacy/broken-form"),
    "/broken.fallback": (Pages(), "/broken"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_a_failure_is_counted_each_time_and_told_once(what: str, caplog: pytest.LogCaptureFixture) -> None:
    keeper, path = FAILURES[what]
    counted: list[tuple[str, str]] = []
    pipe = pipeline(keeper, count=lambda kind, name: counted.append((kind, name)))
    for _ in range(3):
        through_core(pipe, Site(404), Request(path=path))
    assert counted == [("failures", f"{what}: ValueError")] * 3
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "ValueError" in caplog.text
    assert "Jane" not in caplog.text


def test_an_empty_pipeline_changes_nothing() -> None:
    site = Site(headers=(("x", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")))
    assert through_core(Pipeline([]), site, Request()) == (200, list(site.headers), b"".join(site.chunks))
