"""Read the files of a project for the doctor, without importing or running anything in it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from tidegate.doctor import Artifacts, Document, Project, Tree
from tidegate.errors import ConfigSyntaxError, PathNotFoundError
from tidegate.integrations import dbt_artifacts
from tidegate.integrations.yaml_files import read_marked

LEFT_OUT = frozenset(
    ".git .hg .mypy_cache .ruff_cache .tox .nox .idea .vscode node_modules site-packages dbt_packages dbt_modules"
    " __pycache__ .pytest_cache .hypothesis .venv venv .eggs .terraform .tidegate".split()
)
"""Folders whose files are not read; that they are there is still known."""

SUFFIXES = frozenset(
    ".py .sql .yml .yaml .toml .cfg .ini .txt .in .sh .bash .ps1 .bat .env .md .csv .json .lock .mk .pem .rst .tf .j2".split()
)
NAMES = frozenset(
    "Dockerfile Containerfile Makefile makefile justfile Justfile Pipfile Procfile Jenkinsfile crontab .dockerignore .gitignore"
    " .gitlab-ci.yml .pgpass id_rsa .env".split()
)
MAX_BYTES = 400_000
"""A larger file is data, or made by a program; of a CSV file only the head matters. Chosen, not derived."""

MAX_FILES = 50_000
GIT_TIMEOUT_S = 60
MAGIC = {b"DUCK": 8, b"SQLi": 0}
BOMS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def read_project(root: Path) -> tuple[Project, tuple[str, ...]]:
    """The project in a folder as the doctor's facts, and what of it could not be read.

    Raises:
        PathNotFoundError: no such folder.
    """
    if not root.is_dir():
        raise PathNotFoundError(f"there is no folder `{root}`", hint="correct `--project`")
    notes: list[str] = []
    present = tuple(sorted(_walk(root)))
    files, is_repository = _files(root, present)
    texts, encodings = _texts(root, present)
    documents = _documents(texts, notes)
    tree = Tree(
        files=files,
        present=present,
        is_repository=is_repository,
        texts=texts,
        encodings=encodings,
        documents=documents,
        databases=tuple(p for p in present if _is_database(root / p)),
    )
    return Project(tree=tree, artifacts=_artifacts(root, documents)), tuple(notes)


def _walk(root: Path) -> Iterator[str]:
    count = 0
    for place, folders, names in os.walk(root):
        here = Path(place)
        kept = here.relative_to(root)
        warehouse = (here / "versions").is_dir() and any((here / "versions").glob("*/version.json"))
        folders[:] = (
            [] if warehouse or (_is_left_out(here) and here != root) else sorted(f for f in folders if f != ".git")
        )
        for name in sorted(names):
            count += 1
            if count > MAX_FILES:
                return
            yield (kept / name).as_posix()


def _is_left_out(folder: Path) -> bool:
    return folder.name in LEFT_OUT or (folder / "pyvenv.cfg").is_file()


def _files(root: Path, present: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """The files that git has below the folder; without a repository those that it would take, as its own rules say."""
    listed = git(root, "ls-files", "-z", "--cached")
    if listed is not None:
        return tuple(sorted(p for p in listed.split("\0") if p and (root / p).exists())), True
    with tempfile.TemporaryDirectory(prefix="tidegate-") as scratch:
        made = git(root, "init", "--quiet", "--bare", scratch)
        taken = git(
            root, f"--git-dir={scratch}", f"--work-tree={root}", "ls-files", "-z", "--others", "--exclude-standard"
        )
    if made is None or taken is None:
        return tuple(present), False
    return tuple(sorted(p for p in taken.split("\0") if p)), False


def git(root: Path, *words: str) -> str | None:
    """What a git command prints; None when it fails, when there is no git, or no repository."""
    try:
        done = subprocess.run(
            ["git", "-c", "core.quotepath=false", *words],  # noqa: S607  the user's own git
            cwd=root,
            capture_output=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _texts(root: Path, present: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    texts: dict[str, str] = {}
    encodings: dict[str, str] = {}
    for path in present:
        name = PurePosixPath(path)
        wanted = name.suffix.lower() in SUFFIXES or name.name in NAMES or name.name.startswith((".env", "Dockerfile"))
        if not wanted or any(part in LEFT_OUT for part in name.parts[:-1]):
            continue
        found = _text(root / path)
        if found is not None:
            texts[path] = found[0]
            if found[1]:
                encodings[path] = found[1]
    return texts, encodings


def _text(file: Path) -> tuple[str, str] | None:
    """The text of a file and its encoding where that is not UTF-8; None for what is no text, or too large."""
    try:
        with file.open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
    except OSError:
        return None
    if len(data) > MAX_BYTES:
        if file.suffix.lower() != ".csv":
            return None
        data = data[: data.rfind(b"\n") + 1]
    for bom, encoding in BOMS.items():
        if data.startswith(bom):
            return data.decode(encoding, "replace").removeprefix("\ufeff"), encoding
    if b"\0" in data:
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
        is_text = file.suffix == ".txt" and data.count(b"\0") * 2 >= len(data) - 2
        return (data.decode(encoding, "replace"), encoding) if is_text else None
    return data.decode("utf-8", "replace").removeprefix("\ufeff"), ""


def _documents(texts: Mapping[str, str], notes: list[str]) -> dict[str, Document]:
    found: dict[str, Document] = {}
    for path, text in texts.items():
        if not path.endswith((".yml", ".yaml")):
            continue
        try:
            marked = read_marked(text, name=path)
        except ConfigSyntaxError as error:
            notes.append(f"not read: {error}")
            continue
        found[path] = Document(content=marked.content, lines={loc: place[0] for loc, place in marked.places.items()})
    return found


def _is_database(file: Path) -> bool:
    try:
        with file.open("rb") as handle:
            head = handle.read(12)
    except OSError:
        return False
    return any(head[at : at + 4] == magic for magic, at in MAGIC.items())


def _artifacts(root: Path, documents: Mapping[str, Document]) -> dict[str, Artifacts]:
    found: dict[str, Artifacts] = {}
    for path in documents:
        folder = PurePosixPath(path).parent
        if PurePosixPath(path).name == "dbt_project.yml":
            said = documents[path].content
            target = str(said.get("target-path") or "target") if isinstance(said, Mapping) else "target"
            place = root / folder / target
            read = dbt_artifacts.read_new(dbt_artifacts.Stale(folder=place, manifest=None, run_results=None))
            found[str(folder)] = Artifacts(manifest=read.manifest, run_results=read.run_results, sources=read.sources)
    return found


def read_ignores(file: Path) -> Document:
    """The ignore file: a list of entries, with their lines.

    Raises:
        ConfigSyntaxError: it is no list of entries.
    """
    marked = read_marked(file.read_text(encoding="utf-8"), name=file.name)
    content = marked.content if marked.content is not None else []
    if not isinstance(content, list):
        raise ConfigSyntaxError(
            f"`{file.name}` has no list at its top", hint="write `- {code: ..., reason: ..., until: ...}`"
        )
    return Document(content=content, lines={loc: place[0] for loc, place in marked.places.items()})
