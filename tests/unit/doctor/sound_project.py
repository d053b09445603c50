"""A small dlt and dbt project in which nothing is wrong; faults and look-alikes are edits of it."""

from __future__ import annotations

from collections.abc import Mapping

INGEST = '''\
"""Load the shop's orders and customers."""

import os
from decimal import Decimal

import dlt
import requests

BASE = os.environ.get("SHOP_URL", "http://localhost:8080")


@dlt.resource(primary_key="order_id", write_disposition="merge")
def orders(changed=dlt.sources.incremental("updated_at", initial_value="2024-01-01")):
    for row in requests.get(f"{BASE}/orders", params={"since": changed.last_value}, timeout=30).json():
        yield {**row, "amount": Decimal(row["amount"])}


@dlt.resource(write_disposition="replace")
def customers(api_key: str = dlt.secrets.value):
    yield requests.get(f"{BASE}/customers", headers={"x-api-key": api_key}, timeout=30).json()


@dlt.source(schema_contract={"columns": "evolve", "data_type": "freeze"})
def shop():
    return orders, customers


def main() -> None:
    pipeline = dlt.pipeline(pipeline_name="shop", destination="duckdb", dataset_name="raw")
    print(pipeline.run(shop()))


if __name__ == "__main__":
    main()
'''

MODELS_YML = """\
version: 2

models:
  - name: stg_orders
    columns:
      - name: order_id
        data_tests: [unique, not_null]
      - name: status
        data_tests:
          - accepted_values:
              arguments:
                values: [paid, cancelled]
  - name: stg_customers
    columns:
      - name: customer_id
        data_tests: [unique, not_null]
  - name: fct_orders
    columns:
      - name: order_id
        data_tests: [unique, not_null]
      - name: customer_id
        data_tests:
          - relationships:
              arguments:
                to: ref('stg_customers')
                field: customer_id
      - name: amount
        data_tests:
          - dbt_utils.accepted_range:
              arguments:
                min_value: 0
  - name: mart_revenue
    columns:
      - name: order_date
        data_tests: [not_null, unique]
"""

SOURCES_YML = """\
version: 2

sources:
  - name: raw
    schema: raw
    config:
      freshness:
        error_after: {count: 24, period: hour}
      loaded_at_field: updated_at
    tables:
      - name: orders
        columns:
          - name: order_id
            data_tests: [not_null]
      - name: customers
"""

CI = """\
name: ci
on:
  push:
    branches: [main]
  pull_request:

permissions:
  contents: read

jobs:
  test:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - name: Install
        run: pip install -r requirements.txt
      - name: Python tests
        run: pytest tests
      - name: dbt
        working-directory: transform
        run: |
          dbt deps
          dbt source freshness --profiles-dir .
          dbt build --profiles-dir .
"""

DOCKERFILE = """\
FROM python:3.12-slim AS build
WORKDIR /app
RUN python -m venv /opt/venv
ENV PATH="/opt/venv/bin:$PATH"
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt

FROM python:3.12-slim
COPY --from=build /opt/venv /opt/venv
ENV PATH="/opt/venv/bin:$PATH"
WORKDIR /app
COPY ingest ingest
COPY transform transform
RUN useradd --create-home app && chown -R app /app
USER app
RUN dbt deps --project-dir transform
HEALTHCHECK --interval=60s CMD ["python", "-c", "import dlt"]
CMD ["python", "-m", "ingest.shop"]
"""

COMPOSE = """\
services:
  pipeline:
    build: .
    env_file: .env
    volumes:
      - ./data:/data
    depends_on:
      state:
        condition: service_healthy
  state:
    image: postgres:17
    environment:
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}
    volumes:
      - state:/var/lib/postgresql/data
    healthcheck:
      test: ["CMD", "pg_isready"]
volumes:
  state:
"""

BASE: Mapping[str, str] = {
    "README.md": "# shop\n\nRun `python -m ingest.shop`, then `dbt build`.\n",
    ".gitignore": "*.duckdb\n.env\n.dlt/secrets.toml\ntransform/target/\ntransform/logs/\ntransform/dbt_packages/\n__pycache__/\n",
    ".dockerignore": ".git\n.env\n**/secrets.toml\n**/*.duckdb\n",
    ".env.example": "POSTGRES_PASSWORD=\nSHOP_URL=http://localhost:8080\n",
    "requirements.txt": "dlt[duckdb]==1.4.0\ndbt-core==1.9.1\ndbt-duckdb==1.9.1\nrequests==2.32.3\npytest==8.3.4\n",
    "ingest/__init__.py": "",
    "ingest/shop.py": INGEST,
    ".dlt/config.toml": "[runtime]\ndlthub_telemetry = false\n",
    "tests/test_shop.py": "from ingest.shop import shop\n\n\ndef test_resources():\n    assert set(shop().resources) == {'orders', 'customers'}\n",
    ".github/workflows/ci.yml": CI,
    "Dockerfile": DOCKERFILE,
    "compose.yml": COMPOSE,
    "transform/dbt_project.yml": (
        "name: shop\nversion: '1.0'\nprofile: shop\nmodel-paths: [models]\nseed-paths: [seeds]\n\n"
        "models:\n  shop:\n    staging:\n      +materialized: view\n    marts:\n      +materialized: table\n"
    ),
    "transform/profiles.yml": (
        "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ../shop.duckdb, schema: analytics}\n"
        "    ci:\n      type: duckdb\n      path: ../shop.duckdb\n      schema: ci\n"
    ),
    "transform/packages.yml": "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n",
    "transform/package-lock.yml": (
        "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\nsha1_hash: 226ae69cdfbc9367e2aa2c472b01f99dbce11de0\n"
    ),
    "transform/seeds/countries.csv": "code,name\nDE,Germany\nFR,France\n",
    "transform/models/staging/sources.yml": SOURCES_YML,
    "transform/models/models.yml": MODELS_YML,
    "transform/models/staging/stg_orders.sql": (
        "select\n    order_id,\n    customer_id,\n    status,\n    cast(amount as decimal(18, 2)) as amount,\n"
        "    updated_at\nfrom {{ source('raw', 'orders') }}\n"
    ),
    "transform/models/staging/stg_customers.sql": (
        "select customer_id, country, email\nfrom {{ source('raw', 'customers') }}\n"
    ),
    "transform/models/marts/fct_orders.sql": (
        "{{ config(materialized='incremental', unique_key='order_id') }}\n\n"
        "with orders as (\n    select * from {{ ref('stg_orders') }}\n),\n\n"
        "customers as (\n    select * from {{ ref('stg_customers') }}\n)\n\n"
        "select\n    orders.order_id,\n    orders.customer_id,\n    customers.country,\n    orders.status,\n    orders.amount,\n"
        "    cast(orders.updated_at at time zone 'UTC' as date) as order_date\n"
        "from orders\nleft join customers on orders.customer_id = customers.customer_id\n"
        "{% if is_incremental() %}\nwhere orders.updated_at > (select max(updated_at) from {{ this }})\n{% endif %}\n"
    ),
    "transform/models/marts/mart_revenue.sql": (
        "select order_date, sum(amount) as revenue, count(*) as orders\nfrom {{ ref('fct_orders') }}\ngroup by order_date\n"
    ),
    "transform/tests/amounts_are_positive.sql": "select order_id from {{ ref('fct_orders') }} where amount < 0\n",
}
