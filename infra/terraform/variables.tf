variable "stack" {
  description = "Name of the stack: 1 to 44 letters, digits and hyphens"
  type        = string
  default     = "mrt"

  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9-]{0,43}$", var.stack))
    error_message = "The name has 1 to 44 letters, digits and hyphens, with a letter first."
  }
}

variable "release" {
  description = "Folder of a release: template.yaml, functions/ and SHA256SUMS"
  type        = string
}

variable "artifact_bucket" {
  description = "Bucket in the stack's region that receives the release"
  type        = string
}

variable "parameters" {
  description = "Parameters of the template, by name; lists as text with commas. What is left out has its default"
  type        = map(string)

  validation {
    condition     = contains(keys(var.parameters), "FleetBucket")
    error_message = "FleetBucket is required."
  }
  validation {
    condition     = length(setintersection(keys(var.parameters), ["ArtifactBucket", "ArtifactPrefix", "Revision"])) == 0
    error_message = "ArtifactBucket, ArtifactPrefix and Revision are set by this module: use artifact_bucket."
  }
  validation {
    condition     = length(setsubtract(keys(var.parameters), local.declared)) == 0
    error_message = "A parameter is not one of the template's."
  }
}
