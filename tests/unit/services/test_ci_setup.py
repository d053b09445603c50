"""How a project is installed in CI, with which Pythons, and which variables it reads."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.unit.doctor.test_rules import project
from tests.unit.services.test_stages import STEP
from tidegate.services.ci_setup import Setup, Variable, deploy_environment, example, requirements, setup
from tidegate.services.stages import plan

DLT = "import dlt\n\npipeline = dlt.pipeline(pipeline_name='shop', destination='duckdb')\n"
PROFILES = "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: \"{{ env_var('SHOP_DB') }}\"}\n"
FILES = {
    "ingest/load.py": DLT,
    "transform/dbt_project.yml": "name: shop\nprofile: shop\n",
    "transform/profiles.yml": PROFILES,
    "pyproject.toml": "[tool.ruff]\n",
}
OWN = ("tidegate", "detect-secrets", "ruff", "pytest", "dbt-core", "dbt-duckdb", "dlt[duckdb]")


def made(files: Mapping[str, str], *asked: str) -> Setup:
    read = project({**FILES, **files})
    return setup(read, plan(read, [STEP]), running="3.12", asked=asked)


def test_everything_is_lacking_where_nothing_is_asked_for() -> None:
    found = made({})
    assert found.lacking == OWN
    assert found.install == ("python -m pip install -r requirements-ci.txt",)
    assert found.locks == ("requirements-ci.txt",)


def test_what_init_wrote_before_is_lacking_still() -> None:
    assert made({"requirements-ci.txt": "ruff==1\npytest==1\n"}) == made({})


def test_what_the_project_asks_for_is_installed_together_with_the_rest() -> None:
    asked = "dbt-duckdb==1.9\ndlt[duckdb]==1.20\ntidegate==1\n"
    found = made(
        {"requirements.txt": asked, "requirements-dev.txt": "ruff==1\npytest==8\n", "docs-requirements.txt": "x==1\n"}
    )
    assert found.lacking == ("detect-secrets",)
    assert found.install == (
        "python -m pip install -r requirements.txt -r requirements-dev.txt -r requirements-ci.txt",
    )
    whole = made({"requirements.txt": asked + "detect-secrets==1\nruff==1\npytest==8\n"})
    assert (whole.lacking, whole.install) == ((), ("python -m pip install -r requirements.txt",))


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [("uv.lock", "", "uv export --quiet --locked"), ("poetry.lock", "", "poetry export"),
     ("pyproject.toml", '[project]\nname = "a"\ndependencies = ["dlt==1.20"]\n[tool.ruff]\n', "-r pyproject.toml")],
)  # fmt: skip
def test_a_lock_is_kept_to(name: str, text: str, word: str) -> None:
    found = made({name: text})
    assert any(word in line for line in found.install)
    assert found.install[-1].endswith("-r requirements-ci.txt")
    assert found.locks == (name, "requirements-ci.txt")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (">=3.11", ("3.11", "3.12", "3.13")),
        (">=3.11,<3.13", ("3.11", "3.12")),
        (">=3.10,!=3.12.*", ("3.11", "3.13")),
        ("~=3.12", ("3.12", "3.13")),
        ("==3.12.*", ("3.12",)),
        (">3.11,<=3.12", ("3.12",)),
        (">=3.11.4,<3.12.1", ("3.11", "3.12")),
        ("", ("3.12",)),
        (">=3.14", ("3.12",)),
    ],
)
def test_the_pythons_are_those_that_the_project_allows(said: str, expected: tuple[str, ...]) -> None:
    text = f'[project]\nname = "a"\nrequires-python = "{said}"\n' if said else "[tool.ruff]\n"
    assert made({"pyproject.toml": text}).pythons == expected


def test_a_person_may_say_which_pythons() -> None:
    assert made({}, "3.11", "3.13").pythons == ("3.11", "3.13")


def test_the_variables_are_those_that_something_reads() -> None:
    found = made(
        {
            "ingest/load.py": DLT
            + "import os\nkey = dlt.secrets['sources.shop.api_key']\nurl = os.environ['SHOP_URL']\nos.getenv('HOME')\n",
            "tests/test_load.py": "import os\nos.environ['ONLY_IN_TESTS']\n",
            "tidegate.yml": "notify:\n  - {to: 'slack:#a', options: {token: '${SLACK_TOKEN}'}}\n# ${COMMENTED}\n",
        }
    ).variables
    assert [v.name for v in found] == ["SHOP_DB", "SHOP_URL", "SLACK_TOKEN", "SOURCES__SHOP__API_KEY"]
    assert [v.name for v in found if v.is_secret] == ["SLACK_TOKEN", "SOURCES__SHOP__API_KEY"]
    assert deploy_environment(found).splitlines()[1:3] == [
        "SHOP_URL: ${{ vars.SHOP_URL }}",
        "SLACK_TOKEN: ${{ secrets.SLACK_TOKEN }}",
    ]


def test_the_example_has_names_and_no_value() -> None:
    text = example([Variable(name="SHOP_URL", place="ingest/load.py")])
    assert "# read by ingest/load.py\nSHOP_URL=\n" in text
    assert "secrets.toml" in text
    assert "Nothing in this project reads a variable yet" in example([])


def test_a_package_that_is_not_here_has_no_release() -> None:
    assert requirements(["dlt[duckdb]", "ruff"], {"dlt": "1.2"}).splitlines()[1:] == ["dlt[duckdb]==1.2", "ruff"]
