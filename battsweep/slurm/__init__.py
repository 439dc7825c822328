"""Slurm allocations: what this process was given by the cluster it runs on."""
