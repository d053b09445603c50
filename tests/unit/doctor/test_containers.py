"""Where building an image installs something, read from its Dockerfile."""

from __future__ import annotations

import pytest

from tidegate.doctor.containers import Dockerfile, _instructions, installed_paths


def paths(*lines: str) -> list[str]:
    text = "\n".join(("FROM python:3.11", "WORKDIR /app", *lines))
    return [path for path, _ in installed_paths(Dockerfile(path="Dockerfile", instructions=tuple(_instructions(text))))]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("RUN uv sync", ["/app/.venv"]),
        ("RUN cd ingest && uv sync", ["/app/ingest/.venv"]),
        ("RUN python -m venv --copies env && env/bin/pip install dlt", ["/app/env"]),
        ("RUN uv venv /opt/env; cd transform; dbt deps", ["/opt/env", "/app/transform/dbt_packages"]),
        ("RUN dbt --quiet deps --project-dir transform", ["/app/transform/dbt_packages"]),
        ("RUN npm ci", ["/app/node_modules"]),
        ("RUN poetry install", []),
        ("RUN pip install poetry", []),
    ],
)
def test_the_folder_of_what_is_installed(line: str, found: list[str]) -> None:
    assert paths(line) == found


@pytest.mark.parametrize(
    ("said", "line", "found"),
    [
        ("1", "RUN poetry install", ["/app/.venv"]),
        ("TRUE", "RUN poetry install", ["/app/.venv"]),
        ("false", "RUN poetry install", []),
        ("1", "RUN poetry --version", []),
    ],
)
def test_poetry_installs_into_the_project_only_where_it_is_told_so(said: str, line: str, found: list[str]) -> None:
    assert paths(f"ENV POETRY_VIRTUALENVS_IN_PROJECT={said}", line) == found


def test_uv_installs_where_its_environment_says() -> None:
    assert paths("ENV UV_PROJECT_ENVIRONMENT=/opt/venv", "RUN uv sync") == ["/opt/venv"]
