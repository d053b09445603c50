variable "name" {
  description = "Prefix of every name in the system."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that the table is encrypted with."
  type        = string
}

variable "billing_mode" {
  description = "PAY_PER_REQUEST scales by itself; PROVISIONED scales between the capacities below."
  type        = string
  default     = "PAY_PER_REQUEST"

  validation {
    condition     = contains(["PAY_PER_REQUEST", "PROVISIONED"], var.billing_mode)
    error_message = "The billing mode is PAY_PER_REQUEST or PROVISIONED."
  }
}

variable "read_capacity" {
  description = "The least read capacity of a PROVISIONED table."
  type        = number
  default     = 5

  validation {
    condition     = var.read_capacity >= 1
    error_message = "A table has at least 1 unit of capacity."
  }
}

variable "write_capacity" {
  description = "The least write capacity of a PROVISIONED table."
  type        = number
  default     = 25

  validation {
    condition     = var.write_capacity >= 1
    error_message = "A table has at least 1 unit of capacity."
  }
}

variable "max_capacity" {
  description = "The most capacity that a PROVISIONED table scales to."
  type        = number
  default     = 1000

  validation {
    condition     = var.max_capacity >= 1
    error_message = "A table has at least 1 unit of capacity."
  }
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted."
  type        = bool
  default     = true
}
