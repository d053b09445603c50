variable "region" {
  description = "The AWS region."
  type        = string
  default     = "eu-central-1"
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
}

variable "package" {
  description = "The Lambda package, from this folder."
  type        = string
  default     = "../../../build/ingest.zip"
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
}
