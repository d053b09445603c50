# Where devices send to. A record stays for `retention_hours`, whether it was read or not: that is the time to repair a consumer.

resource "aws_kinesis_stream" "readings" {
  name             = "${var.name}-readings"
  retention_period = var.retention_hours
  shard_count      = var.mode == "PROVISIONED" ? var.shards : null
  encryption_type  = "KMS"
  kms_key_id       = var.kms_key_arn

  shard_level_metrics = var.shard_level_metrics

  stream_mode_details {
    stream_mode = var.mode
  }
}
