"""A dbt project with everything that a selection can name: versions, a package, groups, tags, unit tests, exposures, wildcards."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "dbt_project.yml": """
name: shop
version: "1.0"
profile: shop
model-paths: [models]
seed-paths: [seeds]
test-paths: [tests]
snapshot-paths: [snapshots]
macro-paths: [macros]
packages-install-path: dbt_packages
models:
  shop:
    staging: {+materialized: view, +tags: [nightly]}
    marts: {+materialized: table, +group: finance}
flags: {send_anonymous_usage_stats: false}
""",
    "profiles.yml": """
shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, schema: analytics}}}
""",
    "packages.yml": "packages:\n  - local: ./vendor/geo\n",
    "vendor/geo/dbt_project.yml": "name: geo\nversion: '1.0'\nconfig-version: 2\nmodel-paths: [models]\n",
    "vendor/geo/models/countries.sql": "select 'DE' as code",
    "vendor/geo/models/geo.yml": """
version: 2
models:
  - name: countries
    config: {tags: [reference]}
    columns:
      - {name: code, data_tests: [not_null, {accepted_values: {arguments: {values: [DE, FR]}, config: {severity: warn}}}]}
""",
    "macros/tests.sql": """
{% test is_positive(model, column_name) %}select * from {{ model }} where {{ column_name }} <= 0{% endtest %}
{% macro cents(column) %}({{ column }} / {{ scale() }}){% endmacro %}
{% macro scale() %}100{% endmacro %}
""",
    "seeds/rates.csv": "currency,rate\nEUR,1.0\nUSD,1.1\n",
    "models/staging/sources.yml": """
version: 2
sources:
  - name: raw
    schema: raw
    tags: [landing]
    tables:
      - name: orders
        columns:
          - {name: order_id, data_tests: [unique, not_null]}
      - name: customers
        config: {tags: [pii]}
        data_tests:
          - {unique: {arguments: {column_name: customer_id}, config: {tags: [keys]}}}
  - name: crm
    schema: crm
    tables:
      - {name: accounts, columns: [{name: id, data_tests: [not_null]}]}
""",
    "models/staging/stg_orders.sql": "select order_id, customer_id, amount, {{ cents('amount') }} as euros from {{ source('raw', 'orders') }}",
    "models/staging/stg_customers.sql": "select customer_id, name, country from {{ source('raw', 'customers') }}",
    "models/staging/stg_accounts.sql": "{{ config(enabled=true) }} select id from {{ source('crm', 'accounts') }}",
    "models/staging/stg_off.sql": "{{ config(enabled=false) }} select 1 as id",
    "models/staging/staging.yml": """
version: 2
models:
  - name: stg_orders
    columns:
      - name: order_id
        data_tests: [unique, not_null]
      - name: amount
        data_tests:
          - is_positive: {config: {severity: warn, tags: [money, slow]}}
          - not_null: {config: {where: "order_id > 0"}}
      - name: customer_id
        data_tests:
          - relationships: {arguments: {to: ref('stg_customers'), field: customer_id}, config: {meta: {owner: ann, level: 2}}}
  - name: stg_customers
    columns:
      - name: customer_id
        data_tests: [unique, {not_null: {name: customers_have_an_id}}]
      - name: country
        data_tests:
          - relationships: {arguments: {to: "ref('geo', 'countries')", field: code}}
          - accepted_values: {arguments: {values: [DE, FR]}, config: {severity: error, enabled: true}}
""",
    "models/intermediate/nested/int_order_lines.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('stg_orders') }}",
    "models/marts/fct_orders.sql": "select o.*, r.rate from {{ ref('int_order_lines') }} o join {{ ref('rates') }} r on currency = 'EUR' join {{ ref('stg_customers') }} using (customer_id)",
    "models/marts/revenue_v1.sql": "select 1 as revenue from {{ ref('fct_orders') }}",
    "models/marts/revenue_v2.sql": "select 2 as revenue from {{ ref('fct_orders') }}",
    "models/marts/revenue_v3.sql": "select 3 as revenue from {{ ref('fct_orders') }}",
    "models/marts/mart.country.sql": "select country from {{ ref('stg_customers') }}",
    "models/marts/marts.yml": """
version: 2
groups:
  - {name: finance, owner: {email: finance@example.com}}
models:
  - name: fct_orders
    config: {tags: [core], contract: {enforced: false}}
    access: public
    columns:
      - {name: order_id, data_tests: [unique, not_null]}
  - name: revenue
    latest_version: 2
    columns:
      - {name: revenue, data_tests: [not_null, is_positive]}
    versions: [{v: 1}, {v: 2}, {v: 3}]
  - name: mart.country
    columns: [{name: country, data_tests: [not_null]}]
unit_tests:
  - name: revenue_is_two
    model: fct_orders
    given: [{input: ref('int_order_lines'), rows: []}, {input: ref('rates'), rows: []}, {input: ref('stg_customers'), rows: []}]
    expect: {rows: []}
    config: {tags: [unit]}
exposures:
  - name: board
    type: dashboard
    owner: {name: ann}
    depends_on: [ref('fct_orders'), "source('crm', 'accounts')"]
  - name: board_two
    type: dashboard
    owner: {name: bob}
    depends_on: ["ref('revenue', v=2)"]
""",
    "selectors.yml": """
selectors:
  - {name: core, definition: "tag:core"}
  - {name: money, definition: {tag: money}}
  - name: around
    definition:
      {method: fqn, value: stg_orders, children: true, children_depth: 1, parents: true, indirect_selection: cautious}
  - {name: at, definition: {method: fqn, value: rates, childrens_parents: true}}
  - name: nightly
    definition:
      union:
        - tag:core
        - {method: source, value: raw, children: true}
        - intersection: [{method: test_name, value: unique}, {method: selector, value: around}]
        - exclude: ["test_name:not_null", {method: tag, value: slow}]
  - name: most
    definition: {method: fqn, value: "*", exclude: ["stg_orders+", {union: [tag:money, {tag: core}]}]}
  - name: both
    definition:
      intersection: [{union: [stg_orders, stg_customers]}, "test_name:relationships", {exclude: [config.severity:warn]}]
""",
    "snapshots/snap.yml": """
snapshots:
  - name: snap_customers
    relation: ref('stg_customers')
    config: {unique_key: customer_id, strategy: check, check_cols: all, tags: [history]}
    columns: [{name: customer_id, data_tests: [not_null]}]
""",
    "tests/orders_add_up.sql": "{{ config(tags=['core', 'slow'], severity='warn') }} select * from {{ ref('fct_orders') }} where false",
    "tests/deep/customers_and_orders.sql": "select * from {{ ref('stg_customers') }} join {{ source('raw', 'orders') }} using (customer_id) where false",
    "tests/tests.yml": "data_tests:\n  - {name: orders_add_up, description: it does}\n",
}  # fmt: skip


def write(root: Path) -> None:
    """Write the project, with its package installed as `dbt deps` would."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip(), encoding="utf-8")
        if name.startswith("vendor/"):
            installed = root / "dbt_packages" / name.removeprefix("vendor/")
            installed.parent.mkdir(parents=True, exist_ok=True)
            installed.write_text(text.lstrip(), encoding="utf-8")
