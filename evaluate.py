"""Evaluates the scores of any detector: `bonafide evaluate`, from a checkout."""

from bonafide.cli import run_script

run_script("evaluate")
