"""Look for credentials in a project's files and in the commits of its repository, with detect-secrets."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from tidegate.doctor import Secret

PLUGINS = (
    "ArtifactoryDetector",
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "CloudantDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "IbmCloudIamDetector",
    "JwtTokenDetector",
    "KeywordDetector",
    "MailchimpDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "SquareOAuthDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)
"""All of detect-secrets' but those that look for disorder in a text: hashes in lock files are full of it."""

FILTERS = (
    "detect_secrets.filters.allowlist.is_line_allowlisted",
    "detect_secrets.filters.heuristic.is_indirect_reference",
    "detect_secrets.filters.heuristic.is_likely_id_string",
    "detect_secrets.filters.heuristic.is_not_alphanumeric_string",
    "detect_secrets.filters.heuristic.is_prefixed_with_dollar_sign",
    "detect_secrets.filters.heuristic.is_sequential_string",
    "detect_secrets.filters.heuristic.is_templated_secret",
)
UNREAD = re.compile(r"(?:^|/)(?:[^/]*\.lock|package-lock\.json|.*\.csv|.*\.ipynb|.*\.min\.js|manifest\.json)$")
HARMLESS = re.compile(
    r"[<>{}]|your|example|change.?me|xxx|dummy|placeholder|redacted|secrets\.|env_var|environ|getenv|\.value\b|\*\*\*|not.?a.?secret"
    r"|test|sample|fake|todo|^(?:postgres|password|secret|admin|root|dbt|dlt|loader|minio\w*|airflow|none|null|true|false)$",
    re.IGNORECASE,
)
WORTH_A_LOOK = re.compile(
    r"key|token|secret|pass|pwd|auth|cred|AKIA|ghp_|gho_|github_pat|glpat|xox[abpr]|sk[_-]|://[^/\s]+:[^/\s]+@|eyJ|SG\.|AC[0-9a-f]{32}|-----BEGIN|npm_|pypi-",
    re.IGNORECASE,
)
"""A line that cannot be about a credential is not given to the detectors: a history has millions."""

LOCAL_URL = re.compile(r"://[^@\s]+@(?:localhost|127\.0\.0\.1|db|postgres|database|host\.docker\.internal)(?![\w.-])")
MAX_LINE = 2_000
HISTORY_TIMEOUT_S = 120


def is_installed() -> bool:
    """Whether detect-secrets is there."""
    return importlib.util.find_spec("detect_secrets") is not None


def in_tree(texts: Mapping[str, str], files: Sequence[str]) -> tuple[Secret, ...]:
    """What looks like a credential in the files that git has, or would take. Needs `is_installed()`."""
    lines = (
        (path, None, number, line)
        for path in files
        if path in texts and not UNREAD.search(path)
        for number, line in enumerate(texts[path].splitlines(), start=1)
    )
    return tuple(_found(lines))


def in_history(root: Path, now: Sequence[Secret], texts: Mapping[str, str]) -> tuple[Secret, ...] | None:
    """What commits have added that is no longer in the files; None when there is no history that could be read.

    One place of the newest commit is told of each credential. A repository's whole history is read once, as text.
    """
    try:
        log = subprocess.run(
            [  # noqa: S607  the user's own git
                "git",
                "log",
                "--all",
                "-p",
                "-U0",
                "--no-color",
                "--no-ext-diff",
                "--relative",
                "--format=%x00%h",
                "--",
                ".",
            ],
            cwd=root,
            capture_output=True,
            timeout=HISTORY_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if log.returncode != 0:
        return None
    present = {(s.path, line.strip()) for s in now for line in [_line(texts, s)]}
    told: set[tuple[str, str]] = set()
    found: list[Secret] = []
    for path, commit, number, line in _added(log.stdout.decode("utf-8", "replace")):
        key = (path, line.strip())
        if key not in present and key not in told:
            secrets = list(_found([(path, commit, number, line)]))
            if secrets:
                told.add(key)
                found += secrets[:1]
    return tuple(found)


def _line(texts: Mapping[str, str], secret: Secret) -> str:
    lines = texts.get(secret.path, "").splitlines()
    return lines[secret.line - 1] if secret.line <= len(lines) else ""


def _added(log: str) -> Iterator[tuple[str, str, int, str]]:
    """The lines that commits added: file, commit, number in that commit's file, text."""
    commit, path, number = "", "", 0
    for line in log.splitlines():
        if line.startswith("\0"):
            commit = line[1:]
        elif line.startswith("+++ "):
            path = line[4:].strip().strip('"').removeprefix("b/")
        elif line.startswith("@@"):
            found = re.search(r"\+(\d+)", line)
            number = int(found[1]) if found else 0
        elif line.startswith("+"):
            if not UNREAD.search(path) and WORTH_A_LOOK.search(line):
                yield path, commit, number, line[1:]
            number += 1


def _found(lines: object) -> Iterator[Secret]:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.settings import transient_settings

    assert isinstance(lines, Iterator | list)  # noqa: S101  both callers give one of the two
    settings = {
        "plugins_used": [{"name": name} for name in _known(get_mapping_from_secret_type_to_class())],
        "filters_used": [{"path": path} for path in FILTERS],
    }
    with transient_settings(settings):
        from detect_secrets.core.scan import get_plugins  # type: ignore[attr-defined]  # it is imported there, not exported

        plugins = list(get_plugins())
        for path, commit, number, line in lines:
            if len(line) <= MAX_LINE and WORTH_A_LOOK.search(line) and "allowlist secret" not in line:
                kind = _kind(plugins, path, line)
                if kind is not None:
                    yield Secret(kind=kind, path=path, line=number, commit=commit)


def _known(classes: Mapping[str, type]) -> list[str]:
    """Those of our plug-ins that the installed release has."""
    names = {c.__name__ for c in classes.values()}
    return [name for name in PLUGINS if name in names]


def _kind(plugins: Sequence[object], path: str, line: str) -> str | None:
    """What a line gives away; None for nothing."""
    name = f"{path}.ini" if PurePosixPath(path).name.startswith(".env") else path  # its values stand without quotes
    for plugin in plugins:
        for secret in plugin.analyze_line(filename=name, line=line, line_number=1):  # type: ignore[attr-defined]  # detect-secrets has no types
            value = str(secret.secret_value or "")
            keyword = secret.type == "Secret Keyword"
            doubtful = keyword or secret.type == "Basic Auth Credentials"
            if doubtful and (HARMLESS.search(value) or LOCAL_URL.search(line)):
                continue
            if keyword and not _is_value(value, path):
                continue
            return str(secret.type)
    return None


def _is_value(value: str, path: str) -> bool:
    """Whether what follows a word such as `password` is one: long, without blanks, no name of a variable or column."""
    if (
        len(value) < 8
        or re.search(r"\s|[$(){}\[\]]", value)
        or PurePosixPath(path).suffix in {".sql", ".md", ".rst", ".csv"}
    ):
        return False
    return not re.fullmatch(r"[A-Z][A-Z0-9_]*|[a-z]+(?:[_.\-/][a-z]+)*", value)
