# The image of Tidegate itself, for `tidegate doctor`, `check`, `promote` and the like over a project that is mounted at
# /project: docker run --rm --volume "$PWD:/project" tidegate doctor
# A pipeline has an image of its own, with its dlt and dbt in it: `tidegate init --docker` writes that one.
#
# The base image is pinned by its version. To pin its content as well, on a machine with a network:
#   docker buildx imagetools inspect python:3.13-slim-bookworm --format '{{.Manifest.Digest}}'
# and build with --build-arg PYTHON_IMAGE=python:3.13-slim-bookworm@<what it printed>
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PYTHON_DOWNLOADS=never
COPY requirements/uv.txt requirements/build.txt requirements/image.txt /build/requirements/
RUN python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
        -r /build/requirements/uv.txt \
    && /opt/uv/bin/uv venv --python python3 /opt/tidegate \
    && /opt/uv/bin/uv pip install --python /opt/tidegate/bin/python --require-hashes --only-binary :all: \
        -r /build/requirements/image.txt
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/uv/bin/uv build --wheel --python python3 --build-constraints requirements/build.txt --require-hashes --out-dir dist \
    && /opt/uv/bin/uv pip install --python /opt/tidegate/bin/python --no-deps dist/*.whl

FROM ${PYTHON_IMAGE} AS run
ENV PATH=/opt/tidegate/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN groupadd --gid 10001 app && useradd --uid 10001 --gid app --no-create-home --home-dir /tmp app
COPY --from=build /opt/tidegate /opt/tidegate
WORKDIR /project
USER 10001:10001
HEALTHCHECK --interval=1m --timeout=30s --retries=3 CMD ["tidegate", "--version"]
ENTRYPOINT ["tidegate"]
CMD ["--help"]
