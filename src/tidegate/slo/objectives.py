"""Objectives: the promises of a product, one by one."""

from __future__ import annotations

from tidegate.model import Indicator, Objective, Product


def objectives(product: Product) -> tuple[Objective, ...]:
    """Every promise of a product, in the order of the indicators, metrics last."""
    slo = product.slo
    targets = [
        (Indicator.FRESHNESS, None if slo.freshness is None else slo.objective, slo.freshness),
        (Indicator.COMPLETENESS, slo.completeness, None),
        (Indicator.QUALITY, slo.quality, None),
        (Indicator.AVAILABILITY, slo.availability, None),
        (Indicator.LATENCY, None if slo.latency is None else slo.objective, slo.latency),
    ]
    plain = [(kind, kind.value, target, limit) for kind, target, limit in targets if target is not None]
    metrics = [(Indicator.METRIC, name, target, None) for name, target in slo.metrics]
    return tuple(
        Objective(
            product=product.name,
            indicator=kind,
            name=name,
            target=target,
            window=slo.window,
            limit=limit,
            of_rows=slo.of_rows and kind is Indicator.QUALITY,
        )
        for kind, name, target, limit in (*plain, *metrics)
    )
