"""Promises through the real command line: run, probe, slo, the gate and the status page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject

SLO = """
products:
  revenue:
    tables: [raw.orders]
    owner: finance@example.com
    tier: 1
    slo: {{freshness: 24h, quality: 99.95%, availability: 99%, latency: 5s, metrics: {{small orders: 99%}}, window: 1h}}
    probes:
      - {{sql: "select 1 from raw.orders limit 1"}}
      - {{http: "{url}/health", contains: fine}}
checks:
  - {{table: raw.orders, rule: "amount < 140", on_fail: warn}}
  - {{name: small orders, metric: "select min(amount) from raw.orders", min: 0}}
gate: {{when_budget_spent: hold-risky}}
learned: "off"
"""


class Health(BaseHTTPRequestHandler):
    """Says that all is fine."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"fine")

    def log_message(self, *said: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Health)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def project(tmp_path: Path, server: ThreadingHTTPServer) -> SmallProject:
    url = f"http://127.0.0.1:{server.server_address[1]}"
    return small_project.make(tmp_path / "shop", SLO.format(url=url))


def test_promises_from_the_first_run_to_a_held_one(project: SmallProject, server: ThreadingHTTPServer) -> None:
    nobody = project.cli("slo")
    assert nobody.status == 1
    assert nobody.out.count("UNKNOWN") == 5

    assert project.cli("run").status == 0  # the only check on its table warns
    first = project.cli("slo", "--probe", "--json").document
    standing = {a["objective"]["name"]: a["standing"] for a in first["accounts"]}
    assert (standing["availability"], standing["latency"], standing["small orders"]) == ("met", "met", "met")
    assert [p["answered"] for p in first["probed"]] == [True, True]
    quality = next(a for a in first["accounts"] if a["objective"]["name"] == "quality")
    assert quality["actual"] == 0

    server.server_close()
    probed = project.cli("slo", "--probe")
    assert probed.status == 1
    assert "probe     revenue/http: FAILED:" in probed.out

    while True:  # of an hour, 0.05 % are 1.8 s
        spent = project.cli("slo", "--json").document
        quality = next(a for a in spent["accounts"] if a["objective"]["name"] == "quality")
        if quality["standing"] == "missed":
            break
        threading.Event().wait(0.2)
    held = project.cli("run")
    assert held.status == 1
    assert "comes with" in held.out
    assert "while the error budget of the quality of `revenue` is spent" in held.out
    titles = [i["title"] for i in project.cli("incidents", "--json").document["incidents"]]
    assert len(titles) == len(set(titles))


def test_the_page_and_its_badges_are_written(project: SmallProject, tmp_path: Path) -> None:
    page, badges = tmp_path / "public" / "index.html", tmp_path / "public" / "badges"
    assert project.cli("statuspage", "--output", page).status == 0
    assert "? Unknown" in page.read_text(encoding="utf-8")
    project.cli("run")
    told = project.cli("statuspage", "--output", page, "--badges", badges, "--every", "15m")
    assert (told.status, told.out) == (0, "")
    assert "✓ Fine" in page.read_text(encoding="utf-8")
    assert {p.name for p in page.parent.iterdir()} == {"badges", "index.html"}
    assert ElementTree.parse(badges / "revenue.svg").getroot().attrib["aria-label"] == "revenue: fine"
    assert project.cli("statuspage").out.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("slo", "revenu"), "there is no product `revenu`"),
        (("statuspage", "--every", "0s"), "is not more than 0"),
        (("statuspage", "--draft", "9"), "there is no incident `9`"),
    ],
)
def test_what_cannot_be_told_ends_with_2(project: SmallProject, words: tuple[str, ...], error: str) -> None:
    told = project.cli(*words)
    assert told.status == 2
    assert error in told.err
