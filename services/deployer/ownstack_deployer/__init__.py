"""The deployer: claims jobs, drives stacks, and reports. The only one that touches a stack."""
