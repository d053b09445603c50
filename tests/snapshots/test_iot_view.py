"""The live view of the template `aws-iot`, as it is drawn at two sizes; UPDATE_SNAPSHOTS=1 writes it again."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.metrics import Verdict
from local.view import Picture, Screen, lines, short

KEPT = Path(__file__).parent / "iot_view"
CALM = Verdict(state="OK", reason="0 of the last 5 periods (60 s) breach 0, 3 are needed")
NAMES = (
    "dead-letters duration errors event-lag iterator-age no-data quarantined silent-devices stream-full table-throttles"
    " throttles watch-errors"
).split()
PICTURE = Picture(
    at=datetime(2026, 11, 22, 21, 29, 16, tzinfo=UTC),
    devices=200,
    latest=[(f"dev-{n:06d}", 22.54 - n * 1.7, n * n * 40.2) for n in range(40)],
    accepted=123_456,
    quarantined=7086,
    dead=1763,
    by_reason={"clock-ahead": 4100, "clock-behind": 2100, "not-json": 300, "out-of-range": 886, "missing-field": 130, "no-time-zone": 129,
               "not-a-time": 128, "not-allowed": 127, "not-an-object": 126, "not-finite": 125, "unknown-version": 124, "wrong-type": 123},
    per_second=98.6,
    lag_median_s=0.4,
    lag_max_s=2_591_999.0,
    queue=1763,
    silent=4,
    alarms={f"iot-dev-{name}": CALM for name in NAMES}
    | {
        "iot-dev-dead-letters": Verdict(state="ALARM", reason="1 of the last 1 periods (60 s) breach 0, 1 are needed"),
        "iot-dev-silent-devices": Verdict(state="ALARM", reason="3 of the last 3 periods (300 s) breach 0, 2 are needed"),
        "iot-dev-event-lag": Verdict(state="INSUFFICIENT_DATA", reason="no data"),
    },
)  # fmt: skip
EMPTY = replace(
    PICTURE, devices=0, latest=[], accepted=0, quarantined=0, dead=0, by_reason={}, per_second=0.0, lag_median_s=None,
    lag_max_s=None, queue=0, silent=None, alarms={},
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "picture", "width", "height"),
    [("80x24", PICTURE, 80, 22), ("140x45", PICTURE, 140, 43), ("empty", EMPTY, 80, 22)],
    ids=["80x24", "140x45", "empty"],
)
def test_the_view_is_drawn_as_before(name: str, picture: Picture, width: int, height: int) -> None:
    drawn = "\n".join(lines(picture, colour=False, width=width, height=height)) + "\n"
    path = KEPT / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(drawn, encoding="utf-8")
    assert drawn == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [40, 60, 80, 140, 300])
@pytest.mark.parametrize("height", [8, 22, 60])
def test_nothing_is_wider_or_higher_than_the_terminal(width: int, height: int) -> None:
    drawn = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in lines(PICTURE, colour=True, width=width, height=height)]
    assert len(drawn) <= height
    assert [line for line in drawn if len(line) > width] == []
    assert sum("RINGING" in line for line in drawn) == 2


def test_what_rings_comes_first_whatever_room_there_is() -> None:
    drawn = lines(PICTURE, colour=False, width=80, height=22)
    first = next(line for line in drawn if "RINGING" in line)
    assert drawn.index(first) == drawn.index("alarms: 2 of 12 ringing") + 1
    assert sum("RINGING" in line for line in drawn) == 2
    assert "in alarm: iot-dev-dead-letters, iot-dev-silent-devices" in short(PICTURE)


def test_the_last_frame_stays_when_the_view_ends(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with Screen() as screen:
        screen.draw(PICTURE)
    written = capsys.readouterr().out
    assert written.startswith("\x1b[?1049h\x1b[?25l\x1b[H")
    after = written.partition("\x1b[?25h\x1b[?1049l")[2]
    assert after.startswith("21:29:16 UTC")
    assert "\x1b" not in after
