#!/usr/bin/env bash
# Creates .venv from uv.lock, or detects in well under a second that it is up to date.
#
#   scripts/setup_env.sh            (called by make run, make test and others)
#   PYTHON=python3.12 scripts/setup_env.sh
#   GPU=1 scripts/setup_env.sh      (with CUDA's libraries, GPU=0 without; the choice is stored. The
#                                    default is with them if a driver is loaded.)
#
# A stamp inside .venv, written last, is a hash of its sources. An environment with the stamp of
# an older lock is updated; one without a stamp (interrupted) or with missing packages
# (broken) is created again, from uv's cache of downloads.
set -euo pipefail

fail() { # PROBLEM REMEDY
  printf 'error: %s\nWhat to do: %s\n' "$1" "$2" >&2
  exit 1
}
suitable="use x86-64 Linux with glibc 2.38 or newer (Debian 13, Ubuntu 24.04), or a container of
one, such as python:3.11-slim-trixie with g++ and make."
[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] ||
  fail "TFX publishes wheels for x86-64 Linux only; this is $(uname -s) on $(uname -m)." "$suitable"
host_glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null) ||
  fail "the wheels need glibc, and this machine has another C library (musl?)." "$suitable"
host_glibc=${host_glibc#glibc }

cd -P "$(dirname "$0")/.."
venv=.venv
stamp=$venv/.made-from
uv_version=0.13.9
uv_oldest=0.9.0 # the oldest version tested with this lock
choice=$venv/.gpu # the last value of GPU=

# An activated .venv must not become its own base Python; and
# without bytecode, `import tfx` takes a minute in every Beam worker.
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE
PATH=$(tr : '\n' <<<"$PATH" | grep -vxF -e "$PWD/.venv/bin" -e "$PWD/.uv/bin" | paste -sd :)

older_than() { [ "$1" != "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }
# Fast (0.2 s): it only checks the packages' __init__ files; `imports` below is thorough.
python_works() {
  "$venv/bin/python" -I -c 'import sys, numpy
from importlib.util import find_spec
names = """apache_beam keras kfp ml_metadata rich soundfile soxr tensorboard tensorflow
tensorflow_data_validation tensorflow_model_analysis tensorflow_transform tf_keras tfx tfx_bsl"""
missing = [name for name in names.split() if not getattr(find_spec(name), "origin", None)]
if missing: sys.exit(f"not installed: {missing}")'
}
if [ -n "${GPU:-}" ]; then
  gpu=$GPU
elif [ -e "$choice" ]; then
  gpu=$(cat "$choice")
else
  gpu=$([ -e /proc/driver/nvidia/version ] && echo 1 || echo 0)
fi
case $gpu in 0 | 1) ;; *) fail "GPU is '$gpu'." "set it to 1 (with CUDA's libraries) or 0." ;; esac
keep_choice() { [ -z "${GPU:-}" ] || echo "$gpu" >"$choice"; }
wanted=$(
  { sha256sum uv.lock pyproject.toml scripts/setup_env.sh scripts/newer_glibc.sh
    echo "$PWD $host_glibc ${PYTHON:-} $gpu"
  } | sha256sum | cut -d' ' -f1
)
is_ready() { [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && python_works >/dev/null 2>&1; }

if is_ready; then keep_choice; exit 0; fi
exec 9>.setup.lock
flock -n 9 || { echo "Waiting for another set-up in this folder"; flock 9; }
if is_ready; then keep_choice; exit 0; fi

# Prints the microseconds of a loop and the path of a suitable Python; nothing for others.
time_python() {
  "$1" -c 'import sys, time, venv, ensurepip
if not (3, 11) <= sys.version_info[:2] <= (3, 13): sys.exit(1)
def microseconds():
    begun = time.perf_counter()
    for _ in range(200_000): pass
    return round(1e6 * (time.perf_counter() - begun))
print(min(microseconds() for _ in range(9)), sys.executable)' 2>/dev/null
}
has_headers() {
  "$1" -c 'import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").is_file())'
}
# The first suitable name. Of several builds, the fastest if it is much faster: a build without
# profile-guided optimisation, pyenv's default, is a third slower in everything.
find_python() {
  local name path found kept best="" least=""
  kept=$(cat "$venv/.base" 2>/dev/null) || true
  kept=${kept#"$PWD "}
  if [ -z "${PYTHON:-}" ] && [ -n "$kept" ] && time_python "$kept" >/dev/null; then
    echo "$kept"
    return
  fi
  for name in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
    while read -r path; do
      found=$(time_python "$path") || continue
      [ -n "$found" ] || continue
      if [ -z "$best" ] ||
        { [ $((${found%% *} * 100)) -lt $((least * 85)) ] && has_headers "$path"; }; then
        least=${found%% *} best=${found#* }
      fi
    done < <(type -ap "$name")
    [ -z "$best" ] || { echo "$best"; return; }
  done
  return 1
}
base_python=$(find_python) ||
  fail "no Python 3.11, 3.12 or 3.13 with the venv module was found
(looked for ${PYTHON:-python3.11, python3.12, python3.13, python3})." \
    "install one (Debian: apt install python3 python3-venv python3-dev) or set PYTHON=/path."
# For pyfarmhash, which has no wheel.
command -v g++ >/dev/null ||
  fail "g++ is required to build pyfarmhash." "install it (Debian: apt install g++)."
has_headers "$base_python" ||
  fail "the headers (Python.h) of $base_python are required to build pyfarmhash." \
    "install them (Debian: apt install python3-dev)."

uv_is_suitable() {
  local version
  version=$("$1" --version 2>/dev/null | cut -d' ' -f2) && ! older_than "$version" "$uv_oldest"
}
uv=uv
if ! uv_is_suitable "$uv"; then
  uv=.uv/bin/uv
  if ! uv_is_suitable "$uv"; then
    echo "uv $uv_oldest or newer is not installed: fetching it from PyPI into .uv"
    rm -rf .uv
    "$base_python" -m venv .uv
    .uv/bin/python -m pip install -q --disable-pip-version-check "uv==$uv_version" ||
      fail "uv could not be fetched, see above." "check the access to PyPI, or install uv."
  fi
fi

make_venv() {
  echo "Making $venv with $base_python"
  if older_than "$host_glibc" 2.38; then
    bash scripts/newer_glibc.sh "$base_python" "$venv"
  else
    rm -rf "$venv"
    "$uv" venv -q --python "$base_python" "$venv"
  fi
  echo "$PWD $base_python" >"$venv/.base"
}
install() {
  local extra=(--extra pipeline) size="3.7 GB"
  [ "$gpu" != 1 ] || extra+=(--extra gpu) size="7 GB with CUDA"
  echo "Installing the locked packages into $venv ($size, once)"
  UV_PROJECT_ENVIRONMENT="$PWD/$venv" "$uv" sync --frozen --compile-bytecode --no-progress --quiet \
    --python "$venv/bin/python" "${extra[@]}"
}
imports() { "$venv/bin/python" -c 'import ml_metadata, tensorflow_data_validation, tfx, numpy'; }

started=$SECONDS
# Only an intact environment can be updated: uv treats a package of which an
# interrupted run wrote a part, or that lost files later, as installed. uv caches downloads.
if ! [ -e "$stamp" ] || [ "$(cat "$venv/.base" 2>/dev/null)" != "$PWD $base_python" ] ||
  ! python_works >/dev/null 2>&1; then
  [ ! -e "$venv" ] || echo "$venv is incomplete, broken or made from another Python"
  make_venv
fi
rm -f "$stamp"
install
if ! { imports && python_works; } >"$venv/.imports.log" 2>&1; then
  cat "$venv/.imports.log" >&2
  fail "the environment was installed but does not import, see above." \
    "try again, which creates it anew; if it fails again, report the lines above."
fi
keep_choice
echo "$wanted" >"$stamp"
echo "Environment ready after $((SECONDS - started)) s: $(du -sh "$venv" | cut -f1) in $venv"
