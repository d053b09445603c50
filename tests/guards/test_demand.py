"""Packages that load their names on demand: what type checkers are told is what there is, and nothing else is loaded."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.demand import on_demand

PACKAGES = Path(importlib.import_module("tidegate").__file__ or "").parent
ON_DEMAND = sorted(
    p.parent.name for p in PACKAGES.glob("*/__init__.py") if "on_demand" in p.read_text(encoding="utf-8")
)


def told(package: str) -> dict[str, str]:
    """The names that the imports under `TYPE_CHECKING` bring, and the module of each."""
    tree = ast.parse((PACKAGES / package / "__init__.py").read_text(encoding="utf-8"))
    (checking,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in checking.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_there_are_such_packages() -> None:
    assert ON_DEMAND == ["model", "ports", "scan"]


@pytest.mark.parametrize("package", ON_DEMAND)
def test_a_type_checker_is_told_where_each_name_is(package: str) -> None:
    loaded = importlib.import_module(f"tidegate.{package}")
    names = told(package)
    assert sorted(names) == sorted(loaded.__all__)
    table = loaded.__getattr__.__closure__[0].cell_contents
    assert table == names


@pytest.mark.parametrize("package", ON_DEMAND)
def test_every_name_is_there(package: str) -> None:
    loaded = importlib.import_module(f"tidegate.{package}")
    for name, module in told(package).items():
        assert getattr(loaded, name) is getattr(importlib.import_module(module), name)


def test_a_name_that_is_not_there_is_missed_as_in_any_module() -> None:
    load = on_demand("tidegate.model", {"dataset": "Column"})
    with pytest.raises(AttributeError, match=r"module `tidegate\.model` has no attribute `Colum`"):
        load("Colum")


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


def test_a_noun_brings_only_its_module() -> None:
    loaded = loaded_by("from tidegate.model import DatasetRef")
    assert {name for name in loaded if name.startswith("tidegate.model.")} == {"tidegate.model.dataset"}


def test_what_checks_do_not_need_is_not_loaded_to_measure_them() -> None:
    loaded = loaded_by("import tidegate.services.measure, tidegate.warehouses.duckdb")
    unused = ("model.notification", "model.incident", "model.contract", "ports.notify", "scan.history", "scan.infer")
    assert loaded & {f"tidegate.{name}" for name in unused} == set()
