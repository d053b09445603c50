# terraform -chdir=infra/bootstrap test: no account, no network, no server.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
  }

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::iot-bootstrap-state-123456789012" }
  }

  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/iot-bootstrap-boundary-dev" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/iot-bootstrap-plan" }
  }
}

variables {
  repository = "example/temperatures"
}

run "a_role_to_read_and_one_to_change_each_stage" {
  command = plan

  assert {
    condition     = toset(keys(output.roles)) == toset(["plan", "apply-dev", "apply-prod"])
    error_message = "Production has a role of its own."
  }

  assert {
    condition     = output.backend.bucket == "iot-bootstrap-state-123456789012"
    error_message = "A bucket's name is unique in the world: it ends with the account."
  }
}

run "refuses_a_repository_of_anybody" {
  command = plan

  variables {
    repository = "example/*"
  }

  expect_failures = [var.repository]
}

run "refuses_a_region_a_name_and_an_owner_that_are_none" {
  command = plan

  variables {
    region  = "Frankfurt"
    project = "A fleet"
    owner   = " "
  }

  expect_failures = [var.region, var.project, var.owner]
}
