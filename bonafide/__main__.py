"""`python -m bonafide`, where the command is not on the PATH."""

from bonafide.cli import script

script()
