"""The deployed functions, run here: the package that Terraform applied, with the settings that it gave them."""

from __future__ import annotations

import base64
import hashlib
import importlib
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def load(
    aws_lambda: Any, names: dict[str, str], package: Path, work: Path, write: Callable[[str], None]
) -> dict[str, Any]:
    """The handlers by key, such as `ingest`, out of the package itself.

    Args:
        names: the deployed function of each key.
        write: gets each line of the log.

    Raises:
        RuntimeError: what is deployed is another package.
    """
    digest = base64.b64encode(hashlib.sha256(package.read_bytes()).digest()).decode("ascii")
    folder = work / "function" / hashlib.sha256(digest.encode()).hexdigest()[:16]
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    sys.path.insert(0, str(folder))
    found: dict[str, Any] = {}
    for key, name in names.items():
        said = aws_lambda.get_function_configuration(FunctionName=name)
        if said["CodeSha256"] != digest:
            raise RuntimeError(f"`{name}` has another package deployed than {package}: apply again")
        os.environ.update(said["Environment"]["Variables"])
        module, _, function = said["Handler"].rpartition(".")
        found[key] = getattr(importlib.import_module(module), function)
    importlib.import_module("ingest.telemetry").write = write  # type: ignore[attr-defined]  # where its lines go
    return found
