"""Placeholder docstring: replaced by the sub-package."""
