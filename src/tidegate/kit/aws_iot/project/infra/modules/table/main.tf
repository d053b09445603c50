# The latest reading of each device.

resource "aws_dynamodb_table" "latest" {
  name                        = "${var.name}-latest"
  billing_mode                = var.billing_mode
  read_capacity               = local.provisioned ? var.read_capacity : null
  write_capacity              = local.provisioned ? var.write_capacity : null
  hash_key                    = "device_id"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "device_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  # A device that was taken away disappears; see RETIRED_AFTER_DAYS of the handler.
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }
}

locals {
  provisioned = var.billing_mode == "PROVISIONED"
  scaled = local.provisioned ? {
    read  = { dimension = "dynamodb:table:ReadCapacityUnits", metric = "DynamoDBReadCapacityUtilization", min = var.read_capacity }
    write = { dimension = "dynamodb:table:WriteCapacityUnits", metric = "DynamoDBWriteCapacityUtilization", min = var.write_capacity }
  } : {}
}

resource "aws_appautoscaling_target" "this" {
  for_each = local.scaled

  service_namespace  = "dynamodb"
  resource_id        = "table/${aws_dynamodb_table.latest.name}"
  scalable_dimension = each.value.dimension
  min_capacity       = each.value.min
  max_capacity       = max(var.max_capacity, each.value.min)
}

resource "aws_appautoscaling_policy" "this" {
  for_each = local.scaled

  name               = "${var.name}-latest-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = "dynamodb"
  resource_id        = aws_appautoscaling_target.this[each.key].resource_id
  scalable_dimension = each.value.dimension

  target_tracking_scaling_policy_configuration {
    target_value = 70

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
    }
  }
}
