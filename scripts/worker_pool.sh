#!/usr/bin/env bash
# Starts a pool of Python workers beside a TaskManager or Spark worker, for
# beam.environment=external:localhost:PORT:
#
#   scripts/worker_pool.sh                 port 50000, for processes of this machine only
#   scripts/worker_pool.sh --port 50001    a second pool, if a second TaskManager runs here
#
# One pool for each TaskManager, on the same port of every machine. The workers run the code and the
# environment of this checkout, from which the pipeline must be started, too.
set -euo pipefail
cd -P "$(dirname "$0")/.."
if [ ! -x .venv/bin/python ]; then
  printf 'error: expected .venv, the environment of this checkout.\nWhat to do: make env\n' >&2
  exit 1
fi
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} PATH=$PWD/.venv/bin:$PATH
exec .venv/bin/python -m bonafide.engines.worker_pool "$@"
