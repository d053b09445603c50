# What GitHub Actions may do here, without a stored key: one role that reads, for plans and the search for drift, and one
# role a stage that changes it, given only to jobs of the GitHub environment of that name, which reviewers let through.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  issuer    = "token.actions.githubusercontent.com"
  provider  = var.create_provider ? aws_iam_openid_connect_provider.github[0].arn : "arn:${local.partition}:iam::${local.account}:oidc-provider/${local.issuer}"

  # Who may take which role: what GitHub signs as the subject of a job's token.
  subjects = merge(
    { plan = ["repo:${var.repository}:pull_request", "repo:${var.repository}:ref:refs/heads/main"] },
    { for stage in var.stages : "apply-${stage}" => ["repo:${var.repository}:environment:${stage}"] },
  )
  stages_of = merge({ plan = var.stages }, { for stage in var.stages : "apply-${stage}" => [stage] })
}

# An account has one provider for GitHub; where another system made it, set create_provider = false.
resource "aws_iam_openid_connect_provider" "github" {
  count = var.create_provider ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "trust" {
  for_each = local.subjects

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = each.value
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.subjects

  name                 = "${var.name}-${each.key}"
  description          = each.key == "plan" ? "Reads what is there; pull requests and the search for drift" : "Changes one stage; jobs of its GitHub environment"
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "state" {
  for_each = local.subjects

  name   = "state"
  role   = aws_iam_role.this[each.key].id
  policy = data.aws_iam_policy_document.state[each.key].json
}

# Reading a state needs its key; a plan locks it, an apply writes it, each only that of its stages.
data "aws_iam_policy_document" "state" {
  for_each = local.stages_of

  statement {
    sid       = "FindTheStates"
    actions   = ["s3:ListBucket"]
    resources = [var.state_bucket_arn]
  }

  statement {
    sid       = "ReadTheState"
    actions   = ["s3:GetObject"]
    resources = [for stage in each.value : "${var.state_bucket_arn}/${var.project}/${stage}/*"]
  }

  statement {
    sid       = "LockTheState"
    actions   = ["s3:DeleteObject", "s3:PutObject"]
    resources = [for stage in each.value : "${var.state_bucket_arn}/${var.project}/${stage}/*.tflock"]
  }

  dynamic "statement" {
    for_each = each.key == "plan" ? [] : each.value

    content {
      sid       = "WriteTheState"
      actions   = ["s3:PutObject"]
      resources = ["${var.state_bucket_arn}/${var.project}/${statement.value}/terraform.tfstate"]
    }
  }

  statement {
    sid       = "UseItsKeyThroughS3"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.state_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "read" {
  for_each = local.subjects

  name   = "read"
  role   = aws_iam_role.this[each.key].id
  policy = data.aws_iam_policy_document.read[each.key].json
}

data "aws_iam_policy_document" "read" {
  for_each = local.stages_of

  dynamic "statement" {
    for_each = local.services

    content {
      sid       = "Read${statement.key}"
      actions   = statement.value.read
      resources = flatten([for stage in each.value : [for arn in statement.value.arns : replace(arn, "NAME", "${var.project}-${stage}")]])
    }
  }

  # AWS knows no resource for these: they can only be allowed on all.
  statement {
    sid       = "ListWhatHasNoName"
    actions   = local.read_anywhere
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "write" {
  for_each = toset(var.stages)

  name   = "write"
  role   = aws_iam_role.this["apply-${each.key}"].id
  policy = data.aws_iam_policy_document.write[each.key].json
}

data "aws_iam_policy_document" "write" {
  for_each = toset(var.stages)

  dynamic "statement" {
    for_each = { for name, said in local.services : name => said if length(said.write) > 0 }

    content {
      sid       = "Write${statement.key}"
      actions   = statement.value.write
      resources = [for arn in statement.value.arns : replace(arn, "NAME", "${var.project}-${each.key}")]
    }
  }

  # A key has no name: a new one must carry the tags of the stage, and only what carries them can be changed.
  statement {
    sid       = "MakeAKey"
    actions   = ["kms:CreateKey", "kms:TagResource"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/stage"
      values   = [each.key]
    }
  }

  statement {
    sid = "ChangeTheKey"
    actions = [
      "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:CreateGrant", "kms:Decrypt", "kms:DeleteAlias", "kms:EnableKeyRotation", "kms:Encrypt",
      "kms:GenerateDataKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
      "kms:UpdateAlias", "kms:UpdateKeyDescription",
    ]
    resources = ["arn:${local.partition}:kms:${local.region}:${local.account}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/stage"
      values   = [each.key]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/project"
      values   = [var.project]
    }
  }

  # A mapping has no name either; it belongs to the function.
  statement {
    sid       = "ConnectTheStream"
    actions   = ["lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"]
    resources = ["*"]

    condition {
      test     = "ArnLike"
      variable = "lambda:FunctionArn"
      values   = ["arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.project}-${each.key}-*"]
    }
  }

  # Roles may be made and given rights only inside the boundary: who deploys cannot deploy more rights than that.
  statement {
    sid       = "MakeRolesInsideTheBoundary"
    actions   = ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
    resources = ["arn:${local.partition}:iam::${local.account}:role/${var.project}-${each.key}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [aws_iam_policy.boundary[each.key].arn]
    }
  }

  statement {
    sid       = "KeepRoles"
    actions   = ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"]
    resources = ["arn:${local.partition}:iam::${local.account}:role/${var.project}-${each.key}-*"]
  }

  statement {
    sid       = "GiveRolesToFunctions"
    actions   = ["iam:PassRole"]
    resources = ["arn:${local.partition}:iam::${local.account}:role/${var.project}-${each.key}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["lambda.amazonaws.com"]
    }
  }
}

# The most that a function of a stage can be given.
resource "aws_iam_policy" "boundary" {
  for_each = toset(var.stages)

  name        = "${var.name}-boundary-${each.key}"
  description = "The most that a function of ${var.project}-${each.key} may do, whatever its own policy says"
  policy      = data.aws_iam_policy_document.boundary[each.key].json
}

data "aws_iam_policy_document" "boundary" {
  for_each = toset(var.stages)

  statement {
    sid = "WhatFunctionsDo"
    actions = [
      "dynamodb:PutItem", "dynamodb:Scan", "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords",
      "kinesis:GetShardIterator", "kinesis:ListShards", "logs:CreateLogStream", "logs:PutLogEvents", "s3:PutObject", "sqs:SendMessage",
    ]
    resources = [for arn in local.data : replace(arn, "NAME", "${var.project}-${each.key}")]
  }

  # X-Ray knows no resources: these two actions can only be allowed on all.
  statement {
    sid       = "Trace"
    actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    resources = ["*"]
  }

  statement {
    sid       = "UseTheKeyOfTheStage"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["arn:${local.partition}:kms:${local.region}:${local.account}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/stage"
      values   = [each.key]
    }
  }
}
