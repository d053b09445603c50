variable "region" {
  description = "The AWS region."
  type        = string
  default     = "eu-central-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region is called like eu-central-1."
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

variable "emails" {
  description = "Who hears of alarms."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for e in var.emails : can(regex("^[^@ ]+@[^@ ]+$", e))])
    error_message = "Each is an e-mail address."
  }
}

variable "package" {
  description = "The Lambda package, from this folder."
  type        = string
  default     = "../../../build/ingest.zip"

  validation {
    condition     = endswith(var.package, ".zip")
    error_message = "The package is a zip file, which `make package` builds."
  }
}

variable "bounded" {
  description = "Whether functions get the permissions boundary of infra/bootstrap; the workflows set it."
  type        = bool
  default     = false
}

variable "monthly_budget_usd" {
  description = "Costs a month that are expected; 0 for no budget."
  type        = number
  default     = 500

  validation {
    condition     = var.monthly_budget_usd >= 0
    error_message = "A budget is not negative."
  }
}
