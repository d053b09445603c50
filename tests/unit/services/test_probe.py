"""Probes: what counts as a right answer, on a real warehouse, and what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.services.site import NOW, add_version, make_site, ref, settings_of
from tidegate.errors import NothingCheckedError
from tidegate.model import Probe, Probed, Product
from tidegate.ports import HttpAnswer
from tidegate.services.probe import probe
from tidegate.services.site import Site


class Answers:
    """Gives what it was made with, and remembers what it was asked."""

    def __init__(self, answer: HttpAnswer) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str | None, float]] = []

    def ask(self, url: str, *, contains: str | None, timeout_s: float) -> HttpAnswer:
        self.asked.append((url, contains, timeout_s))
        return self.answer


OK = HttpAnswer(status=200, found=True, latency_s=0.25)


def site_of(folder: Path, *probes: Probe) -> Site:
    product = Product(name="revenue", tables=(ref("orders"),), owner=None, tier=1, probes=probes)
    return make_site(folder, replace(settings_of(folder), products=(product,)))


def http(**more: object) -> Probe:
    return Probe(
        product="revenue",
        name="web",
        every=timedelta(minutes=5),
        timeout=timedelta(seconds=3),
        http="http://x/",
        **more,
    )


def sql(text: str, timeout_s: float = 30) -> Probe:
    timeout = timedelta(seconds=timeout_s)
    return Probe(product="revenue", name="sql", every=timedelta(minutes=5), timeout=timeout, sql=text)


def asked(site: Site, answer: HttpAnswer = OK) -> Probed:
    (one,) = probe(site, Answers(answer))
    assert site.state.probed(since=NOW) == (one,)
    return one


def test_a_right_answer(tmp_path: Path) -> None:
    answers = Answers(OK)
    (one,) = probe(site_of(tmp_path, http(contains="ok")), answers)
    assert one == Probed(product="revenue", probe="web", at=NOW, answered=True, latency_s=0.25)
    assert answers.asked == [("http://x/", "ok", 3.0)]


@pytest.mark.parametrize(
    ("expect", "answer", "error"),
    [
        (None, replace(OK, status=404), "status 404, expected 2xx"),
        (200, replace(OK, status=204), "status 204, expected 200"),
        (None, replace(OK, found=False), "the answer has no `ok` in it"),
        (None, HttpAnswer(status=None, found=False, latency_s=None, error="refused"), "refused"),
    ],
)
def test_a_wrong_answer_says_what_is_wrong(tmp_path: Path, expect: int | None, answer: HttpAnswer, error: str) -> None:
    one = asked(site_of(tmp_path, http(contains="ok", expect=expect)), answer)
    assert (one.answered, one.error) == (False, error)


def test_an_expected_status_is_right_whatever_it_is(tmp_path: Path) -> None:
    assert asked(site_of(tmp_path, http(expect=401)), replace(OK, status=401)).answered


def test_a_query_of_what_readers_see(tmp_path: Path) -> None:
    site = site_of(tmp_path, sql("SELECT count(*) FROM s.orders"))
    add_version(site, 1, "CREATE SCHEMA s", "CREATE TABLE s.orders (a INTEGER)")
    assert asked(site).answered


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT 1 WHERE false", "returned no row"),
        ("SELECT * FROM s.nothing", "nothing"),
        ("DROP TABLE s.orders", "does not only read"),
    ],
)
def test_a_query_that_is_not_answered(tmp_path: Path, text: str, error: str) -> None:
    site = site_of(tmp_path, sql(text))
    add_version(site, 1, "CREATE SCHEMA s", "CREATE TABLE s.orders (a INTEGER)")
    one = asked(site)
    assert (one.answered, one.latency_s, one.timed_out) == (False, None, False)
    assert error in str(one.error)


def test_a_query_that_takes_too_long_is_broken_off(tmp_path: Path) -> None:
    site = site_of(tmp_path, sql("SELECT count(*) FROM range(10000000) a, range(10000000) b", timeout_s=0.3))
    add_version(site, 1, "CREATE TABLE orders (a INTEGER)")
    assert "broken off after 0.3 s" in str(asked(site).error)


def test_nothing_published_is_no_answer(tmp_path: Path) -> None:
    assert asked(site_of(tmp_path, sql("SELECT 1"))).error == "nothing is published"


def test_without_a_probe_nothing_was_asked(tmp_path: Path) -> None:
    with pytest.raises(NothingCheckedError, match="no product has a probe"):
        probe(site_of(tmp_path), Answers(OK))
