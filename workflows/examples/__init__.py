"""Workflows that a fresh server starts with: one folder per example, its definitions beside its sample inputs."""
