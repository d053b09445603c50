"""Times on the command line: what is one, and that nothing else is."""

from __future__ import annotations

import pytest

from tidegate.cli.options import seconds
from tidegate.errors import UsageError


@pytest.mark.parametrize(
    ("text", "wanted"), [("0s", 0), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("7d", 604_800), ("2w", 1_209_600)]
)
def test_times(text: str, wanted: float) -> None:
    assert seconds(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "s", "10", "soon", "-5s", "nans", "infs", "1e3s", "1,5h", " 5s", "5 s", "5y", "٣s", "1_0s"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time") as caught:
        seconds(text)
    assert f"`{text}`" in str(caught.value)
    assert "90s" in caught.value.hint
