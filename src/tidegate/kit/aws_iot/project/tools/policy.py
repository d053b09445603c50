"""What a plan must not do, whatever the modules say: `python -m tools.policy plan.json` (of `terraform show -json`).

Generic scanners know AWS and not this system: they let a full-access policy, a mapping without an on-failure destination and a
missing alarm pass. A value that is known only after apply counts as given; so does nothing else.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TAGS = ("project", "stage", "owner", "managed-by")
ALARMED = (
    "IteratorAge",
    "Errors",
    "Throttles",
    "ApproximateNumberOfMessagesVisible",
    "WriteThrottleEvents",
    "WriteProvisionedThroughputExceeded",
    "Accepted",
    "EventLagMedian",
    "Quarantined",
    "SilentDevices",
)
"""Metrics that somebody has to hear of."""

ANY_RESOURCE = frozenset({
    "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:ListTagsForResource", "kinesis:DescribeLimits", "kms:ListAliases", "lambda:GetEventSourceMapping",
    "lambda:ListEventSourceMappings", "logs:DescribeLogGroups", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
})  # fmt: skip
"""Actions that AWS allows on all resources only; they read, or write a trace."""

ANY_IF_NARROWED = frozenset({
    "kms:CreateKey", "kms:TagResource", "lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping",
    "lambda:UpdateEventSourceMapping",
})  # fmt: skip
"""Actions on what has no name yet: allowed on all resources where a condition says which."""

GITHUB_SUBJECT = re.compile(r"repo:[\w-]+/[\w.-]+:(pull_request|ref:refs/heads/[\w./-]+|environment:[\w-]+)")
"""What may take a role through GitHub: pull requests, a branch, or an environment of one repository."""

MOST_RETRIES, MOST_AGE_S, LEAST_LOG_DAYS = 100, 604_800, 7
NAMED = ("name", "function_name", "bucket", "alarm_name", "dashboard_name")
POLICIES = ("policy", "assume_role_policy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource as it will be; `unknown` are the attributes that only apply tells."""

    address: str
    type: str
    values: Mapping[str, Any]
    unknown: Mapping[str, Any]
    data: bool = False

    def given(self, name: str) -> bool:
        """Whether the attribute is set, or will be."""
        return bool(self.values.get(name)) or bool(self.unknown.get(name))

    def block(self, name: str) -> Mapping[str, Any]:
        """The first nested block of that name; empty if there is none."""
        found: Any = self.values.get(name) or [{}]
        return dict(found[0] if isinstance(found, list) else found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that the plan must not do."""

    rule: str
    address: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The resources that will exist, and the policy documents that are only read on apply."""

    resources: Sequence[Resource]
    by_type: Mapping[str, Sequence[Resource]] = field(default_factory=dict)

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Plan:
        """From Terraform's JSON.

        Raises:
            ValueError: it is no plan, or one of nothing.
        """
        if not said.get("resource_changes"):
            raise ValueError("this is no plan, or one without resources: nothing was checked")
        found = []
        for change in said["resource_changes"]:
            after = change["change"].get("after")
            if after is None:
                continue
            found.append(
                Resource(
                    address=change["address"],
                    type=change["type"],
                    values=after,
                    unknown=change["change"].get("after_unknown") or {},
                    data=change["mode"] == "data",
                )
            )
        by: dict[str, list[Resource]] = {}
        for resource in found:
            if not resource.data:
                by.setdefault(resource.type, []).append(resource)
        return cls(resources=found, by_type=by)

    def of(self, type_: str) -> Sequence[Resource]:
        return self.by_type.get(type_, ())

    def statements(self) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
        """Every statement of every policy, in the words of a policy: Effect, Action, Resource, Principal, Condition."""
        for resource in self.resources:
            if resource.data and resource.type == "aws_iam_policy_document":
                for statement in resource.values.get("statement") or []:
                    yield resource, _as_written(statement)
            elif not resource.data:
                for name in POLICIES:
                    text = resource.values.get(name)
                    if isinstance(text, str) and text.startswith("{"):
                        for statement in _list(json.loads(text).get("Statement")):
                            yield resource, statement


def _as_written(block: Mapping[str, Any]) -> dict[str, Any]:
    principals = {p["type"]: p.get("identifiers") or [] for p in block.get("principals") or []}
    return {
        "Effect": block.get("effect") or "Allow",
        "Action": block.get("actions") or [],
        "Resource": block.get("resources") or [],
        "Principal": "*" if "*" in principals else principals,
        "Condition": block.get("condition") or [],
    }


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


# ---- who may do what


def wildcard_actions(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource, said in plan.statements():
        wide = [a for a in _list(said.get("Action")) if isinstance(a, str) and re.fullmatch(r"\*|[\w-]+:\*", a)]
        if said["Effect"] == "Allow" and wide and not _account_and_its_key(said):
            yield resource.address, f"allows {', '.join(wide)}: list the actions"


def _account_and_its_key(said: Mapping[str, Any]) -> bool:
    """The one statement without which nobody could administer a key any more."""
    principals = said.get("Principal")
    named = _list(principals.get("AWS")) if isinstance(principals, Mapping) else []
    return _list(said.get("Action")) == ["kms:*"] and len(named) == 1 and str(named[0]).endswith(":root")


def wildcard_resources(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource, said in plan.statements():
        if said["Effect"] != "Allow" or said.get("Principal"):
            continue  # the policy of a key or a queue speaks of that key or queue
        actions = set(_list(said.get("Action")))
        narrowed = bool(said.get("Condition")) and actions <= ANY_IF_NARROWED
        if "*" in _list(said.get("Resource")) and not narrowed and not actions <= ANY_RESOURCE:
            yield resource.address, "allows its actions on every resource: list the ARNs"


def managed_policies(plan: Plan) -> Iterator[tuple[str, str]]:
    for type_ in ("aws_iam_role_policy_attachment", "aws_iam_policy_attachment"):
        for resource in plan.of(type_):
            yield (
                resource.address,
                f"attaches {resource.values.get('policy_arn', 'a policy')}: write down what is needed",
            )
    for resource in plan.of("aws_iam_role"):
        if resource.values.get("managed_policy_arns"):
            yield resource.address, f"attaches {resource.values['managed_policy_arns']}: write down what is needed"


def open_to_all(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource, said in plan.statements():
        principals = said.get("Principal")
        everybody = principals == "*" or (isinstance(principals, Mapping) and "*" in _list(principals.get("AWS")))
        if said["Effect"] == "Allow" and everybody:
            yield resource.address, "allows everybody"


def trust_without_condition(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource, said in plan.statements():
        if "sts:AssumeRole" in _list(said.get("Action")) and not said.get("Condition"):
            yield resource.address, "may be assumed on behalf of any account: demand aws:SourceAccount"


def open_federation(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource, said in plan.statements():
        if "sts:AssumeRoleWithWebIdentity" not in _list(said.get("Action")):
            continue
        conditions = dict(_conditions(said))
        subjects = next((v for name, v in conditions.items() if name.endswith(":sub")), [])
        if not subjects or not any(name.endswith(":aud") for name in conditions):
            yield resource.address, "may be taken by any repository on GitHub: demand its subject and audience"
        for subject in subjects:
            if not GITHUB_SUBJECT.fullmatch(str(subject)):
                yield (
                    resource.address,
                    f"may be taken by `{subject}`: name the repository, and a branch or an environment",
                )


def unbounded_roles(plan: Plan) -> Iterator[tuple[str, str]]:
    """Who may write the policies of roles may do everything, unless those roles have a boundary."""
    for resource, said in plan.statements():
        grants = {"iam:CreateRole", "iam:PutRolePolicy"} & set(_list(said.get("Action")))
        if said["Effect"] == "Allow" and grants and "iam:PermissionsBoundary" not in dict(_conditions(said)):
            yield resource.address, f"allows {', '.join(sorted(grants))} without a boundary, and so everything"


def _conditions(said: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Each variable of a statement's condition and its values, as written in a policy or in Terraform."""
    condition = said.get("Condition") or {}
    if isinstance(condition, Mapping):
        for test in condition.values():
            yield from ((name, _list(values)) for name, values in test.items())
        return
    for block in condition:
        yield block["variable"], _list(block.get("values"))


# ---- encryption


def unencrypted(plan: Plan) -> Iterator[tuple[str, str]]:
    for type_, name in (
        ("aws_cloudwatch_log_group", "kms_key_id"),
        ("aws_sqs_queue", "kms_master_key_id"),
        ("aws_sns_topic", "kms_master_key_id"),
        ("aws_lambda_function", "kms_key_arn"),
    ):
        for resource in plan.of(type_):
            if not resource.given(name):
                yield resource.address, f"is not encrypted with our key: set {name}"
    for resource in plan.of("aws_kinesis_stream"):
        if resource.values.get("encryption_type") != "KMS" or not resource.given("kms_key_id"):
            yield resource.address, "is not encrypted"
    for resource in plan.of("aws_dynamodb_table"):
        if not resource.block("server_side_encryption").get("enabled"):
            yield resource.address, "is not encrypted with our key"
    for address in _buckets_without(plan, "aws_s3_bucket_server_side_encryption_configuration", _is_kms):
        yield address, "is not encrypted with KMS"


def _is_kms(resource: Resource) -> bool:
    rule = resource.block("rule")
    default = (rule.get("apply_server_side_encryption_by_default") or [{}])[0]
    return bool(default.get("sse_algorithm") == "aws:kms")


def key_rotation(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource in plan.of("aws_kms_key"):
        if not resource.values.get("enable_key_rotation"):
            yield resource.address, "is never rotated"


# ---- nothing is lost


def _buckets_without(plan: Plan, type_: str, fine: Callable[[Resource], bool]) -> Iterator[str]:
    """Buckets whose module has no such resource that is fine."""
    for bucket in plan.of("aws_s3_bucket"):
        module = bucket.address.rpartition(".aws_s3_bucket")[0]
        mine = [r for r in plan.of(type_) if r.address.startswith(f"{module}.{type_}")]
        if not any(fine(r) for r in mine):
            yield bucket.address


def bucket_public(plan: Plan) -> Iterator[tuple[str, str]]:
    four = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    for address in _buckets_without(
        plan, "aws_s3_bucket_public_access_block", lambda r: all(r.values.get(name) for name in four)
    ):
        yield address, "may be made public: block all four ways"


def bucket_versions(plan: Plan) -> Iterator[tuple[str, str]]:
    def enabled(resource: Resource) -> bool:
        return bool(resource.block("versioning_configuration").get("status") == "Enabled")

    for address in _buckets_without(plan, "aws_s3_bucket_versioning", enabled):
        yield address, "keeps no versions: an overwritten object is gone"


def bucket_lifecycle(plan: Plan) -> Iterator[tuple[str, str]]:
    for address in _buckets_without(
        plan, "aws_s3_bucket_lifecycle_configuration", lambda r: bool(r.values.get("rule"))
    ):
        yield address, "grows for ever: it has no lifecycle"


def bucket_tls(plan: Plan) -> Iterator[tuple[str, str]]:
    denying = {
        resource.address.rpartition(".data.")[0] or resource.address.rpartition(".aws_s3_bucket_policy")[0]
        for resource, said in plan.statements()
        if said["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(said.get("Condition"))
    }
    for bucket in plan.of("aws_s3_bucket"):
        module = bucket.address.rpartition(".aws_s3_bucket")[0]
        attached = any(r.address.startswith(f"{module}.") for r in plan.of("aws_s3_bucket_policy"))
        if module not in denying or not attached:
            yield bucket.address, "may be read without TLS"


def table_recovery(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource in plan.of("aws_dynamodb_table"):
        if not resource.block("point_in_time_recovery").get("enabled"):
            yield resource.address, "cannot be brought back to a point in time"


def on_failure(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource in plan.of("aws_lambda_event_source_mapping"):
        known = (resource.block("destination_config").get("on_failure") or [{}])[0]
        unknown = (resource.unknown.get("destination_config") or [{}])[0]
        later = (unknown.get("on_failure") or [{}])[0] if isinstance(unknown, Mapping) else {}
        if not known.get("destination_arn") and not later.get("destination_arn"):
            yield resource.address, "drops what it gives up on: it has no on-failure destination"


def blocking(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource in plan.of("aws_lambda_event_source_mapping"):
        values = resource.values
        if not values.get("bisect_batch_on_function_error"):
            yield resource.address, "tries a whole batch again for one bad record: bisect it"
        retries, age_s = values.get("maximum_retry_attempts"), values.get("maximum_record_age_in_seconds")
        if retries is None or not 0 <= retries <= MOST_RETRIES:
            yield resource.address, f"tries a batch again {retries} times: a bad one blocks its shard"
        if age_s is None or not 60 <= age_s <= MOST_AGE_S:
            yield resource.address, f"keeps trying records up to the age {age_s}: a bad one blocks its shard"
        if "ReportBatchItemFailures" not in (values.get("function_response_types") or []):
            yield resource.address, "tries what is done again: report the items that failed"


def start(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource in plan.of("aws_lambda_event_source_mapping"):
        if resource.values.get("starting_position") != "TRIM_HORIZON":
            yield resource.address, "loses what was sent before it is up: start at TRIM_HORIZON"


def production(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource in plan.of("aws_dynamodb_table"):
        if _tags(resource).get("stage") == "prod" and not resource.values.get("deletion_protection_enabled"):
            yield resource.address, "is production and may be deleted"
    for resource in plan.of("aws_s3_bucket"):
        if _tags(resource).get("stage") == "prod" and resource.values.get("force_destroy"):
            yield resource.address, "is production and would be deleted with what is in it"


# ---- somebody knows


def logs(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource in plan.of("aws_cloudwatch_log_group"):
        if (resource.values.get("retention_in_days") or 0) < LEAST_LOG_DAYS:
            yield resource.address, f"keeps logs for ever, or for less than {LEAST_LOG_DAYS} days"
    known = {r.values.get("name") for r in plan.of("aws_cloudwatch_log_group")}
    for resource in plan.of("aws_lambda_function"):
        if f"/aws/lambda/{resource.values.get('function_name')}" not in known:
            yield resource.address, "has no log group of ours: Lambda makes one without retention and key"


def tracing(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource in plan.of("aws_lambda_function"):
        if resource.block("tracing_config").get("mode") != "Active":
            yield resource.address, "is not traced"


def alarms(plan: Plan) -> Iterator[tuple[str, str]]:
    there = plan.of("aws_cloudwatch_metric_alarm")
    for metric in ALARMED:
        if not any(r.values.get("metric_name") == metric for r in there):
            yield "alarms", f"nobody hears of {metric}"
    for resource in there:
        if not resource.given("alarm_actions") or resource.values.get("actions_enabled") is False:
            yield resource.address, "tells nobody"
        silent = resource.values.get("metric_name") in {"Accepted", "SilentDevices"}
        if silent and resource.values.get("treat_missing_data") != "breaching":
            yield resource.address, "is quiet when nothing is measured: missing data has to breach"


# ---- order


def tags(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource in plan.resources:
        if not resource.data and "tags_all" in {*resource.values, *resource.unknown}:
            missing = [tag for tag in TAGS if not _tags(resource).get(tag)]
            if missing:
                yield resource.address, f"has no tag {', '.join(missing)}"


def _tags(resource: Resource) -> Mapping[str, str]:
    return {**(resource.values.get("tags") or {}), **(resource.values.get("tags_all") or {})}


def names(plan: Plan) -> Iterator[tuple[str, str]]:
    for resource in plan.resources:
        said = _tags(resource)
        if resource.data or not said.get("project") or not said.get("stage"):
            continue
        wanted = f"{said['project']}-{said['stage']}"
        for attribute in NAMED:
            name = resource.values.get(attribute)
            if isinstance(name, str) and name.startswith("arn:"):
                name = name.rpartition(":")[2]  # a mapping names its function so, once that exists
            if isinstance(name, str) and not re.match(rf"(/aws/lambda/)?{re.escape(wanted)}(-|$)", name):
                yield resource.address, f"is called {name}, not {wanted}-..."


RULES: Mapping[str, Callable[[Plan], Iterator[tuple[str, str]]]] = {
    "wildcard-action": wildcard_actions,
    "wildcard-resource": wildcard_resources,
    "managed-policy": managed_policies,
    "open-to-all": open_to_all,
    "open-trust": trust_without_condition,
    "open-federation": open_federation,
    "unbounded-roles": unbounded_roles,
    "encryption": unencrypted,
    "key-rotation": key_rotation,
    "bucket-public": bucket_public,
    "bucket-versions": bucket_versions,
    "bucket-lifecycle": bucket_lifecycle,
    "bucket-tls": bucket_tls,
    "table-recovery": table_recovery,
    "on-failure": on_failure,
    "blocking": blocking,
    "start": start,
    "production": production,
    "logs": logs,
    "tracing": tracing,
    "alarms": alarms,
    "tags": tags,
    "names": names,
}


OF_THE_SYSTEM = frozenset({"alarms"})
"""Rules that demand something to be there, which the bucket of the states and the roles have not."""

WHOLE = {"system": "aws_lambda_event_source_mapping", "bootstrap": "aws_iam_role"}
"""What a plan has at least, beside a bucket, or it is of something else."""


def check(plan: Plan, part: str = "system") -> list[Finding]:
    """Every finding, rule by rule.

    Args:
        part: `system`, an environment; or `bootstrap`, the bucket of the states and the roles.

    Raises:
        ValueError: the plan has nothing that the rules speak of.
    """
    if not plan.of("aws_s3_bucket") or not plan.of(WHOLE[part]):
        raise ValueError(f"the plan has no bucket or no {WHOLE[part]}: this is not the {part}")
    rules = {name: rule for name, rule in RULES.items() if part == "system" or name not in OF_THE_SYSTEM}
    return [
        Finding(rule=name, address=address, says=says) for name, rule in rules.items() for address, says in rule(plan)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.policy", description=__doc__)
    parser.add_argument("plan", type=Path, help="what `terraform show -json PLAN` prints")
    parser.add_argument("--part", choices=WHOLE, default="system")
    said = parser.parse_args()
    try:
        found = check(Plan.read(json.loads(said.plan.read_text(encoding="utf-8"))), said.part)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    for finding in found:
        sys.stdout.write(f"{finding.rule}  {finding.address}: {finding.says}\n")
    sys.stdout.write(f"{len(RULES)} rules, {len(found)} findings\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
