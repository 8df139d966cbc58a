output "outputs" {
  description = "Outputs of the stack, by name: ApiUrl, TokenUrl, DatabaseSecurityGroup and so on"
  value       = aws_cloudformation_stack.mrt.outputs
}
