"""Ways to break the template's Terraform, each with the rule of the policy that has to tell it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A change of one module's text. `rule` has to find it at an address that contains `where`."""

    name: str
    module: str
    old: str
    new: str
    rule: str
    where: str
    file: str = "main.tf"
    part: str = "system"


def mutate(project: Path, mutation: Mutation) -> None:
    """Change the one place; an `old` that is not there exactly once is a mutation of nothing."""
    path = project / "infra" / mutation.module / mutation.file
    text = path.read_text(encoding="utf-8")
    assert text.count(mutation.old) == 1, f"{mutation.name}: {text.count(mutation.old)} places in {path}"
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")


PROCESSOR, ALARMS, BACKUP = "modules/processor", "modules/alarms", "modules/backup"
STATE, GITHUB = "modules/state", "modules/github"

FULL_ACCESS = """
resource "aws_iam_role_policy_attachment" "all" {
  role       = aws_iam_role.this["ingest"].name
  policy_arn = "arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"
}

# Who may do what"""

MUTATIONS = (
    Mutation(
        name="a full-access managed policy",
        module=PROCESSOR,
        old="\n# Who may do what",
        new=FULL_ACCESS,
        rule="managed-policy",
        where="aws_iam_role_policy_attachment.all",
    ),
    Mutation(
        name="every action of the table",
        module=PROCESSOR,
        old='actions   = ["dynamodb:PutItem"]',
        new='actions   = ["dynamodb:*"]',
        rule="wildcard-action",
        where="aws_iam_policy_document.ingest",
    ),
    Mutation(
        name="every table",
        module=PROCESSOR,
        old='actions   = ["dynamodb:Scan"]\n    resources = [var.table_arn]',
        new='actions   = ["dynamodb:Scan"]\n    resources = ["*"]',
        rule="wildcard-resource",
        where="aws_iam_policy_document.watch",
    ),
    Mutation(
        name="a topic that everybody publishes to",
        module=ALARMS,
        old='      type        = "Service"\n      identifiers = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]',
        new='      type        = "AWS"\n      identifiers = ["*"]',
        rule="open-to-all",
        where="alarms.data.aws_iam_policy_document.topic",
    ),
    Mutation(
        name="a role for any account",
        module=PROCESSOR,
        old="""
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
""",
        new="",
        rule="open-trust",
        where="aws_iam_role.this",
    ),
    Mutation(
        name="a stream that is not encrypted",
        module="modules/stream",
        old='encryption_type  = "KMS"',
        new='encryption_type  = "NONE"',
        rule="encryption",
        where="aws_kinesis_stream.readings",
    ),
    Mutation(
        name="a table with the key of AWS",
        module="modules/table",
        old="  server_side_encryption {\n    enabled     = true\n    kms_key_arn = var.kms_key_arn\n  }\n",
        new="",
        rule="encryption",
        where="aws_dynamodb_table.latest",
    ),
    Mutation(
        name="a bucket with the key of S3",
        module=BACKUP,
        old='sse_algorithm     = "aws:kms"\n      kms_master_key_id = var.kms_key_arn',
        new='sse_algorithm     = "AES256"',
        rule="encryption",
        where="aws_s3_bucket.this",
    ),
    Mutation(
        name="a queue that is not encrypted",
        module=PROCESSOR,
        old="  kms_master_key_id                 = var.kms_key_arn\n  kms_data_key_reuse_period_seconds = 300\n",
        new="",
        rule="encryption",
        where="aws_sqs_queue.dead_letters",
    ),
    Mutation(
        name="a key that is never rotated",
        module="modules/kms",
        old="enable_key_rotation     = true",
        new="enable_key_rotation     = false",
        rule="key-rotation",
        where="aws_kms_key.this",
    ),
    Mutation(
        name="a bucket that may be public",
        module=BACKUP,
        old="restrict_public_buckets = true",
        new="restrict_public_buckets = false",
        rule="bucket-public",
        where="aws_s3_bucket.this",
    ),
    Mutation(
        name="a bucket without versions",
        module=BACKUP,
        old='status = "Enabled"\n  }\n}\n\nresource "aws_s3_bucket_server_side',
        new='status = "Suspended"\n  }\n}\n\nresource "aws_s3_bucket_server_side',
        rule="bucket-versions",
        where="aws_s3_bucket.this",
    ),
    Mutation(
        name="a bucket without TLS",
        module=BACKUP,
        old='variable = "aws:SecureTransport"',
        new='variable = "aws:UserAgent"',
        rule="bucket-tls",
        where="aws_s3_bucket.this",
    ),
    Mutation(
        name="a bucket that grows for ever",
        module=BACKUP,
        old='resource "aws_s3_bucket_lifecycle_configuration" "this" {\n',
        new='resource "aws_s3_bucket_lifecycle_configuration" "this" {\n  count = 0\n',
        rule="bucket-lifecycle",
        where="aws_s3_bucket.this",
    ),
    Mutation(
        name="a table without point-in-time recovery",
        module="modules/table",
        old="  point_in_time_recovery {\n    enabled = true",
        new="  point_in_time_recovery {\n    enabled = false",
        rule="table-recovery",
        where="aws_dynamodb_table.latest",
    ),
    Mutation(
        name="no on-failure destination",
        module=PROCESSOR,
        old="""
  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.dead_letters.arn
    }
  }
""",
        new="",
        rule="on-failure",
        where="aws_lambda_event_source_mapping.readings",
    ),
    Mutation(
        name="batches that are tried for ever",
        module=PROCESSOR,
        old="maximum_retry_attempts             = var.retry_attempts",
        new="maximum_retry_attempts             = -1",
        rule="blocking",
        where="aws_lambda_event_source_mapping.readings",
    ),
    Mutation(
        name="batches that are not bisected",
        module=PROCESSOR,
        old="bisect_batch_on_function_error     = true",
        new="bisect_batch_on_function_error     = false",
        rule="blocking",
        where="aws_lambda_event_source_mapping.readings",
    ),
    Mutation(
        name="a start that loses what was sent before",
        module=PROCESSOR,
        old='starting_position                  = "TRIM_HORIZON"',
        new='starting_position                  = "LATEST"',
        rule="start",
        where="aws_lambda_event_source_mapping.readings",
    ),
    Mutation(
        name="logs for ever",
        module=PROCESSOR,
        old="retention_in_days = var.log_retention_days",
        new="retention_in_days = 0",
        rule="logs",
        where="aws_cloudwatch_log_group.this",
    ),
    Mutation(
        name="a handler that is not traced",
        module=PROCESSOR,
        old='mode = "Active"',
        new='mode = "PassThrough"',
        rule="tracing",
        where="aws_lambda_function.this",
    ),
    Mutation(
        name="no alarm for dead letters",
        module=ALARMS,
        old='metric = "ApproximateNumberOfMessagesVisible"',
        new='metric = "NumberOfMessagesSent"',
        rule="alarms",
        where="alarms",
    ),
    Mutation(
        name="alarms that nobody hears",
        module=ALARMS,
        old="  alarm_actions       = [aws_sns_topic.alarms.arn]\n",
        new="",
        rule="alarms",
        where='aws_cloudwatch_metric_alarm.this["errors"]',
    ),
    Mutation(
        name="an alarm that is quiet when nothing comes",
        module=ALARMS,
        old='breaching = var.no_data_min, missing = "breaching"',
        new='breaching = var.no_data_min, missing = "notBreaching"',
        rule="alarms",
        where='aws_cloudwatch_metric_alarm.this["no-data"]',
    ),
    Mutation(
        name="no owner",
        module="environments/dev",
        old="      owner      = var.owner\n",
        new="",
        rule="tags",
        where="aws_kinesis_stream.readings",
    ),
    Mutation(
        name="a name of its own",
        module="modules/stream",
        old='"${var.name}-readings"',
        new='"temperatures"',
        rule="names",
        where="aws_kinesis_stream.readings",
    ),
    Mutation(
        name="a role for every repository",
        module=GITHUB,
        old="""
    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = each.value
    }
""",
        new="",
        rule="open-federation",
        where="aws_iam_policy_document.trust",
        part="bootstrap",
    ),
    Mutation(
        name="an apply role without the approval of an environment",
        module=GITHUB,
        old='["repo:${var.repository}:environment:${stage}"]',
        new='["repo:${var.repository}:*"]',
        rule="open-federation",
        where='aws_iam_policy_document.trust["apply-prod"]',
        part="bootstrap",
    ),
    Mutation(
        name="an apply role that may give rights to itself",
        module=GITHUB,
        old="""
    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [aws_iam_policy.boundary[each.key].arn]
    }
""",
        new="",
        rule="unbounded-roles",
        where="github.aws_iam_role_policy.write",
        part="bootstrap",
    ),
    Mutation(
        name="states that are overwritten for good",
        module=STATE,
        old='status = "Enabled"\n  }\n}\n\nresource "aws_s3_bucket_server',
        new='status = "Suspended"\n  }\n}\n\nresource "aws_s3_bucket_server',
        rule="bucket-versions",
        where="state.aws_s3_bucket.this",
        part="bootstrap",
    ),
    Mutation(
        name="states that may be public",
        module=STATE,
        old="block_public_policy     = true",
        new="block_public_policy     = false",
        rule="bucket-public",
        where="state.aws_s3_bucket.this",
        part="bootstrap",
    ),
)
