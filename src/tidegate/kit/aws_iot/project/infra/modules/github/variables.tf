variable "name" {
  description = "Prefix of the names of roles and policies."
  type        = string
}

variable "project" {
  description = "The first part of every name of the system that is deployed."
  type        = string
}

variable "stages" {
  description = "The stages that GitHub deploys: each is a GitHub environment and the second part of every name."
  type        = list(string)
}

variable "repository" {
  description = "OWNER/NAME on GitHub; no other can take the roles."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$", var.repository))
    error_message = "The repository is OWNER/NAME, without wildcards."
  }
}

variable "create_provider" {
  description = "Whether to make the account's provider for GitHub; false where there is one."
  type        = bool
  default     = true
}

variable "state_bucket_arn" {
  description = "The bucket of the states."
  type        = string
}

variable "state_key_arn" {
  description = "The key of the states."
  type        = string
}
