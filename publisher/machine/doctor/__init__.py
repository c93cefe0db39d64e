"""Diagnosis of a machine, an index and a project: one module for each group of checks."""
