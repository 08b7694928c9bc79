"""Scores recordings with a pushed model: `bonafide score`, from a checkout."""

from bonafide.cli import run_script

run_script("score")
