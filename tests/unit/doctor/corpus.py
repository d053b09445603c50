"""Planted faults and clean look-alikes: each is an edit of the sound project, as the mistake is made in the wild."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.unit.doctor.sound_project import BASE

Edits = Mapping[str, tuple[str, str] | str | bytes | None]
"""By path: the whole file, None for its removal, or a piece of text and what takes its place."""

CI = ".github/workflows/ci.yml"
MODELS = "transform/models/models.yml"
SOURCES = "transform/models/staging/sources.yml"
PROJECT = "transform/dbt_project.yml"
PROFILES = "transform/profiles.yml"
FCT = "transform/models/marts/fct_orders.sql"
MART = "transform/models/marts/mart_revenue.sql"
STG = "transform/models/staging/stg_orders.sql"
INGEST = "ingest/shop.py"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One project. A fault names the rule that must find it and the line that it stands on; a look-alike has neither."""

    name: str
    edits: Edits
    code: str | None = None
    at: tuple[str, str] | None = None
    git: bool = False
    extra: tuple[str, ...] = field(default=())


def fault(
    name: str, code: str, at: tuple[str, str], edits: Edits, *, git: bool = False, extra: tuple[str, ...] = ()
) -> Case:
    """A planted fault; `extra` are other rules that rightly have something to say about the same mistake."""
    return Case(name=name, code=code, at=at, edits=edits, git=git, extra=extra)


def clean(name: str, edits: Edits, *, git: bool = False) -> Case:
    """Something near a fault that is fine."""
    return Case(name=name, edits=edits, git=git)


def build(case: Case, folder: Path) -> None:
    """Write the project of a case."""
    files: dict[str, str | bytes] = dict(BASE)
    for path, said in case.edits.items():
        if said is None:
            del files[path]
        elif isinstance(said, tuple):
            text = files[path]
            assert isinstance(text, str)
            assert said[0] in text, f"{case.name}: {path} has no {said[0]!r}"
            files[path] = text.replace(said[0], said[1], 1)
        else:
            files[path] = said
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())


FAULTS = (
    fault(
        "a model was renamed and its YAML was not",
        "dbt-unknown-node",
        (MODELS, "mart_revenues"),
        {MODELS: ("name: mart_revenue", "name: mart_revenues")},
        extra=("dbt-untested-model",),
    ),
    fault(
        "YAML for a snapshot that was deleted",
        "dbt-unknown-node",
        ("transform/snapshots/_snapshots.yml", "customers_snapshot"),
        {"transform/snapshots/_snapshots.yml": "snapshots:\n  - name: customers_snapshot\n    description: History.\n"},
    ),
    fault(
        "a typo in a column's name",
        "dbt-unknown-column",
        (MODELS, "order_dat"),
        {MODELS: ("- name: order_date", "- name: order_dat")},
    ),
    fault(
        "a column that the SQL no longer returns, through a star",
        "dbt-unknown-column",
        (MODELS, "county"),
        {
            MODELS: (
                "      - name: amount\n",
                "      - name: county\n        description: where\n      - name: amount\n",
            )
        },
    ),
    fault(
        "a relationship to a model that does not exist",
        "dbt-test-on-nothing",
        (MODELS, "relationships"),
        {MODELS: ("ref('stg_customers')", "ref('stg_customer')")},
    ),
    fault(
        "a source table with a typo, in a project whose dlt code says what it loads",
        "dbt-unknown-source",
        (SOURCES, "customer_s"),
        {
            SOURCES: ("- name: customers", "- name: customer_s"),
            "transform/models/staging/stg_customers.sql": ("'customers'", "'customer_s'"),
        },
    ),
    fault(
        "a new mart without any test",
        "dbt-untested-model",
        ("transform/models/marts/mart_countries.sql", "select"),
        {
            "transform/models/marts/mart_countries.sql": "select country, count(*) as orders from {{ ref('fct_orders') }} group by 1\n"
        },
    ),
    fault(
        "accepted_range without a bound",
        "dbt-test-cannot-fail",
        (MODELS, "accepted_range"),
        {
            MODELS: (
                "          - dbt_utils.accepted_range:\n              arguments:\n                min_value: 0\n",
                "          - dbt_utils.accepted_range:\n              inclusive: true\n",
            )
        },
    ),
    fault(
        "not_null where not null",
        "dbt-test-cannot-fail",
        (MODELS, "not_null:"),
        {
            MODELS: (
                "      - name: amount\n        data_tests:\n",
                "      - name: amount\n        data_tests:\n          - not_null:\n              config:\n                where: amount is not null\n",
            )
        },
    ),
    fault(
        "an expression that is always true",
        "dbt-test-cannot-fail",
        (MODELS, "expression_is_true"),
        {
            MODELS: (
                "  - name: mart_revenue\n",
                "  - name: mart_revenue\n    data_tests:\n      - dbt_utils.expression_is_true:\n          expression: '1 = 1'\n",
            )
        },
    ),
    fault(
        "a forbidden pattern list with match_on any",
        "dbt-test-cannot-fail",
        (MODELS, "not_match_regex_list"),
        {
            MODELS: (
                "      - name: amount\n        data_tests:\n",
                (
                    "      - name: status\n        data_tests:\n          - dbt_expectations.expect_column_values_to_not_match_regex_list:\n"
                    "              arguments:\n                regex_list: ['^x', '^y']\n      - name: amount\n        data_tests:\n"
                ),
            )
        },
    ),
    fault(
        "a singular test that was disarmed with where false",
        "dbt-test-cannot-fail",
        ("transform/tests/amounts_are_positive.sql", "1 = 0"),
        {
            "transform/tests/amounts_are_positive.sql": "select order_id\nfrom {{ ref('fct_orders') }}\nwhere amount < 0\nand 1 = 0\n"
        },
    ),
    fault(
        "severity warn with an error_if that nobody looks at",
        "dbt-test-cannot-fail",
        (MODELS, "not_null:"),
        {
            MODELS: (
                "      - name: amount\n        data_tests:\n",
                "      - name: amount\n        data_tests:\n          - not_null:\n              config: {severity: warn, error_if: '> 100'}\n",
            )
        },
    ),
    fault(
        "a test disabled in YAML",
        "dbt-test-switched-off",
        (MODELS, "not_null:"),
        {
            MODELS: (
                "      - name: amount\n        data_tests:\n",
                "      - name: amount\n        data_tests:\n          - not_null:\n              config: {enabled: false}\n",
            )
        },
    ),
    fault(
        "every test only warns",
        "dbt-test-switched-off",
        (PROJECT, "severity"),
        {PROJECT: ("models:\n  shop:", "data_tests:\n  +severity: warn\n\nmodels:\n  shop:")},
    ),
    fault(
        "tests made comments",
        "dbt-test-switched-off",
        (MODELS, "# data_tests"),
        {
            MODELS: (
                "      - name: order_date\n",
                "      - name: revenue\n        # data_tests: [not_null]\n      - name: order_date\n",
            )
        },
    ),
    fault(
        "data_test instead of data_tests",
        "dbt-test-ignored",
        (MODELS, "data_test:"),
        {MODELS: ("      - name: order_date\n        data_tests:", "      - name: order_date\n        data_test:")},
        extra=("dbt-untested-model",),
    ),
    fault(
        "singular tests in a folder that test-paths left behind",
        "dbt-test-ignored",
        ("transform/tests/amounts_are_positive.sql", "select"),
        {PROJECT: ("model-paths: [models]", "model-paths: [models]\ntest-paths: [data-tests]")},
    ),
    fault(
        "freshness is declared and CI only builds",
        "dbt-freshness-never-run",
        (SOURCES, "freshness"),
        {CI: ("          dbt source freshness --profiles-dir .\n", "")},
    ),
    fault(
        "CI selects a model that was renamed",
        "dbt-selects-nothing",
        (CI, "mart_sales"),
        {CI: ("dbt build --profiles-dir .", "dbt build --profiles-dir . --select mart_sales")},
    ),
    fault(
        "CI selects a tag that nothing has",
        "dbt-selects-nothing",
        (CI, "tag:nightly"),
        {CI: ("dbt build --profiles-dir .", "dbt build --profiles-dir . --select tag:nightly")},
    ),
    fault(
        "a model reads another one by its schema",
        "dbt-hard-coded-relation",
        (MART, "analytics.fct_orders"),
        {MART: ("{{ ref('fct_orders') }}", "analytics.fct_orders")},
    ),
    fault(
        "a staging model reads the raw table",
        "dbt-hard-coded-relation",
        (STG, "raw.orders"),
        {STG: ("{{ source('raw', 'orders') }}", "raw.orders")},
    ),
    fault(
        "a join inside a CTE goes around ref",
        "dbt-hard-coded-relation",
        (FCT, '"analytics"."stg_customers"'),
        {FCT: ("{{ ref('stg_customers') }}", '"analytics"."stg_customers"')},
    ),
    fault(
        "the database in a model's config",
        "dbt-hard-coded-database",
        (FCT, "database="),
        {FCT: ("materialized='incremental',", "materialized='incremental', database='prod_shop',")},
    ),
    fault(
        "the database of a DuckDB source",
        "dbt-hard-coded-database",
        (SOURCES, "database:"),
        {SOURCES: ("    schema: raw\n", "    schema: raw\n    database: shop\n")},
    ),
    fault(
        "a profile with a typo",
        "dbt-unknown-profile",
        (PROJECT, "profile: shopp"),
        {PROJECT: ("profile: shop\n", "profile: shopp\n")},
    ),
    fault(
        "CI builds for a target that the profile does not have",
        "dbt-unknown-profile",
        (CI, "--target prod"),
        {CI: ("dbt build --profiles-dir .", "dbt build --profiles-dir . --target prod")},
    ),
    fault(
        "a package from a branch",
        "dbt-unpinned-package",
        ("transform/packages.yml", "git"),
        {
            "transform/packages.yml": "packages:\n  - git: https://github.com/dbt-labs/dbt-utils.git\n    revision: main\n",
            "transform/package-lock.yml": None,
        },
    ),
    fault(
        "a package with a lower bound only",
        "dbt-unpinned-package",
        ("transform/packages.yml", "dbt_utils"),
        {
            "transform/packages.yml": "packages:\n  - package: dbt-labs/dbt_utils\n    version: ['>=1.0.0']\n",
            "transform/package-lock.yml": None,
        },
    ),
    fault(
        "the lock was not renewed",
        "dbt-stale-lock",
        ("transform/package-lock.yml", "1.3.0"),
        {"transform/packages.yml": ("1.3.0", "1.4.1")},
    ),
    fault(
        "an incremental model that filters nothing",
        "dbt-incremental-doubles",
        (FCT, "incremental"),
        {
            FCT: "{{ config(materialized='incremental') }}\n\nselect order_id, customer_id, country, status, amount, order_date\n"
            "from {{ ref('stg_orders') }}\njoin {{ ref('stg_customers') }} using (customer_id)\n"
        },
        extra=("dbt-unknown-column",),
    ),
    fault(
        "append without a cursor",
        "dlt-append-without-key",
        (INGEST, "dlt.resource"),
        {INGEST: ('@dlt.resource(write_disposition="replace")', '@dlt.resource(write_disposition="append")')},
    ),
    fault(
        "no write disposition at all",
        "dlt-append-without-key",
        (INGEST, "dlt.resource"),
        {INGEST: ('@dlt.resource(write_disposition="replace")', "@dlt.resource")},
    ),
    fault(
        "a list of rows is run without a disposition",
        "dlt-append-without-key",
        (INGEST, "table_name"),
        {
            INGEST: (
                "    print(pipeline.run(shop()))\n",
                '    pipeline.run(shop())\n    rows = [{"id": 1}]\n    pipeline.run(rows, table_name="flags")\n',
            )
        },
    ),
    fault(
        "no schema contract",
        "dlt-no-schema-contract",
        (INGEST, "dlt.pipeline("),
        {INGEST: ('@dlt.source(schema_contract={"columns": "evolve", "data_type": "freeze"})', "@dlt.source")},
    ),
    fault(
        "telemetry left on",
        "dlt-telemetry",
        (".dlt/config.toml", "[runtime]"),
        {".dlt/config.toml": '[runtime]\nlog_level = "WARNING"\n'},
    ),
    fault(
        "dbt opens a file that dlt does not write",
        "duckdb-empty-database",
        (PROFILES, "shop.duckdb"),
        {
            PROFILES: "shop:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      path: ../data/warehouse.duckdb # shop.duckdb\n"
        },
    ),
    fault(
        "a script calls main() at its end without a guard",
        "py-loads-at-import",
        (INGEST, "main()"),
        {INGEST: ('if __name__ == "__main__":\n    main()\n', "main()\n")},
    ),
    fault(
        "the pipeline runs at module level",
        "py-loads-at-import",
        ("ingest/flags.py", "pipeline.run"),
        {
            "ingest/flags.py": "import dlt\n\nfrom ingest.shop import shop\n\npipeline = dlt.pipeline('shop', destination='duckdb', dataset_name='raw')\n"
            "info = pipeline.run(shop())\nprint(info)\n"
        },
    ),
    fault(
        "a module calls a loader that it imports from another",
        "py-loads-at-import",
        ("jobs/nightly.py", "main()"),
        {"jobs/nightly.py": "from ingest.shop import main\n\nprint('start')\nmain()\n"},
    ),
    fault(
        "a password in a connection string",
        "py-credentials-in-code",
        (INGEST, "postgresql://"),
        {INGEST: ("BASE = os", 'SOURCE = "postgresql://loader:Wq8pLz1x@db.shop.internal:5432/shop"\nBASE = os')},
    ),
    fault(
        "an API key as a default",
        "py-credentials-in-code",
        (INGEST, "api_key: str"),
        {INGEST: ("api_key: str = dlt.secrets.value", 'api_key: str = "9f8c2e7ab1d04455a6b7"')},
    ),
    fault(
        "requirements written by PowerShell",
        "py-utf16",
        ("requirements.txt", ""),
        {"requirements.txt": "\ufeff".encode("utf-16-le") + BASE["requirements.txt"].encode("utf-16-le")},
    ),
    fault(
        "requirements without versions",
        "py-unpinned",
        ("requirements.txt", "requests"),
        {"requirements.txt": ("requests==2.32.3", "requests")},
    ),
    fault(
        "a pyproject without a lock",
        "py-unpinned",
        ("pyproject.toml", "dlt"),
        {
            "requirements.txt": None,
            "pyproject.toml": '[project]\nname = "shop"\nversion = "0.1"\ndependencies = ["dlt[duckdb]>=1.0", "dbt-duckdb~=1.9", "requests<3", "pytest<9"]\n',
            "Dockerfile": (
                "COPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt",
                "COPY pyproject.toml .\nRUN pip install --no-cache-dir .",
            ),
            CI: ("pip install -r requirements.txt", "pip install ."),
        },
    ),
    fault(
        "CI installs the newest dbt beside the pins",
        "py-pins-ignored",
        (CI, "pip install dbt-core"),
        {CI: ("pip install -r requirements.txt", "pip install dbt-core dbt-duckdb pytest")},
    ),
    fault(
        "dlt makes its own environment for dbt",
        "py-pins-ignored",
        ("ingest/transform.py", "get_venv"),
        {
            "ingest/transform.py": "import dlt\n\n\ndef transform(pipeline):\n    venv = dlt.dbt.get_venv(pipeline)\n"
            "    return dlt.dbt.package(pipeline, 'transform', venv=venv).run_all()\n"
        },
    ),
    fault(
        "the test step is a comment",
        "ci-tests-commented-out",
        (CI, "# run: pytest"),
        {
            CI: (
                "      - name: Python tests\n        run: pytest tests\n",
                "      # - name: Python tests\n      # run: pytest tests\n",
            )
        },
        extra=("ci-tests-never-run",),
    ),
    fault(
        "the test step has if: false",
        "ci-tests-switched-off",
        (CI, "if: false"),
        {CI: ("        run: pytest tests\n", "        if: false\n        run: pytest tests\n")},
        extra=("ci-tests-never-run",),
    ),
    fault(
        "a test is always skipped",
        "ci-tests-switched-off",
        ("tests/test_shop.py", "skip"),
        {"tests/test_shop.py": ("def test_resources", '@pytest.mark.skip(reason="flaky")\ndef test_resources')},
    ),
    fault(
        "pytest or true",
        "ci-failure-tolerated",
        (CI, "|| true"),
        {CI: ("run: pytest tests", "run: pytest tests || true")},
    ),
    fault(
        "continue-on-error on dbt build",
        "ci-failure-tolerated",
        (CI, "continue-on-error"),
        {
            CI: (
                "        working-directory: transform\n",
                "        working-directory: transform\n        continue-on-error: true\n",
            )
        },
    ),
    fault(
        "GitLab lets the tests fail",
        "ci-failure-tolerated",
        (".gitlab-ci.yml", "allow_failure"),
        {
            ".gitlab-ci.yml": "image: python:3.12\n\ntest:\n  script:\n    - pip install -r requirements.txt\n    - pytest tests\n  allow_failure: true\n"
        },
    ),
    fault(
        "a workflow that only lints",
        "ci-tests-never-run",
        (CI, "on:"),
        {
            CI: "name: ci\non:\n  push:\npermissions:\n  contents: read\njobs:\n  lint:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: actions/checkout@v4\n      - run: pip install ruff==0.8.0\n      - run: ruff check .\n"
        },
    ),
    fault(
        "the tests run only when a person starts them",
        "ci-tests-never-run",
        (CI, "on:"),
        {CI: ("  push:\n    branches: [main]\n  pull_request:\n", "  workflow_dispatch:\n")},
    ),
    fault(
        "paths of a trigger that no file has",
        "ci-tests-never-run",
        (CI, "on:"),
        {CI: ("  push:\n    branches: [main]\n  pull_request:\n", "  push:\n    paths: ['pipelines/**']\n")},
    ),
    fault(
        "dbt is started in its folder and opens a bare file name there",
        "duckdb-empty-database",
        (PROFILES, "shop.duckdb"),
        {
            PROFILES: "shop:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      path: shop.duckdb\n",
            "Dockerfile": None,
            "compose.yml": None,
        },
    ),
    fault(
        "an access key of the cloud",
        "py-credentials-in-code",
        (INGEST, "access_key_id"),
        {INGEST: ("BASE = os", 'aws_access_key_id = "AKIA' + "QYLPMN5HHHFPZAM2" + '"\nBASE = os')},
    ),
    fault(
        "CI installs dbt without a version, and nothing pins it",
        "py-unpinned",
        (CI, "dbt-duckdb"),
        {
            "requirements.txt": "requests==2.32.3\npytest==8.3.4\n",
            CI: ("pip install -r requirements.txt", "pip install -r requirements.txt dbt-duckdb"),
        },
    ),
    fault(
        "pytest looks into a folder that is not there",
        "ci-zero-tests",
        (CI, "tests/unit"),
        {CI: ("run: pytest tests", "run: pytest tests/unit")},
    ),
    fault(
        "a test file without a test",
        "ci-zero-tests",
        (CI, "pytest tests"),
        {"tests/test_shop.py": "from ingest.shop import shop\n\n\ndef check_resources():\n    assert shop()\n"},
    ),
    fault(
        "an action from a branch",
        "ci-unpinned-action",
        (CI, "@main"),
        {CI: ("      - name: Install\n", "      - uses: some-org/dbt-action@main\n      - name: Install\n")},
    ),
    fault(
        "retired artifact action",
        "ci-retired-action",
        (CI, "upload-artifact@v3"),
        {
            CI: (
                "      - name: Install\n",
                "      - uses: actions/upload-artifact@v3\n        with: {path: out}\n      - name: Install\n",
            )
        },
    ),
    fault(
        "a retired runner",
        "ci-retired-action",
        (CI, "ubuntu-20.04"),
        {CI: ("ubuntu-24.04", "ubuntu-20.04")},
    ),
    fault(
        "no permissions",
        "ci-no-permissions",
        (CI, "jobs:"),
        {CI: ("permissions:\n  contents: read\n\n", "")},
    ),
    fault(
        "the image runs as root",
        "docker-root",
        ("Dockerfile", "FROM python:3.12-slim"),
        {"Dockerfile": ("USER app\n", "")},
    ),
    fault(
        "a base without a version",
        "docker-unpinned-image",
        ("Dockerfile", "FROM python AS build"),
        {"Dockerfile": ("FROM python:3.12-slim AS build", "FROM python AS build")},
    ),
    fault(
        "postgres:latest in the compose file",
        "docker-unpinned-image",
        ("compose.yml", "image:"),
        {"compose.yml": ("postgres:17", "postgres:latest")},
    ),
    fault(
        "the image installs what nothing pins",
        "docker-unpinned-package",
        ("Dockerfile", "sqlfluff"),
        {"Dockerfile": ("RUN useradd", "RUN pip install sqlfluff\nRUN useradd")},
    ),
    fault(
        "a mount hides the dbt packages",
        "docker-hidden-by-mount",
        ("compose.yml", "./transform"),
        {"compose.yml": ("      - ./data:/data\n", "      - ./data:/data\n      - ./transform:/app/transform\n")},
    ),
    fault(
        "no health check",
        "docker-no-health-check",
        ("Dockerfile", "CMD"),
        {"Dockerfile": ('HEALTHCHECK --interval=60s CMD ["python", "-c", "import dlt"]\n', "")},
    ),
    fault(
        "the database has no health check",
        "docker-no-health-check",
        ("compose.yml", "state:"),
        {"compose.yml": ('    healthcheck:\n      test: ["CMD", "pg_isready"]\n', "")},
    ),
    fault(
        "COPY . . with the secrets beside it",
        "docker-context",
        ("Dockerfile", "COPY . ."),
        {
            "Dockerfile": ("COPY ingest ingest\nCOPY transform transform", "COPY . ."),
            ".dockerignore": ".git\n",
            ".env": "POSTGRES_PASSWORD=Wq8pLz1x\n",
        },
    ),
    fault(
        "COPY . . without a .dockerignore",
        "docker-context",
        ("Dockerfile", "COPY . ."),
        {"Dockerfile": ("COPY ingest ingest\nCOPY transform transform", "COPY . ."), ".dockerignore": None},
    ),
    fault(
        "the database is in git",
        "git-data",
        ("shop.duckdb", ""),
        {"shop.duckdb": b"\0" * 8 + b"DUCK" + b"\0" * 100, ".gitignore": ("*.duckdb\n", "")},
        git=True,
    ),
    fault(
        "dbt's log is in git",
        "git-data",
        ("transform/logs/dbt.log", ""),
        {"transform/logs/dbt.log": "12:00:00 Running with dbt=1.9.1\n", ".gitignore": ("transform/logs/\n", "")},
        git=True,
    ),
    fault(
        "dlt's secrets are in git",
        "git-credentials",
        (".dlt/secrets.toml", ""),
        {
            ".dlt/secrets.toml": '[sources.shop]\napi_key = "9f8c2e7ab1d04455a6b7"\n',
            ".gitignore": (".dlt/secrets.toml\n", ""),
        },
        git=True,
        extra=("secret-in-tree",),
    ),
    fault(
        "a password in profiles.yml",
        "git-credentials",
        (PROFILES, "password"),
        {
            PROFILES: "shop:\n  target: dev\n  outputs:\n    dev:\n      type: postgres\n      host: warehouse.shop.internal\n      user: dbt\n      password: Wq8pLz1x\n      schema: analytics\n"
        },
        extra=("secret-in-tree",),
    ),
    fault(
        "amounts cast to double",
        "data-money-as-float",
        (STG, "amount"),
        {STG: ("cast(amount as decimal(18, 2)) as amount", "cast(amount as double) as amount")},
    ),
    fault(
        "prices loaded as Python floats",
        "data-money-as-float",
        (INGEST, "float("),
        {INGEST: ('Decimal(row["amount"])', 'float(row["amount"])')},
    ),
    fault(
        "a text key joined with a number",
        "data-join-across-types",
        (FCT, "left join customers"),
        {
            STG: ("    customer_id,\n", "    cast(customer_id as varchar) as customer_id,\n"),
            "transform/models/staging/stg_customers.sql": (
                "select customer_id,",
                "select cast(customer_id as integer) as customer_id,",
            ),
        },
    ),
    fault(
        "a day cut from an instant",
        "data-session-date",
        (FCT, "as date"),
        {
            STG: ("    updated_at\n", "    cast(updated_at as timestamptz) as updated_at\n"),
            FCT: ("cast(orders.updated_at at time zone 'UTC' as date)", "cast(orders.updated_at as date)"),
        },
    ),
)


CLEAN = (
    clean("the sound project itself", {}),
    clean("the sound project in git", {}, git=True),
    clean(
        "a versioned model",
        {
            MODELS: (
                "  - name: mart_revenue\n    columns:",
                "  - name: mart_revenue\n    latest_version: 2\n    versions:\n      - v: 1\n      - v: 2\n    columns:",
            ),
            MART: None,
            "transform/models/marts/mart_revenue_v1.sql": BASE[MART],
            "transform/models/marts/mart_revenue_v2.sql": BASE[MART],
        },
    ),
    clean(
        "a snapshot that is declared in YAML alone",
        {
            "transform/snapshots/_snapshots.yml": "snapshots:\n  - name: customers_snapshot\n    relation: ref('stg_customers')\n    config: {unique_key: customer_id, strategy: check, check_cols: all}\n"
        },
    ),
    clean(
        "a snapshot in SQL with YAML",
        {
            "transform/snapshots/customers.sql": "{% snapshot customers_snapshot %}\n{{ config(unique_key='customer_id', strategy='check', check_cols='all', target_schema='history') }}\nselect * from {{ ref('stg_customers') }}\n{% endsnapshot %}\n",
            "transform/snapshots/_snapshots.yml": "snapshots:\n  - name: customers_snapshot\n    description: History.\n",
        },
    ),
    clean(
        "a seed with YAML and types",
        {
            "transform/seeds/_seeds.yml": "seeds:\n  - name: countries\n    config:\n      column_types: {code: varchar(2)}\n    columns:\n      - name: code\n        data_tests: [unique]\n"
        },
    ),
    clean(
        "columns that a macro makes cannot be told",
        {
            MART: "select order_date, {{ dbt_utils.star(ref('fct_orders'), except=['order_date']) }}\nfrom {{ ref('fct_orders') }}\n"
        },
    ),
    clean(
        "columns by an upper-case name in quotes",
        {MODELS: ("- name: order_date", '- name: "ORDER_DATE"\n        quote: true')},
    ),
    clean(
        "a relationship to a seed",
        {
            MODELS: (
                "      - name: amount\n",
                "      - name: country\n        data_tests:\n          - relationships: {arguments: {to: ref('countries'), field: code}}\n      - name: amount\n",
            )
        },
    ),
    clean(
        "an ephemeral model without tests",
        {
            "transform/models/marts/base_orders.sql": "{{ config(materialized='ephemeral') }}\nselect order_id from {{ ref('stg_orders') }}\n"
        },
    ),
    clean(
        "a disabled model without tests",
        {
            "transform/models/marts/old_orders.sql": "{{ config(enabled=false) }}\nselect order_id from {{ ref('stg_orders') }}\n"
        },
    ),
    clean(
        "a model whose only test is a query",
        {
            "transform/models/marts/mart_countries.sql": "select country, count(*) as orders from {{ ref('fct_orders') }} group by 1\n",
            "transform/tests/countries_have_orders.sql": "select country from {{ ref('mart_countries') }} where orders = 0\n",
        },
    ),
    clean(
        "a model whose only test is a unit test",
        {
            "transform/models/marts/mart_countries.sql": "select country, count(*) as orders from {{ ref('fct_orders') }} group by 1\n",
            "transform/models/marts/unit.yml": "unit_tests:\n  - name: counts\n    model: mart_countries\n    given: [{input: ref('fct_orders'), rows: [{country: DE}]}]\n    expect: {rows: [{country: DE, orders: 1}]}\n",
        },
    ),
    clean(
        "accepted_range with an upper bound",
        {MODELS: ("min_value: 0\n", "max_value: 100000\n                inclusive: false\n")},
    ),
    clean(
        "not_null on another column's condition",
        {
            MODELS: (
                "      - name: amount\n        data_tests:\n",
                "      - name: amount\n        data_tests:\n          - not_null:\n              config:\n                where: customer_id is not null\n",
            )
        },
    ),
    clean(
        "a warning with its own limit",
        {
            MODELS: (
                "      - name: amount\n        data_tests:\n",
                "      - name: amount\n        data_tests:\n          - not_null:\n              config: {severity: error, error_if: '> 100', warn_if: '> 10'}\n",
            )
        },
    ),
    clean(
        "a pattern list with match_on all",
        {
            MODELS: (
                "      - name: amount\n        data_tests:\n",
                (
                    "      - name: status\n        data_tests:\n          - dbt_expectations.expect_column_values_to_not_match_regex_list:\n"
                    "              arguments:\n                regex_list: ['^x', '^y']\n                match_on: all\n      - name: amount\n        data_tests:\n"
                ),
            ),
        },
    ),
    clean(
        "a singular test whose comment has where false",
        {
            "transform/tests/amounts_are_positive.sql": "-- never write: where false\nselect order_id from {{ ref('fct_orders') }} where amount < 0 limit 100\n"
        },
    ),
    clean(
        "one test only warns",
        {
            MODELS: (
                "        data_tests: [not_null, unique]\n",
                "        data_tests:\n          - unique\n          - not_null: {config: {severity: warn}}\n",
            )
        },
    ),
    clean(
        "a comment about tests in YAML",
        {MODELS: ("version: 2\n", "version: 2\n# tests: every key is unique and not null; amounts have a range\n")},
    ),
    clean(
        "tests under the old key",
        {MODELS: ("        data_tests: [not_null, unique]", "        tests: [not_null, unique]")},
    ),
    clean(
        "freshness is run by a script that CI starts",
        {
            CI: ("          dbt source freshness --profiles-dir .\n", "          ../scripts/build.sh\n"),
            "scripts/build.sh": "#!/bin/sh\nset -e\ndbt source freshness --profiles-dir .\n",
        },
    ),
    clean(
        "freshness is switched off for one table",
        {
            CI: ("          dbt source freshness --profiles-dir .\n", ""),
            SOURCES: ("      freshness:\n        error_after: {count: 24, period: hour}\n", "      freshness: null\n"),
        },
    ),
    clean(
        "CI selects a folder and what follows",
        {CI: ("dbt build --profiles-dir .", "dbt build --profiles-dir . --select staging+ fct_orders")},
    ),
    clean(
        "CI selects by state and by a variable",
        {
            CI: (
                "dbt build --profiles-dir .",
                "dbt build --profiles-dir . --select state:modified+ $EXTRA --defer --state prod",
            )
        },
    ),
    clean(
        "CI selects a tag that a model has",
        {
            CI: ("dbt build --profiles-dir .", "dbt build --profiles-dir . --select tag:nightly"),
            MART: ("select", "{{ config(tags=['nightly']) }}\nselect"),
        },
    ),
    clean(
        "a CTE is called as a model is",
        {
            MART: "with fct_orders as (select * from {{ ref('fct_orders') }})\nselect order_date, sum(amount) as revenue, count(*) as orders\nfrom fct_orders\ngroup by order_date\n"
        },
    ),
    clean(
        "extract from a column, and a relation in a comment",
        {
            MART: "-- was: from analytics.fct_orders\nselect order_date, extract(year from fct.order_date) as year, sum(amount) as revenue\nfrom {{ ref('fct_orders') }} as fct\nwhere 'x' is distinct from fct.status\ngroup by all\n"
        },
    ),
    clean(
        "the catalogue and a table function",
        {
            MART: "select d as order_date, 0 as revenue from generate_series(date '2024-01-01', date '2024-02-01', interval 1 day) as t(d)\nwhere exists (select 1 from information_schema.tables)\nand exists (select 1 from {{ ref('fct_orders') }})\n"
        },
    ),
    clean(
        "the database by a variable",
        {SOURCES: ("    schema: raw\n", '    schema: raw\n    database: "{{ target.database }}"\n')},
    ),
    clean(
        "the database that the profile attaches",
        {
            SOURCES: ("    schema: raw\n", "    schema: raw\n    database: lake\n"),
            PROFILES: "shop:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      path: ../shop.duckdb\n      attach:\n        - {path: ../lake.duckdb, alias: lake, read_only: true}\n",
        },
    ),
    clean(
        "the profile is kept elsewhere",
        {PROFILES: None, CI: ("dbt build --profiles-dir .", "dbt build --profiles-dir ~/.dbt")},
    ),
    clean(
        "the target of CI is in the profile",
        {CI: ("dbt build --profiles-dir .", "dbt build --profiles-dir . --target ci")},
    ),
    clean(
        "packages by commit, by range and from a folder",
        {
            "transform/packages.yml": "packages:\n  - git: https://github.com/dbt-labs/dbt-utils.git\n    revision: 1.3.0\n  - package: dbt-labs/codegen\n    version: ['>=0.12.0', '<0.14.0']\n  - local: ../macros\n",
            "transform/package-lock.yml": None,
        },
    ),
    clean("a range that the lock pins", {"transform/packages.yml": ("1.3.0", "['>=1.1.0']")}),
    clean(
        "an incremental model by microbatch",
        {
            FCT: (
                "materialized='incremental', unique_key='order_id'",
                "materialized='incremental', incremental_strategy='microbatch', event_time='order_date', begin='2024-01-01', batch_size='day'",
            )
        },
    ),
    clean(
        "append with a cursor",
        {
            INGEST: (
                '@dlt.resource(primary_key="order_id", write_disposition="merge")',
                '@dlt.resource(write_disposition="append")',
            )
        },
    ),
    clean(
        "append that remembers its files",
        {
            INGEST: (
                '@dlt.resource(write_disposition="replace")\ndef customers(api_key: str = dlt.secrets.value):\n',
                '@dlt.resource(write_disposition="append")\ndef customers(api_key: str = dlt.secrets.value):\n    seen = dlt.current.resource_state().setdefault("files", [])\n    seen.append("x")\n',
            )
        },
    ),
    clean(
        "the run replaces",
        {
            INGEST: (
                "    print(pipeline.run(shop()))\n",
                '    pipeline.run(shop())\n    pipeline.run([{"id": 1}], table_name="flags", write_disposition="replace")\n',
            )
        },
    ),
    clean(
        "the run has the schema contract",
        {INGEST: ("pipeline.run(shop())", 'pipeline.run(shop(), schema_contract="freeze")')},
    ),
    clean(
        "telemetry is off by the environment",
        {
            ".dlt/config.toml": "[runtime]\nlog_level = 'WARNING'\n",
            "Dockerfile": ("USER app\n", "ENV RUNTIME__DLTHUB_TELEMETRY=false\nUSER app\n"),
        },
    ),
    clean(
        "the file's path comes from a variable",
        {
            PROFILES: "shop:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      path: \"{{ env_var('SHOP_DB', '../shop.duckdb') }}\"\n"
        },
    ),
    clean(
        "an Airflow DAG is built at import",
        {
            "dags/shop.py": "from airflow.decorators import dag, task\n\n\n@dag(schedule='@daily')\ndef shop_dag():\n    @task\n    def load():\n        from ingest.shop import main\n\n        main()\n\n    load()\n\n\nshop_dag()\n"
        },
    ),
    clean(
        "a logger and a path at module level",
        {
            "ingest/settings.py": "import logging\nfrom pathlib import Path\n\nlog = logging.getLogger(__name__)\nROOT = Path(__file__).resolve().parent\nfor folder in ('a', 'b'):\n    log.debug('%s', ROOT / folder)\n"
        },
    ),
    clean(
        "a pipeline object at module level that does not run",
        {
            "ingest/pipe.py": "import dlt\n\npipeline = dlt.pipeline('shop', destination='duckdb', dataset_name='raw')\n\n\ndef go(rows):\n    return pipeline.run(rows, schema_contract='freeze', write_disposition='replace')\n"
        },
    ),
    clean(
        "a local development database",
        {
            "ingest/settings.py": 'STATE = "postgresql://dev:dev@localhost:5432/state"\nTOKEN_URL = "https://auth.shop.example/token"\npassword_field = "password"\n'
        },
    ),
    clean(
        "credentials from the environment",
        {
            "ingest/settings.py": 'import os\n\npassword = os.environ["SHOP_PASSWORD"]\napi_key = os.getenv("SHOP_API_KEY", "")\nSECRET_NAME = "shop/prod/api_key"\n'
        },
    ),
    clean("a byte order mark of UTF-8", {"requirements.txt": b"\xef\xbb\xbf" + BASE["requirements.txt"].encode()}),
    clean("loose requirements with a lock", {"requirements.in": "dlt\ndbt-duckdb\n"}),
    clean("a compatible release", {"requirements.txt": ("requests==2.32.3", "requests~=2.32")}),
    clean(
        "a pyproject with uv.lock",
        {
            "requirements.txt": None,
            "pyproject.toml": '[project]\nname = "shop"\nversion = "0.1"\ndependencies = ["dlt[duckdb]>=1.0", "dbt-duckdb", "requests", "pytest"]\n',
            "uv.lock": 'version = 1\n[[package]]\nname = "dlt"\nversion = "1.4.0"\n',
            CI: ("pip install -r requirements.txt", "pip install uv==0.5.0 && uv sync --frozen"),
            "Dockerfile": (
                "COPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt",
                "COPY pyproject.toml uv.lock ./\nENV UV_PROJECT_ENVIRONMENT=/opt/venv\nRUN pip install uv==0.5.0 && uv sync --frozen",
            ),
        },
    ),
    clean(
        "CI installs a tool of its own, pinned",
        {CI: ("pip install -r requirements.txt", "pip install -r requirements.txt ruff==0.8.0")},
    ),
    clean(
        "get_venv with a pinned dbt",
        {
            "ingest/transform.py": "import dlt\n\n\ndef transform(pipeline):\n    return dlt.dbt.get_venv(pipeline, dbt_version='1.9.1')\n"
        },
    ),
    clean(
        "comments that speak of pytest",
        {
            CI: (
                "      - name: Python tests\n",
                "      # pytest is run before dbt, because it is faster\n      # see docs: run pytest locally with `make`\n      - name: Python tests\n",
            )
        },
    ),
    clean(
        "a deploy job with if: false",
        {
            CI: (
                "      - name: Install\n",
                "      - name: Deploy\n        if: ${{ false }}\n        run: ./deploy.sh\n      - name: Install\n",
            )
        },
    ),
    clean(
        "a test that is skipped on one system",
        {
            "tests/test_shop.py": (
                "def test_resources",
                "@pytest.mark.skipif(sys.platform == 'win32', reason='paths')\ndef test_resources",
            )
        },
    ),
    clean(
        "lint may fail",
        {
            CI: (
                "      - name: Python tests\n",
                "      - name: Lint\n        continue-on-error: true\n        run: ruff check . || true\n      - name: Python tests\n",
            )
        },
    ),
    clean(
        "an upload after the tests may fail",
        {
            CI: (
                "run: pytest tests\n",
                "run: pytest tests --junitxml out.xml\n      - uses: actions/upload-artifact@v4\n        continue-on-error: true\n        if: always()\n        with: {path: out.xml}\n",
            )
        },
    ),
    clean(
        "the tests run through make",
        {CI: ("run: pytest tests", "run: make test"), "Makefile": "test:\n\tpytest tests\n"},
    ),
    clean(
        "pytest with options",
        {CI: ("run: pytest tests", "run: python -m pytest -q -n 2 -k 'not slow' --cov ingest tests/test_shop.py")},
    ),
    clean(
        "actions by commit and from the repository",
        {
            CI: (
                "actions/checkout@v4",
                "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2\n      - uses: ./.github/actions/setup",
            ),
            ".github/actions/setup/action.yml": "name: setup\nruns:\n  using: composite\n  steps: []\n",
        },
    ),
    clean(
        "permissions for each job",
        {
            CI: (
                "permissions:\n  contents: read\n\njobs:\n  test:\n",
                "jobs:\n  test:\n    permissions: {contents: read}\n",
            )
        },
    ),
    clean(
        "GitLab with a pinned image and a manual deploy",
        {
            ".gitlab-ci.yml": "image: python:3.12-slim\n\ntest:\n  script:\n    - pip install -r requirements.txt\n    - pytest tests\n\ndeploy:\n  script: [./deploy.sh]\n  when: manual\n"
        },
    ),
    clean(
        "a base by digest and by argument",
        {"Dockerfile": ("FROM python:3.12-slim AS build", "ARG PYTHON=3.12-slim\nFROM python:${PYTHON} AS build")},
    ),
    clean("the user by number", {"Dockerfile": ("USER app\n", "USER 1000:1000\n")}),
    clean(
        "the user comes before the last stage",
        {
            "Dockerfile": (
                "FROM python:3.12-slim\nCOPY --from=build",
                "FROM python:3.12-slim AS slim\nRUN useradd x\nUSER x\n\nFROM slim\nCOPY --from=build",
            )
        },
    ),
    clean(
        "a mount beside what the image installed",
        {
            "compose.yml": (
                "      - ./data:/data\n",
                "      - ./data:/data\n      - ./transform/models:/app/transform/models:ro\n",
            )
        },
    ),
    clean(
        "a volume keeps what the mount would hide",
        {
            "compose.yml": (
                "      - ./data:/data\n",
                "      - ./transform:/app/transform\n      - /app/transform/dbt_packages\n",
            )
        },
    ),
    clean(
        "the health check is in the compose file",
        {
            "Dockerfile": ('HEALTHCHECK --interval=60s CMD ["python", "-c", "import dlt"]\n', ""),
            "compose.yml": (
                "    env_file: .env\n",
                '    env_file: .env\n    healthcheck:\n      test: ["CMD", "python", "-c", "import dlt"]\n',
            ),
        },
    ),
    clean(
        "COPY . . with a .dockerignore that lists what matters",
        {"Dockerfile": ("COPY ingest ingest\nCOPY transform transform", "COPY . ."), ".env": "A=1\n"},
    ),
    clean(
        "COPY . . with a .dockerignore that lets in what is named",
        {
            "Dockerfile": ("COPY ingest ingest\nCOPY transform transform", "COPY . ."),
            ".dockerignore": "*\n!ingest\n!transform\n!requirements.txt\n",
        },
    ),
    clean(
        "a database for tests in git",
        {"tests/fixtures/small.duckdb": b"\0" * 8 + b"DUCK" + b"\0" * 100, ".gitignore": ("*.duckdb\n", "/*.duckdb\n")},
        git=True,
    ),
    clean(
        "a seed and a changelog are no data",
        {"CHANGELOG.md": "# Changes\n", "transform/seeds/logs.csv": "id\n1\n"},
        git=True,
    ),
    clean(
        "templates of credentials in git",
        {".dlt/secrets.toml": '[sources.shop]\napi_key = "<your key>"\n', ".gitignore": (".dlt/secrets.toml\n", "")},
        git=True,
    ),
    clean(
        "a rate may be a double",
        {
            STG: (
                "    status,\n",
                "    status,\n    cast(discount_rate as double) as discount_rate,\n    cast(amount as double) / 100 as amount_share,\n",
            )
        },
    ),
    clean(
        "coordinates are floats",
        {
            INGEST: (
                'yield {**row, "amount": Decimal(row["amount"])}',
                'yield {**row, "amount": Decimal(row["amount"]), "latitude": float(row["lat"])}',
            )
        },
    ),
    clean(
        "both keys are numbers",
        {
            STG: ("    customer_id,\n", "    cast(customer_id as bigint) as customer_id,\n"),
            "transform/models/staging/stg_customers.sql": (
                "select customer_id,",
                "select cast(customer_id as integer) as customer_id,",
            ),
        },
    ),
    clean("the zone is said", {STG: ("    updated_at\n", "    cast(updated_at as timestamptz) as updated_at\n")}),
)
