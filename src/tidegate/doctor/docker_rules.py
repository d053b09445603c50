"""Rules about images and compose files: who runs, what is inside, what a mount hides, who notices that it hangs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tidegate.doctor.ci_rules import is_test_path
from tidegate.doctor.containers import ComposeService, Dockerfile, copied_whole, image_of, installed_paths
from tidegate.doctor.facts import Project
from tidegate.doctor.rule import Edit, Found
from tidegate.doctor.words import joined, mapping, matches, texts, under

DATABASES = re.compile(
    r"(?:^|/)(?:postgres|postgis|mysql|mariadb|mssql|clickhouse-server|mongo|redis|rabbitmq|kafka|minio|timescaledb)\b"
)
SECRET_FILES = (
    ".env",
    ".dlt/secrets.toml",
    "secrets.toml",
    "credentials.json",
    "service_account.json",
    "profiles.yml.local",
    ".pgpass",
)
NOT_SECRET = (".env.example", ".env.sample", ".env.template", ".env.dist")


def runs_as_root(project: Project) -> Iterator[Found]:
    """Images whose processes run as root."""
    for dockerfile in project.dockerfiles:
        chain = dockerfile.chain()
        users = [i for i in chain if i.word == "USER"]
        start = [i for i in chain if i.word == "FROM"]
        if not start or "nonroot" in start[-1].value or "nonroot" in dockerfile.image(start[0].value):
            continue
        if not users:
            yield Found(
                path=dockerfile.path, line=start[-1].line, message="no `USER`: everything in the container runs as root"
            )
        elif re.match(r"^(?:root|0)(?::|$)", users[-1].value.strip("\"'")):
            yield Found(path=dockerfile.path, line=users[-1].line, message="the last `USER` is root")
    for service in project.services:
        if str(service.said.get("user") or "").partition(":")[0] in {"root", "0"}:
            yield Found(path=service.path, line=service.at("user"), message=f"service `{service.name}` runs as root")


def unpinned_images(project: Project) -> Iterator[Found]:
    """Images without a version, or with `latest`."""
    for dockerfile in project.dockerfiles:
        stages = {
            i.value.split()[-1].lower() for i in dockerfile.of("FROM") if re.search(r"\sas\s", i.value, re.IGNORECASE)
        }
        for instruction in dockerfile.of("FROM"):
            image = dockerfile.image(image_of(instruction.value))
            if image.lower() not in stages | {"scratch"} and _is_loose(image):
                yield Found(
                    path=dockerfile.path, line=instruction.line, message=f"the base image `{image}` has no version"
                )
        for instruction in dockerfile.of("COPY"):
            found = re.search(r"--from=(\S+)", instruction.value)
            if found and "/" in found[1] and _is_loose(dockerfile.image(found[1])):
                yield Found(
                    path=dockerfile.path, line=instruction.line, message=f"the image `{found[1]}` has no version"
                )
    for service in project.services:
        image = str(service.said.get("image") or "")
        if image and not service.said.get("build") and _is_loose(image):
            yield Found(
                path=service.path,
                line=service.at("image"),
                message=f"the image `{image}` of `{service.name}` has no version",
            )


def _is_loose(image: str) -> bool:
    if "@sha256:" in image or re.search(r"\$(?!\{\w+:?-)", image):
        return False
    plain = re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", image)
    tag = plain.rpartition("/")[2].partition(":")[2]
    return tag in {"", "latest", "stable", "edge", "nightly"}


def hidden_by_mounts(project: Project) -> Iterator[Found]:
    """Bind mounts over a folder into which the image was built to install something."""
    files = {d.path: d for d in project.dockerfiles}
    for service in project.services:
        dockerfile = files.get(service.dockerfile or "")
        if dockerfile is None:
            continue
        kept = [m.target.rstrip("/") for m in service.mounts if m.kind == "volume"]
        for mount in service.mounts:
            if mount.kind != "bind":
                continue
            for place, by in installed_paths(dockerfile):
                if under(place, mount.target.rstrip("/")) and not any(under(place, k) for k in kept):
                    message = f"`{mount.source}` is mounted over `{mount.target}` and hides `{place}`, which `{by[:60]}` made in the image"
                    yield Found(path=service.path, line=mount.line, message=message)
                    break


def no_health_check(project: Project) -> Iterator[Found]:
    """Containers of which nobody notices that they hang."""
    files = {d.path: d for d in project.dockerfiles}
    covered = {s.dockerfile for s in project.services if s.said.get("healthcheck")}
    for dockerfile in project.dockerfiles:
        starts = [i for i in dockerfile.chain() if i.word in {"CMD", "ENTRYPOINT"}]
        if starts and not any(i.word == "HEALTHCHECK" for i in dockerfile.chain()) and dockerfile.path not in covered:
            yield Found(path=dockerfile.path, line=starts[-1].line, message="the image has no `HEALTHCHECK`")
    for service in project.services:
        image = str(service.said.get("image") or "")
        off = mapping(service.said.get("healthcheck")).get("disable") is True
        if service.dockerfile in files or (service.said.get("healthcheck") and not off):
            continue
        if DATABASES.search(image.partition(":")[0]) and not service.said.get("extends"):
            message = f"service `{service.name}` has no health check, so nothing waits until it is ready"
            yield Found(path=service.path, line=service.at(), message=message)


def secrets_in_context(project: Project) -> Iterator[Found]:
    """Builds that copy everything, with credentials or data among it."""
    contexts = {s.dockerfile: s.context for s in project.services if s.dockerfile}
    for dockerfile in project.dockerfiles:
        folder = str(PurePosixPath(dockerfile.path).parent)
        default = (
            "."
            if any(s.dockerfile is None for s in project.services) or folder in {"docker", ".docker", "build"}
            else folder
        )
        context = contexts.get(dockerfile.path) or default
        for instruction in copied_whole(dockerfile):
            ignore = joined(context, ".dockerignore")
            own = f"{dockerfile.path}.dockerignore"
            ignore = own if own in project.tree.texts else ignore
            patterns = project.text(ignore).splitlines()
            sent = [p for p in _dangerous(project, context) if not _ignored(p, context, patterns)]
            if sent:
                named = ", ".join(f"`{p}`" for p in sent[:4]) + (f" and {len(sent) - 4} more" if len(sent) > 4 else "")
                edit = Edit(path=ignore, lines=tuple(_ignore_lines(sent, context)))
                where = "it ignores" if ignore in project.tree.texts else "there is no .dockerignore, and"
                message = f"`{instruction.word} {instruction.value}` puts {named} into the image"
                yield Found(
                    path=dockerfile.path, line=instruction.line, message=message, edit=edit, fix=_fix(ignore, where)
                )
            elif ignore not in project.tree.texts:
                message = f"`{instruction.word} {instruction.value}` without a .dockerignore copies whatever lies there, `.git` and credentials too"
                wanted = (".git", ".env", "**/secrets.toml", "**/*.duckdb", "**/target", "**/.venv")
                yield Found(
                    path=dockerfile.path, line=instruction.line, message=message, edit=Edit(path=ignore, lines=wanted)
                )
            break


def _fix(ignore: str, where: str) -> str:
    return f"list them in `{ignore}`" if where == "it ignores" else f"write `{ignore}` with them"


def _dangerous(project: Project, context: str) -> Iterator[str]:
    """Files below the context that no image should have; those that a checkout usually lacks are named all the same."""
    here = [p for p in project.tree.present if under(p, context)]
    for path in here:
        name = PurePosixPath(path).name
        secret = any(path == f or path.endswith(f"/{f}") for f in SECRET_FILES) or (
            name.startswith(".env") and name not in NOT_SECRET and "example" not in name
        )
        if (
            secret
            or name.endswith((".pem", ".key", ".p12"))
            or (path in project.tree.databases and not is_test_path(path))
        ):
            yield path
    if any(PurePosixPath(p).parent.name == ".dlt" for p in here):
        folder = next(str(PurePosixPath(p).parent) for p in here if PurePosixPath(p).parent.name == ".dlt")
        if f"{folder}/secrets.toml" not in here:
            yield f"{folder}/secrets.toml"


def _ignored(path: str, context: str, patterns: list[str]) -> bool:
    """Whether a .dockerignore leaves a file out; the last pattern that fits decides."""
    inside = path if context in {"", "."} else path[len(context.rstrip("/")) + 1 :]
    out = False
    for line in patterns:
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        keep = said.startswith("!")
        plain = said.lstrip("!").lstrip("/").rstrip("/")
        forms = [plain] + ([plain[3:]] if plain.startswith("**/") else [])
        fits = any(
            matches(inside, f)
            and (f.count("/") or "/" not in inside or under(inside, f.partition("/")[0]) or f != plain or plain == "*")
            for f in forms
        )
        deep = plain.startswith("**/") and any(
            matches("/".join(PurePosixPath(inside).parts[n:]), plain[3:])
            for n in range(len(PurePosixPath(inside).parts))
        )
        if fits or deep:
            out = not keep
    return out


def _ignore_lines(paths: list[str], context: str) -> Iterator[str]:
    seen: set[str] = set()
    for path in paths:
        inside = path if context in {"", "."} else path[len(context.rstrip("/")) + 1 :]
        suffix = PurePosixPath(inside).suffix
        line = f"**/*{suffix}" if suffix in {".duckdb", ".db", ".sqlite"} else inside
        if line not in seen:
            seen.add(line)
            yield line


__all__ = ["ComposeService", "Dockerfile", "texts"]
