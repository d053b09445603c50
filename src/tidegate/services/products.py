"""Products: do the data products name tables that there are?"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence

from tidegate.errors import ConfigError
from tidegate.model import DatasetRef, Node, Product
from tidegate.model.settings import fits


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
