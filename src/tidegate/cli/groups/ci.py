"""`tidegate ci`: the commands that a CI pipeline is made of."""

from __future__ import annotations

from tidegate.cli.command import Command, option

FORMAT_HELP = "text (default), json or junit, to stdout or a file; may be repeated"

INIT = Command(
    name="init",
    help="write a workflow for GitHub or GitLab that calls `tidegate ci run` for each stage of this project",
    handler="ci:init",
    options=(
        option("--provider", choices=("github", "gitlab"), required=True, help="where it will run"),
        option(
            "--python",
            action="append",
            default=[],
            metavar="VERSION",
            help="test with this Python, such as 3.12; may be repeated (default: those that pyproject.toml allows)",
        ),
        option(
            "--oidc", choices=("aws", "azure", "gcp"), help="log the deploy job in to this cloud without a stored key"
        ),
        option("--force", action="store_true", help="overwrite files that are there"),
    ),
)

RUN = Command(
    name="run",
    help="run one stage, or all of them, as the workflow does",
    handler="ci:run",
    options=(
        option("stage", nargs="?", metavar="STAGE", help="one of those that `--list` shows"),
        option(
            "--all",
            action="store_true",
            help="every stage but `deploy`, in order; one that fails does not stop the rest",
        ),
        option("--list", action="store_true", help="the stages of this project, and why others are left out"),
        option("--base", metavar="REF", help="diff: the commit that production runs (default: origin/main, else main)"),
        option("--format", action="append", default=[], metavar="FORMAT[=FILE]", help=FORMAT_HELP),
        option("--output", metavar="FILE", help="where the one format without a file of its own goes"),
    ),
)

PIN = Command(
    name="pin",
    help="write the commit of every action in place of its version, as GitHub says it is; needs the network",
    handler="ci:pin",
    options=(option("file", nargs="*", metavar="FILE", help="default: every workflow of the repository"),),
)

REPORT_FORMATS = "text (default), json, junit, sarif, github or markdown, to stdout or a file; may be repeated"

REPORT = Command(
    name="report",
    help="what a change does to data, from two states that are built; for a review",
    handler="ci_report:report",
    options=(
        option(
            "--base",
            metavar="STATE",
            help="before: a version, live, or a project's folder (default: see docs/ci-reports.md)",
        ),
        option("--head", metavar="STATE", help="after, in the same words"),
        option("--format", action="append", default=[], metavar="FORMAT[=FILE]", help=REPORT_FORMATS),
        option("--output", metavar="FILE", help="where the one format without a file of its own goes"),
        option("--post", action="store_true", help="put it into one comment on the pull or merge request of this job"),
        option("--pull-request", type=int, metavar="N", help="post: on this one"),
        option("--name", metavar="TEXT", help="post: tells this comment from others (default: the project's folder)"),
        option(
            "--fail-on",
            choices=("findings", "never"),
            default="findings",
            help="when to end with 1 (default: findings)",
        ),
    ),
)

CI = Command(
    name="ci",
    help="continuous integration: the stages of this project (default), init, run, pin, report",
    handler="ci:stages",
    commands=(INIT, RUN, PIN, REPORT),
)
