"""Write the workflow of a project, and what it needs beside it."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tidegate.config import find_project, load
from tidegate.errors import ConfigError, NothingCheckedError, ReadOnlyError, UsageError
from tidegate.integrations.project_tree import git, read_project
from tidegate.kit.ci import FILES, workflow
from tidegate.model import Settings
from tidegate.services.ci_setup import PYTHONS, Setup, completed, deploy_environment, example, requirements, setup
from tidegate.services.stages import EXTRA, Plan, plan

EXAMPLE = ".env.example"
STATIC = ("lint", "types", "secrets", "parse")
"""Stages that need nothing but the files, and that GitHub runs as one job for each."""

AUDIENCES: Mapping[str, str] = {
    "aws": "sts.amazonaws.com",
    "azure": "api://AzureADTokenExchange",
    "gcp": "https://iam.googleapis.com/$GCP_WORKLOAD_IDENTITY_PROVIDER",
}
"""For whom GitLab's token is made out."""

LOGINS: Mapping[str, str] = {
    "aws": "AWS_WEB_IDENTITY_TOKEN_FILE: /tmp/oidc-token # AWS_ROLE_ARN and AWS_REGION are variables of the project",
    "azure": "AZURE_FEDERATED_TOKEN_FILE: /tmp/oidc-token # AZURE_CLIENT_ID and AZURE_TENANT_ID are variables of the project",
    "gcp": "GOOGLE_APPLICATION_CREDENTIALS: $GCP_CREDENTIALS # a variable of type file: external_account, /tmp/oidc-token",
}
"""By which variable the libraries of a cloud find GitLab's token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written, what was left as it was and why, what is left to do, and the stages that the workflow has."""

    provider: str
    stages: tuple[str, ...]
    left_out: Mapping[str, str]
    wrote: tuple[Path, ...]
    kept: tuple[str, ...]
    advice: tuple[str, ...]


def init(
    start: Path, *, provider: str, pythons: Sequence[str] = (), oidc: str | None = None, force: bool = False
) -> Written:
    """Write the workflow for the project at or above `start`, into the top folder of its repository.

    Raises:
        ConfigError: a file of the same name is there that is not the same; with `force` it is overwritten.
        NothingCheckedError: no stage applies.
        UsageError: a Python that is none.
        ReadOnlyError: the folder cannot be written.
    """
    settings = load(find_project(start))
    project, _ = read_project(settings.root)
    planned = plan(project, settings.steps)
    if not any(s.name != "secrets" for s in planned.stages):
        raise NothingCheckedError(
            f"there is nothing in `{settings.root}` that CI could check", hint="add a step to `tidegate.yml` first"
        )
    if unknown := [v for v in pythons if v not in PYTHONS]:
        raise UsageError(f"`{unknown[0]}` is no Python that Tidegate runs on", hint=f"one of {', '.join(PYTHONS)}")
    found = setup(project, planned, running=_running(), asked=pythons)
    top = _top(settings)
    releases = _releases(found.lacking)
    files = {top / FILES[provider]: workflow(provider, _values(settings, planned, found, top, oidc))}
    if found.lacking:
        files[settings.root / EXTRA] = requirements(found.lacking, releases)
    known = settings.root / EXAMPLE
    files[known] = example(found.variables)
    if known.exists():
        files[known] = completed(known.read_text("utf-8", "replace"), files[known])
    _demand_free(files, force=force)
    ignored = _ignored(settings, provider)
    try:
        wrote = [path for path, text in files.items() if _write(path, text)]
        wrote += [settings.root / ".gitignore"] if ignored and _append(settings.root / ".gitignore", ignored) else []
    except OSError as error:
        raise ReadOnlyError(f"`{error.filename}` cannot be written: {error.strerror}") from None
    return Written(
        provider=provider,
        stages=tuple(s.name for s in planned.stages),
        left_out=planned.left_out,
        wrote=tuple(wrote),
        kept=tuple(f"{path}: it says the same already" for path in files if path not in wrote),
        advice=tuple(_advice(settings, planned, found, releases, provider)),
    )


def _running() -> str:
    here = ".".join(platform.python_version_tuple()[:2])
    return here if here in PYTHONS else PYTHONS[-1]


def _top(settings: Settings) -> Path:
    """The top folder of the repository, where the providers look; the project's own outside one."""
    said = git(settings.root, "rev-parse", "--show-toplevel")
    return Path(said.strip()) if said else settings.root


def _values(settings: Settings, planned: Plan, found: Setup, top: Path, oidc: str | None) -> Mapping[str, str]:
    """What the templates ask for; an empty text is left out with what is around it."""
    names = [s.name for s in planned.stages]
    root = settings.root.resolve()
    folder = root.relative_to(top.resolve()).as_posix() if root != top.resolve() else ""
    prefix = f"{folder}/" if folder else ""
    static = [n for n in names if n in STATIC]
    data = "yes" if "build" in names else ""
    needed = ["static", *(["unit"] if "unit" in names else []), *(["build", "checks"] if data else [])]
    locks = [f"{prefix}{name}" for name in found.locks]
    return {
        "branch": _branch(settings),
        "folder": folder,
        "prefix": prefix,
        "static": ", ".join(static),
        "stage": "\n".join(static),
        "unit": "yes" if "unit" in names else "",
        "build": data,
        "needed": ", ".join(needed),
        "python": found.pythons[-1],
        "pythons": ", ".join(f'"{v}"' for v in found.pythons),
        "install": "\n".join(found.install),
        "cache": "|\n".join(locks) if len(locks) == 1 else "|\n" + "\n".join(f"            {lock}" for lock in locks),
        "cache_files": ", ".join(locks[:2]),
        "secrets": deploy_environment(found.variables),
        "oidc": oidc or "",
        "audience": AUDIENCES.get(oidc or "", ""),
        "login": LOGINS.get(oidc or "", ""),
        **{cloud: "yes" if oidc == cloud else "" for cloud in AUDIENCES},
    }


def _branch(settings: Settings) -> str:
    """The branch that production runs: what the remote calls its head, else `main` or `master`, else the present one."""
    said = git(settings.root, "symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    if said:
        return said.strip().removeprefix("origin/")
    for name in ("main", "master"):
        if git(settings.root, "rev-parse", "--verify", "--quiet", f"refs/heads/{name}"):
            return name
    return "main"


def _releases(names: Sequence[str]) -> Mapping[str, str]:
    """The releases of these packages that are installed here."""
    found = {}
    for name in (n.partition("[")[0] for n in names):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _demand_free(files: Mapping[Path, str], *, force: bool) -> None:
    there = [p for p, text in files.items() if p.exists() and p.read_text("utf-8", "replace") != text]
    if there and not force:
        names = ", ".join(f"`{p}`" for p in there)
        raise ConfigError(
            f"{names} {'is' if len(there) == 1 else 'are'} there already", hint="overwrite with `--force`"
        )


def _write(path: Path, text: str) -> bool:
    """Write a file; False when it says the same already."""
    if path.exists() and path.read_text("utf-8", "replace") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def _ignored(settings: Settings, provider: str) -> list[str]:
    """What git has to leave alone."""
    warehouse = settings.warehouse.path
    wanted = [".env", ".dlt/secrets.toml", ".tidegate/"]
    if warehouse.is_relative_to(settings.root):
        wanted.append(f"{warehouse.relative_to(settings.root).as_posix()}/")
    return wanted + ["build.tar.gz", "base.tar.gz"] + [".cache/"] * (provider == "gitlab")


def _append(path: Path, names: Sequence[str]) -> bool:
    """Add to a `.gitignore` what it lacks; False when that is nothing."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = {line.strip().strip("/") for line in text.splitlines()}
    lacking = [name for name in names if name.strip("/") not in lines]
    if lacking:
        lead = text if text.endswith("\n") or not text else f"{text}\n"
        path.write_text(
            lead + "\n# what Tidegate makes, and credentials\n" * bool(lead) + "\n".join(lacking) + "\n", "utf-8"
        )
    return bool(lacking)


def _advice(settings: Settings, planned: Plan, found: Setup, releases: Mapping[str, str], provider: str) -> list[str]:
    said = []
    loose = [name for name in found.lacking if name.partition("[")[0] not in releases]
    if loose:
        said.append(f"pin {', '.join(loose)} in {EXTRA}: not installed here, so no release could be written")
    if "lint" in planned.left_out:
        said.append(
            f"no linter is configured: add `[tool.ruff]` to pyproject.toml, then `tidegate ci init --provider {provider} --force`"
        )
    if "build" in (s.name for s in planned.stages) and not (settings.root / "samples").is_dir():
        said.append("there are no `samples/`: the build runs every step, with whatever data git has")
    if provider == "github":
        said.append("set reviewers: Settings > Environments > production; and its variable TIDEGATE_PRODUCTION")
    else:
        said.append("protect the environment `production`, and set its variable TIDEGATE_PRODUCTION")
        if "build" in (s.name for s in planned.stages):
            said.append("for the report as a note: GITLAB_TOKEN, a masked variable with a project token of scope `api`")
    return said
