#!/usr/bin/env bash
# Runs the unit tests on other versions of Python, each in a copy of this checkout.
#
#   scripts/test_pythons.sh                                  (3.12 and 3.13; make test-pythons)
#   PYTHONS=3.13 scripts/test_pythons.sh tests/bonafide -x   (further arguments are pytest's)
#
# A copy has an environment of its own from uv.lock (3.7 GB) and is kept for the next time, in
# $TEST_PYTHONS_DIR (by default ~/.cache/bonafide-pythons). The copies contain the tracked and the new
# files as they are, without ignored ones. A Python that is not installed is fetched by uv.
set -euo pipefail

cd -P "$(dirname "$0")/.."
read -ra versions <<<"${PYTHONS:-3.12 3.13}"
folder=${TEST_PYTHONS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/bonafide-pythons}
uv=$(command -v uv || echo "$PWD/.uv/bin/uv")

# Prints the path of a Python of this version. Shims of version managers may be on PATH and not run.
find_python() {
  local found
  for found in $(type -ap "python$1"); do
    "$found" -c 'import sys; print(sys.executable)' 2>/dev/null && return
  done
  "$uv" python find --quiet "$1" 2>/dev/null ||
    { "$uv" python install --quiet "$1" >&2 && "$uv" python find --quiet "$1"; }
}

# Copies the files of this checkout; the environment of an earlier copy stays.
copy_to() {
  mkdir -p "$1"
  find "$1" -mindepth 1 -maxdepth 1 ! -name .venv ! -name .uv -exec rm -rf {} +
  git ls-files -z --cached --others --exclude-standard |
    tar --create --null --files-from=- --ignore-failed-read 2>/dev/null |
    tar --extract --directory "$1"
}

results=()
status=0
for version in "${versions[@]}"; do
  if ! python=$(find_python "$version"); then
    results+=("Python $version: not found; install it, or install uv, which fetches it")
    status=1
    continue
  fi
  copy=$folder/$version
  copy_to "$copy"
  echo "== Python $version ($python) in $copy"
  # pytest's exit code and its last line; the whole output is on the screen.
  if PYTHON=$python make --no-print-directory -C "$copy" test-fast ARGS="${*@Q}" 2>&1 |
    tee "$copy/.test-pythons.log"; then
    outcome=passed
  else
    outcome=FAILED status=1
  fi
  results+=("Python $version: $outcome; $(grep -a ' in [0-9.]*s' "$copy/.test-pythons.log" | tail -n 1)")
done
printf '\n'
printf '%s\n' "${results[@]}"
exit "$status"
