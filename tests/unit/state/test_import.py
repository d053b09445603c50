"""The store is read by `tidegate status` at its start, so it imports next to nothing."""

from __future__ import annotations

import subprocess
import sys

PROBE = """
import sys
before = set(sys.modules)
import tidegate.state.sqlite
print(*sorted({name for name in set(sys.modules) - before if name.split(".")[0] not in sys.stdlib_module_names}))
"""


def test_the_store_imports_the_standard_library_and_what_is_below_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], check=True, capture_output=True, text=True)
    loaded = done.stdout.split()
    assert "tidegate.state.sqlite" in loaded
    units = {name.split(".")[1] for name in loaded if name.startswith("tidegate.")}
    assert units == {"demand", "errors", "model", "ports", "state"}
    assert [name for name in loaded if name.split(".")[0] != "tidegate"] == []
