"""Builds the Lambda package: the same sources make the same bytes, on any machine, on any day."""

from __future__ import annotations

import argparse
import base64
import hashlib
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).absolute().parent.parent
SOURCES = ROOT / "ingest"
TARGET = ROOT / "build" / "ingest.zip"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The first day that a zip file knows; the time of a file is no part of what it says."""


def build(target: Path) -> str:
    """Write the package and return its hash, as Terraform's `filebase64sha256` gives it."""
    files = sorted(p for p in SOURCES.rglob("*") if p.suffix in {".py", ".json"} and "__pycache__" not in p.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as package:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(ROOT).as_posix(), date_time=LONG_AGO)
            entry.create_system = 3  # as on Unix, wherever it is built: the permissions below are Unix's
            entry.external_attr = 0o644 << 16
            # Stored, not deflated: another release of zlib packs otherwise, and the package is small.
            package.writestr(entry, path.read_bytes().replace(b"\r\n", b"\n"), compress_type=zipfile.ZIP_STORED)
    return base64.b64encode(hashlib.sha256(target.read_bytes()).digest()).decode("ascii")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.package", description=__doc__)
    parser.add_argument("--target", type=Path, default=TARGET, help="where the package goes")
    target = parser.parse_args().target
    digest = build(target)
    sys.stdout.write(f"{target}  sha256 {digest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
