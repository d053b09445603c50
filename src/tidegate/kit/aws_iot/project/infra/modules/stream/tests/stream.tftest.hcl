mock_provider "aws" {}

variables {
  name        = "iot-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
}

run "on_demand_has_no_shards_of_its_own" {
  command = plan

  assert {
    condition     = aws_kinesis_stream.readings.stream_mode_details[0].stream_mode == "ON_DEMAND"
    error_message = "A stream scales by itself unless told otherwise."
  }

  assert {
    condition     = aws_kinesis_stream.readings.encryption_type == "KMS"
    error_message = "The stream is encrypted."
  }
}

run "provisioned_has_the_shards_it_is_told" {
  command = plan

  variables {
    mode   = "PROVISIONED"
    shards = 3
  }

  assert {
    condition     = aws_kinesis_stream.readings.shard_count == 3
    error_message = "The number of shards is a variable."
  }
}
