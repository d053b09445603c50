variable "region" {
  description = "The AWS region of the states."
  type        = string
  default     = "eu-central-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region is called like eu-central-1."
  }
}

variable "project" {
  description = "What the system is called, as in the environments."
  type        = string
  default     = "iot"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.project))
    error_message = "A project is 2 to 20 lower case letters, digits and hyphens, a letter first: a bucket's name is made of it."
  }
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

  validation {
    condition     = length(trimspace(var.owner)) > 0
    error_message = "Somebody has to answer for it."
  }
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
