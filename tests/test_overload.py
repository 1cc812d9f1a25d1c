"""More than the log can take: errors and refusals last longest, and what is lost is counted in the log itself."""

import json
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacymw.address import pack
from privacymw.errors import StoreError
from privacymw.store import Row
from privacymw.store.backlog import Backlog
from privacymw.store.base import URGENT, Batch, Query, with_urgent
from test_cli import call, site
from test_journal import event, forking_beside_a_thread, in_child, locked


def told(place):
    """How many rows there are, and how many events they say were lost."""
    rows = [row for _, row in place.log().store.read(Query())]
    return len(rows), sum(row.dropped for row in rows)


STATUSES = [200, 304, 503, 404, 200, 401, 302, 429, 200, 403]  # four of ten are urgent


def test_a_burst_over_the_queue_loses_the_ordinary_first_and_counts_exactly(place):
    journal = place.journal(capacity=1_000, interval=60)
    for number in range(10_000):
        journal.put(event(status=STATUSES[number % 10]))
    assert journal.flush(10)
    rows = [row for _, row in place.log().store.read(Query())]
    urgent = [row for row in rows if row.status in URGENT]
    assert len(rows) == 1_250
    assert len(urgent) == 400 + 250, "those of the first thousand, and the room that is theirs"
    assert sum(row.dropped for row in rows) == 8_750
    assert journal.counts()["dropped"] == 8_750
    journal.put(event())
    assert journal.flush()
    assert told(place) == (1_251, 8_750), "each loss is told once"
    journal.close()


def test_many_threads_and_a_writer_at_work_lose_nothing_uncounted(place):
    journal = place.journal(capacity=300, interval=0.01)

    def load():
        for number in range(5_000):
            journal.put(event(status=STATUSES[number % 10]))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.put(event())
    assert journal.flush(20)
    stored, lost = told(place)
    assert stored + lost == 20_001
    assert lost == journal.counts()["dropped"] > 0
    journal.close()


def test_what_the_backlog_gave_up_is_told_once_the_store_is_back(place):
    journal = place.journal(capacity=200, backlog=100, interval=60)
    put = 0
    with locked(place):
        for count in (30, 90, 400, 5, 250):
            for number in range(count):
                journal.put(event(status=STATUSES[number % 10]))
            put += count
            assert not journal.flush(0.3)
        counts = journal.counts()
        assert counts["waiting"] <= with_urgent(100) + 1
        assert counts["failed"] > 0
        assert counts["dropped"] > 0
    assert journal.flush(10)
    stored, lost = told(place)
    assert stored + lost == put
    assert lost == counts["failed"] + counts["dropped"]
    journal.close()


def test_an_event_that_is_none_is_lost_alone(place):
    journal = place.journal(interval=60)
    journal.put(event())
    journal.put(("not", "an", "event"))
    journal.put(event())
    assert journal.flush()
    assert told(place) == (2, 1)
    journal.close()


@forking_beside_a_thread
def test_a_child_begins_at_nothing_and_the_parent_keeps_its_count(place):
    journal = place.journal(capacity=10, interval=60)
    for _ in range(25):
        journal.put(event())

    def child():
        journal.put(event(status=204))
        assert journal.flush(5)
        assert journal.counts()["dropped"] == 0
        journal.close()

    assert in_child(child) == 0
    rows = [row for _, row in place.log().store.read(Query())]
    assert [row.dropped for row in rows if row.status == 204] == [0]
    assert journal.flush()
    assert told(place) == (11, 15)
    journal.close()


class Wayward:
    """A store that fails as planned; also after it has stored, as one whose answer was lost in mid-commit.

    Like the real one it knows a batch again by its mark.
    """

    def __init__(self, plan):
        self.plan, self.rows, self.unsure = list(plan), [], None

    def write(self, batch):
        if batch.mark != self.unsure:
            act = self.plan.pop(0) if self.plan else "store"
            if act == "fail":
                raise StoreError("as planned")
            self.rows += batch.rows
            if act == "unsure":
                self.unsure = batch.mark
                raise StoreError("stored, but who knows")
        self.unsure = None


ROUNDS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=12)
PLAN = st.lists(st.sampled_from(["store", "fail", "unsure"]), max_size=12)


@settings(max_examples=300)
@given(rounds=ROUNDS, plan=PLAN, most=st.integers(1, 25))
def test_stored_and_told_make_up_what_was_put(rounds, plan, most):
    store = Wayward(plan)
    backlog = Backlog(store, rows_most=most)
    when = put = lost = 0

    def write():
        try:
            backlog.write(lambda batch: batch, lost=lost, now=True)
        except StoreError:
            return False
        return True

    for count, drops in rounds:
        rows = [Row(when + i, None, None, "GET", "/x", STATUSES[i % 10], 5) for i in range(count)]
        when, put, lost = when + count, put + count + drops, lost + drops
        backlog.add([Batch(0, rows)] if rows else [])
        assert backlog.waiting <= with_urgent(most) + 1
        write()
    backlog.add([Batch(0, [Row(when, None, None, "GET", "/x", 200, 5)])])
    while not write() or backlog.waiting:
        pass
    assert len(store.rows) + sum(row.dropped for row in store.rows) == put + 1
    assert len({row.when for row in store.rows}) == len(store.rows), "no row twice"
    assert (backlog.stored, backlog.failed) == (len(store.rows), put + 1 - lost - len(store.rows))


def test_the_last_loss_is_told_without_another_event():
    """The store comes back, and nobody visits the site any more."""
    store = Wayward(["fail"] * 3)
    backlog = Backlog(store, rows_most=10)
    rows = [Row(when, None, None, "GET", "/x", 200, 5) for when in range(40)]
    for part in (rows[:10], rows[10:25], rows[25:]):
        backlog.add([Batch(0, part)])
        with pytest.raises(StoreError):
            backlog.write(lambda batch: batch, now=True)
    backlog.write(lambda batch: batch, now=True)
    assert len(store.rows) + sum(row.dropped for row in store.rows) == 40


def test_errors_wait_longest_for_a_store_that_is_away():
    backlog = Backlog(Wayward([]), rows_most=100)
    rows = [Row(when, None, None, "GET", "/x", STATUSES[when % 10], 5) for when in range(1_000)]
    backlog.add([Batch(0, rows)])
    backlog.write(lambda batch: batch)
    kept = backlog._store.rows
    assert len(kept) == 125
    assert all(row.status in URGENT for row in kept[100:])
    assert kept[-1].dropped == 875


def test_the_command_line_tells_what_is_missing(tmp_path):
    with site(tmp_path / "data") as started:
        journal = started.services.journal
        journal._room, journal._urgent_room = 5, 6
        journal.before_fork()  # the writer stands still
        for status in [200] * 9 + [500] * 3:
            journal.put(event(pack("100.64.0.7"), status=status))
        journal.after_fork(child=False)
        assert journal.flush()
        verify = call("addresses", "verify", "--json", "--data", "data", cwd=tmp_path)
        finding = next(each for each in json.loads(verify.out)["findings"] if each["code"] == "rows-missing")
        assert finding["held"]
        assert finding["text"] == "6 requests are missing in the log, as its rows tell"
        done = call("addresses", "list", "--data", "data", "--status", "200", cwd=tmp_path)
        assert "6 requests of this time are missing" in done.err
        assert "missing" not in call("addresses", "list", "--since", "0s", "--data", "data", cwd=tmp_path).err
        shown = json.loads(call("addresses", "list", "--json", "--data", "data", cwd=tmp_path).out)
        assert sum(each["dropped"] for each in shown) == 6
        assert len(shown) == 6


def test_a_full_queue_costs_no_more_than_a_put(tmp_path):
    from test_journal import journal_of

    journal = journal_of(tmp_path, capacity=10, interval=60)
    one = event()
    for _ in range(10):
        journal.put(one)
    costs = []
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(20_000):
            journal.put(one)
        costs.append((time.perf_counter() - begun) / 20_000 * 1e6)
    journal.close()
    assert min(costs) < 1.0, f"{min(costs):.2f} µs"
