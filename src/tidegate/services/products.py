"""Products: do the data products name tables that there are, and what do contracts promise of them?"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from tidegate.errors import ConfigError
from tidegate.model import Contract, DatasetRef, Node, Product, SlaProperty, Slo
from tidegate.model.settings import fits

UNIT_S: Mapping[str, float] = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31_557_600}
"""Units of time in `slaProperties`, in seconds."""

AGES = ("latency", "freshness")
"""The properties that the Open Data Contract Standard has for the age of the data; the first is preferred."""

SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")


def unknown(products: Iterable[Product], known: Collection[DatasetRef]) -> Iterator[tuple[Product, DatasetRef]]:
    """The names and patterns of products that no known table fits."""
    for product in products:
        for pattern in product.tables:
            if pattern not in known and not any(fits(ref, pattern) for ref in known):
                yield product, pattern


def nearest(pattern: DatasetRef, known: Iterable[DatasetRef]) -> str | None:
    """The known table whose name looks most like it; None when none does."""
    return next(iter(difflib.get_close_matches(str(pattern), [str(ref) for ref in known], n=1, cutoff=0.5)), None)


def demand_known(products: Sequence[Product], catalog: Collection[DatasetRef], nodes: Iterable[Node]) -> None:
    """Refuse a product with a table that neither the warehouse nor the pipeline has: nobody would ever look after it.

    With no table at all there is nothing to compare with.

    Raises:
        ConfigError: the first such table; the hint names the nearest one.
    """
    known = {*catalog, *(n.dataset for n in nodes if n.dataset is not None)} if catalog else set()
    for product, pattern in unknown(products, known) if known else ():
        near = nearest(pattern, known)
        raise ConfigError(
            f"the product `{product.name}` names `{pattern}`, and there is no such table",
            hint=f"did you mean `{near}`?" if near else "correct `products:` in `tidegate.yml`",
        )


# --- what contracts promise ------------------------------------------------------------------------------------------


def with_promises(products: Sequence[Product], contracts: Sequence[Contract]) -> tuple[Product, ...]:
    """The products with what the contracts of their tables promise in `slaProperties`, where `slo:` itself says nothing.

    `latency` (or `freshness`) is the greatest age of what readers see, `availability` the share of the time in which they get
    an answer; of several contracts the strictest counts. A value that cannot be read promises nothing here; `tidegate contract
    lint` tells of it.
    """
    return tuple(_with_promises(product, contracts) for product in products)


def _with_promises(product: Product, contracts: Sequence[Contract]) -> Product:
    ages: list[timedelta] = []
    shares: list[float] = []
    for contract in contracts:
        mine = [s for s in contract.sla if any(_covers(product, name, contract) for name in _tables(s, contract))]
        said = {s.property: s for s in mine}
        ages += [age for s in [next((said[n] for n in AGES if n in said), None)] if (age := _age(s)) is not None]
        shares += [share for s in mine if s.property == "availability" and (share := _share(s)) is not None]
    slo: Slo = product.slo
    return dataclasses.replace(
        product,
        slo=dataclasses.replace(
            slo,
            freshness=slo.freshness if slo.freshness is not None else min(ages, default=None),
            availability=slo.availability if slo.availability is not None else max(shares, default=None),
        ),
    )


def _tables(said: SlaProperty, contract: Contract) -> Iterator[str]:
    """The tables of the contract that a property is about: those that its elements name, else all."""
    named = {element.rpartition(".")[0] or element for element in said.elements} | set(said.elements)
    for table in contract.tables:
        if not said.elements or {table.name, table.physical_name} & named:
            yield table.physical_name


def _covers(product: Product, name: str, contract: Contract) -> bool:
    """Whether a table, with or without its schema, is one of the product's."""
    namespace, _, bare = name.rpartition(".")
    namespace = namespace or contract.schema or ""
    if namespace:
        return product.covers(DatasetRef(namespace=namespace, name=bare))
    return any(fits(DatasetRef(namespace=p.namespace, name=bare), p) for p in product.tables)


def _age(said: SlaProperty | None) -> timedelta | None:
    if said is None or not isinstance(said.value, int | float) or (said.unit or "") not in UNIT_S:
        return None
    return timedelta(seconds=said.value * UNIT_S[said.unit or ""]) if said.value > 0 else None


def _share(said: SlaProperty) -> float | None:
    """99.9 with the unit `percent`, or `99.9%`; a number up to 1 without a unit is a share already."""
    text = f"{said.value}%" if (said.unit or "").lower() in {"percent", "%"} else str(said.value)
    if (found := SHARE.fullmatch(text.strip())) is not None:
        share = float(found[1]) / 100
    elif isinstance(said.value, float | int) and not said.unit:
        share = float(said.value)
    else:
        return None
    return share if 0 < share <= 1 else None
