# MRT API by Terraform: uploads a release (`make release`) and deploys its template, so that both ways of deploying are one
# set of resources. How to use it: ../README.md, "Terraform".

locals {
  prefix = "mrt-api/${var.stack}/"
  # Only what is set: CloudFormation has the defaults.
  parameters = merge(
    { for name, value in var.parameters : name => value },
    { ArtifactBucket = var.artifact_bucket, ArtifactPrefix = local.prefix, Revision = substr(local.revision, 0, 16) },
  )
  # Whatever changes, functions publish a version with it, and their aliases move to that.
  revision = sha256(join("", [filesha256("${var.release}/template.yaml"), jsonencode(var.parameters)]))
  zips     = fileset(var.release, "functions/**/*.zip")
}

# A zip's name has its digest: what is there already is not uploaded again.
resource "aws_s3_object" "function" {
  for_each = local.zips

  bucket      = var.artifact_bucket
  key         = "${local.prefix}${each.value}"
  source      = "${var.release}/${each.value}"
  source_hash = filesha256("${var.release}/${each.value}")
}

resource "aws_s3_object" "template" {
  bucket      = var.artifact_bucket
  key         = "${local.prefix}template-${filesha256("${var.release}/template.yaml")}.yaml"
  source      = "${var.release}/template.yaml"
  source_hash = filesha256("${var.release}/template.yaml")
}

resource "aws_cloudformation_stack" "mrt" {
  name         = var.stack
  template_url = "https://${var.artifact_bucket}.s3.${data.aws_region.current.name}.${data.aws_partition.current.dns_suffix}/${aws_s3_object.template.key}"
  parameters   = local.parameters
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
  tags         = { application = "mrt-api" }

  depends_on = [aws_s3_object.function]

  # Lambda releases network interfaces late.
  timeouts {
    create = "90m"
    update = "90m"
    delete = "90m"
  }
}

data "aws_region" "current" {}
data "aws_partition" "current" {}
