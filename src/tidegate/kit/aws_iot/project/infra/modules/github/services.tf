# Every action that the modules need, by service: a plan needs `read`, an apply `write` too. NAME is <project>-<stage>.

locals {
  here = "${local.region}:${local.account}"

  data = [
    "arn:${local.partition}:dynamodb:${local.here}:table/NAME-*",
    "arn:${local.partition}:kinesis:${local.here}:stream/NAME-*",
    "arn:${local.partition}:logs:${local.here}:log-group:/aws/lambda/NAME-*",
    "arn:${local.partition}:s3:::NAME-*",
    "arn:${local.partition}:sqs:${local.here}:NAME-*",
  ]

  read_anywhere = [
    "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies", "application-autoscaling:ListTagsForResource",
    "kinesis:DescribeLimits", "kms:ListAliases", "lambda:GetEventSourceMapping", "lambda:ListEventSourceMappings", "logs:DescribeLogGroups",
  ]

  services = {
    Alarms = {
      arns  = ["arn:${local.partition}:cloudwatch:${local.here}:alarm:NAME-*", "arn:${local.partition}:cloudwatch::${local.account}:dashboard/NAME"]
      read  = ["cloudwatch:DescribeAlarms", "cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource"]
      write = ["cloudwatch:DeleteAlarms", "cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"]
    }
    Bucket = {
      arns = ["arn:${local.partition}:s3:::NAME-*"]
      read = [
        "s3:GetAccelerateConfiguration", "s3:GetBucketAcl", "s3:GetBucketCORS", "s3:GetBucketLogging", "s3:GetBucketObjectLockConfiguration",
        "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock", "s3:GetBucketRequestPayment", "s3:GetBucketTagging",
        "s3:GetBucketVersioning", "s3:GetBucketWebsite", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration",
        "s3:GetReplicationConfiguration", "s3:ListBucket",
      ]
      write = [
        "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketTagging", "s3:PutBucketVersioning", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
      ]
    }
    Budget = {
      arns  = ["arn:${local.partition}:budgets::${local.account}:budget/NAME-*"]
      read  = ["budgets:ListTagsForResource", "budgets:ViewBudget"]
      write = ["budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource"]
    }
    Functions = {
      arns = ["arn:${local.partition}:lambda:${local.here}:function:NAME-*"]
      read = ["lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig", "lambda:GetFunctionConfiguration", "lambda:GetPolicy", "lambda:ListTags", "lambda:ListVersionsByFunction"]
      write = [
        "lambda:AddPermission", "lambda:CreateFunction", "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency", "lambda:PutFunctionConcurrency",
        "lambda:RemovePermission", "lambda:TagResource", "lambda:UntagResource", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
      ]
    }
    Keys = {
      arns  = ["arn:${local.partition}:kms:${local.here}:key/*", "arn:${local.partition}:kms:${local.here}:alias/NAME"]
      read  = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"]
      write = []
    }
    KeyNames = {
      arns  = ["arn:${local.partition}:kms:${local.here}:alias/NAME"]
      read  = ["kms:DescribeKey"]
      write = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]
    }
    Logs = {
      arns  = ["arn:${local.partition}:logs:${local.here}:log-group:/aws/lambda/NAME-*"]
      read  = ["logs:ListTagsForResource"]
      write = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource"]
    }
    Queue = {
      arns  = ["arn:${local.partition}:sqs:${local.here}:NAME-*"]
      read  = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"]
      write = ["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"]
    }
    Roles = {
      arns  = ["arn:${local.partition}:iam::${local.account}:role/NAME-*"]
      read  = ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies"]
      write = []
    }
    Schedule = {
      arns  = ["arn:${local.partition}:events:${local.here}:rule/NAME-*"]
      read  = ["events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule"]
      write = ["events:DeleteRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:TagResource", "events:UntagResource"]
    }
    Stream = {
      arns = ["arn:${local.partition}:kinesis:${local.here}:stream/NAME-*"]
      read = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:ListTagsForStream"]
      write = [
        "kinesis:AddTagsToStream", "kinesis:CreateStream", "kinesis:DecreaseStreamRetentionPeriod", "kinesis:DeleteStream", "kinesis:DisableEnhancedMonitoring",
        "kinesis:EnableEnhancedMonitoring", "kinesis:IncreaseStreamRetentionPeriod", "kinesis:RemoveTagsFromStream", "kinesis:StartStreamEncryption",
        "kinesis:UpdateShardCount", "kinesis:UpdateStreamMode",
      ]
    }
    Table = {
      arns = ["arn:${local.partition}:dynamodb:${local.here}:table/NAME-*"]
      read = ["dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:ListTagsOfResource"]
      write = [
        "dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive",
      ]
    }
    TableScaling = {
      arns  = ["arn:${local.partition}:application-autoscaling:${local.here}:scalable-target/*"]
      read  = ["application-autoscaling:ListTagsForResource"]
      write = ["application-autoscaling:DeleteScalingPolicy", "application-autoscaling:DeregisterScalableTarget", "application-autoscaling:PutScalingPolicy", "application-autoscaling:RegisterScalableTarget", "application-autoscaling:TagResource"]
    }
    Topic = {
      arns  = ["arn:${local.partition}:sns:${local.here}:NAME-*"]
      read  = ["sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListTagsForResource"]
      write = ["sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:Unsubscribe", "sns:UntagResource"]
    }
  }
}
