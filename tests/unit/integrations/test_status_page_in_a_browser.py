"""The status page in Chromium: light, dark, on a phone; contrast, overflow, names, and a page that nobody renews."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from tests.unit.integrations.pages import hostile_page, product, status_page
from tidegate.integrations.status_page import render
from tidegate.services.statuspage import Condition, StatusPage

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")]

NARROWEST = 500
"""Chromium's window is at least that wide; a phone is a frame in it."""

LOOK = """
<script>
function rgb(text) { const m = text.match(/[\\d.]+/g).map(Number); return m.length > 3 && m[3] === 0 ? null : m.slice(0, 3); }
function light(c) { const p = c.map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4); });
  return 0.2126 * p[0] + 0.7152 * p[1] + 0.0722 * p[2]; }
function contrast(a, b) { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); }
function behind(e) { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c) return c; }
  return matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255]; }
document.querySelectorAll("details").forEach(d => d.open = true);
const texts = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) { const e = walk.currentNode.parentElement;
  if (walk.currentNode.data.trim() && !e.closest("script, style, svg, noscript, [hidden]"))
    texts.push([contrast(rgb(getComputedStyle(e).color), behind(e)), walk.currentNode.data.trim().slice(0, 40)]); }
const bars = [...document.querySelectorAll("svg rect:not(.notch)")].map(r => [contrast(rgb(getComputedStyle(r).fill), behind(r.closest("svg").parentElement)), r.getAttribute("class")]);
const wide = [...document.querySelectorAll("body *")].filter(e => !e.closest(".wide") && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName);
const found = { texts: texts.sort((a, b) => a[0] - b[0]).slice(0, 3), bars: bars.sort((a, b) => a[0] - b[0]).slice(0, 3), count: texts.length, wide: wide,
  overflow: document.documentElement.scrollWidth - innerWidth, width: innerWidth, title: document.title, dark: matchMedia("(prefers-color-scheme: dark)").matches,
  outdated: !document.getElementById("outdated").hidden, states: [...document.querySelectorAll(".state")].map(s => s.textContent),
  unlabelled: [...document.querySelectorAll("svg")].filter(s => s.getAttribute("aria-hidden") !== "true" && !s.getAttribute("aria-label")).length,
  headings: [...document.querySelectorAll("h1,h2,h3")].map(h => Number(h.tagName[1])), lang: document.documentElement.lang };
const out = document.createElement("pre"); out.id = "found"; out.textContent = JSON.stringify(found); parent.document.body.append(out);
</script>
"""


def browse(folder: Path, html: str, *, width: int = 1000, dark: bool = False) -> str:
    """The page's DOM after its scripts ran."""
    assert BROWSER is not None
    page = folder / "page.html"
    page.write_text(html, encoding="utf-8")
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={folder / 'profile'}",
    ]
    command += [f"--window-size={width},1200", "--virtual-time-budget=2000", "--dump-dom"]
    if dark:
        command.append("--blink-settings=preferredColorScheme=0")
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def looked(folder: Path, found: StatusPage, *, width: int = 1000, dark: bool = False) -> dict[str, Any]:
    """What a script sees that is put into the page; the page's own policy, which would forbid it, is left out for that."""
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", render(found))
    html = html.replace("</body>", f"{LOOK}</body>")
    if width < NARROWEST:
        html = (
            f'<!doctype html><iframe width="{width}" height="900" style="border: 0" srcdoc="{escape(html)}"></iframe>'
        )
    dom = browse(folder, html, width=max(width, NARROWEST), dark=dark)
    (told,) = re.findall(r'<pre id="found">(.*?)</pre>', dom, flags=re.DOTALL)
    return dict(json.loads(unescape(told)))


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1000, 320], ids=["desk", "phone"])
def test_it_can_be_read(tmp_path: Path, width: int, dark: bool) -> None:
    """WCAG 2.2: 4.5 for texts (1.4.3), 3 for what is drawn (1.4.11), nothing to scroll sideways (1.4.10)."""
    found = looked(tmp_path, status_page(now=now()), width=width, dark=dark)
    assert (found["width"], found["dark"]) == (width, dark)
    assert found["count"] > 50
    assert found["texts"][0][0] >= 4.5, found["texts"]
    assert found["bars"][0][0] >= 3, found["bars"]
    assert (found["overflow"], found["wide"]) == (0, [])
    assert (found["unlabelled"], found["lang"]) == (0, "en")
    assert found["headings"][0] == 1
    assert found["outdated"] is False


def test_names_do_nothing(tmp_path: Path) -> None:
    dom = browse(tmp_path, render(hostile_page()))
    assert "<img" not in dom
    assert dom.count("<script") == 1
    assert looked(tmp_path, hostile_page())["title"].startswith('Wrong data known: data of "><script>')


def test_the_policy_lets_its_own_script_and_style_run_and_no_other(tmp_path: Path) -> None:
    """An old page: its own script turns every product to unknown; a script that was put into it does not run."""
    old = status_page(product("a", Condition.FINE), now=now() - timedelta(hours=3))
    html = render(old).replace("</body>", "<script>document.title = 'owned'</script></body>")
    dom = browse(tmp_path, html)
    assert "<title>owned" not in dom
    assert '<span class="state dark">? Unknown</span>' in dom


@pytest.mark.parametrize(("hours", "outdated"), [(1.9, False), (2.1, True)])
def test_a_page_that_nobody_renews_says_so(tmp_path: Path, hours: float, outdated: bool) -> None:
    page = status_page(product("a", Condition.FINE), product("b", Condition.LATE), now=now() - timedelta(hours=hours))
    found = looked(tmp_path, page)
    assert found["outdated"] is outdated
    assert found["states"] == (["? Unknown", "? Unknown"] if outdated else ["✓ Fine", "◷ Late"])
