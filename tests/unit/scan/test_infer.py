"""What the names of columns say about them."""

import pytest

from tidegate.model import Column, Family
from tidegate.scan.infer import KEY_NAME, LOADERS_OWN, MOVING, score


def best(table, names):
    ranked = sorted(
        names,
        key=lambda n: score(Column(name=n.lstrip("!"), type="TIMESTAMP", family=Family.TIME), table),
        reverse=True,
    )
    return ranked[0]


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("orders", ["updated_at", "shipped_at", "!ordered_at", "delivered_at"]),
        ("raw_orders", ["!created_at", "updated_at", "_dlt_load_time"]),
        ("customers", ["birth_date", "!created_at", "last_login_at", "updated_at"]),
        ("customers", ["birthday", "last_login_at", "first_order_at", "!updated_at"]),
        ("events", ["received_at", "!event_time", "ingested_at"]),
        ("sessions", ["ended_at", "!started_at"]),
        ("subscriptions", ["trial_ends_at", "end_date", "!start_date"]),
        ("invoices", ["due_date", "paid_on", "!invoice_date"]),
        ("sensor", ["loaded_at", "!ts"]),
        ("mart_product_sales", ["refreshed_at", "!month"]),
        ("fct_revenue", ["dbt_updated_at", "!order_day"]),
        ("tickets", ["closed_at", "!opened_at", "resolved_at"]),
        ("page_views", ["session_start", "!viewed_at"]),
        ("flights", ["!time_hour", "sched_arr_time"]),
        ("returns", ["refunded_at", "!returned_at"]),
        ("shipments", ["estimated_delivery_date", "!shipped_at"]),
    ],
)
def test_the_events_own_time_scores_highest(table, names):
    assert best(table, names).startswith("!")


@pytest.mark.parametrize(
    "name",
    [
        "birth_date",
        "dob",
        "expires_at",
        "valid_to",
        "due_date",
        "last_seen_at",
        "first_order_at",
        "dbt_valid_to",
        "deleted_at",
    ],
)
def test_some_times_never_make_buckets(name):
    assert score(Column(name=name, type="DATE", family=Family.TIME), "t") < -50


@pytest.mark.parametrize("name", ["updated_at", "modified_on", "_loaded_at", "ingested_at", "dbt_valid_from"])
def test_some_are_a_last_resort(name):
    assert -50 < score(Column(name=name, type="DATE", family=Family.TIME), "t") < MOVING


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "order_id",
        "orderId",
        "customer_key",
        "sku",
        "product_sk",
        "uuid",
        "row_hash",
        "flight_number",
        "postal_code",
    ],
)
def test_keys(name):
    assert KEY_NAME.search(name)


@pytest.mark.parametrize(
    "name", ["amount", "paid", "valid", "void", "grid", "monkey", "quantity", "is_paid", "casino", "humid", "year"]
)
def test_no_keys(name):
    assert not KEY_NAME.search(name)


@pytest.mark.parametrize(
    "name",
    [
        "_dlt_id",
        "_dlt_load_id",
        "_airbyte_raw_id",
        "_fivetran_synced",
        "_loaded_at",
        "loaded_at",
        "ingested_at",
        "etl_date",
        "__inserted_at",
    ],
)
def test_loaders_own(name):
    assert LOADERS_OWN.search(name)


@pytest.mark.parametrize(
    "name", ["order_id", "created_at", "load_kg", "batch_id", "download_id", "updated_at", "payload"]
)
def test_the_sources_own(name):
    assert not LOADERS_OWN.search(name)
