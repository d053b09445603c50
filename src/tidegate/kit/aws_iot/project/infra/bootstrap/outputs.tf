output "backend" {
  description = "What `environments/*/backend.hcl` needs."
  value       = { bucket = module.state.bucket, region = var.region }
}

output "roles" {
  description = "For the settings of the repository: `plan` is AWS_PLAN_ROLE, `apply-<stage>` is AWS_APPLY_ROLE of that environment."
  value       = module.github.roles
}
