variable "region" {
  description = "The AWS region of the states."
  type        = string
  default     = "eu-central-1"
}

variable "project" {
  description = "What the system is called, as in the environments."
  type        = string
  default     = "iot"
}

variable "stages" {
  description = "The folders of `environments`."
  type        = list(string)
  default     = ["dev", "prod"]

  validation {
    condition     = length(var.stages) > 0 && alltrue([for s in var.stages : contains(["dev", "test", "staging", "prod"], s)])
    error_message = "A stage is dev, test, staging or prod."
  }
}

variable "owner" {
  description = "The team that answers for it; a tag."
  type        = string
  default     = "data-platform"
}

variable "repository" {
  description = "OWNER/NAME of this repository on GitHub; no other can take the roles."
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
