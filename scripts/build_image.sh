#!/usr/bin/env bash
# Builds the image of the pipeline's tasks with docker or podman.
#
#   scripts/build_image.sh             (make image calls it)
#   IMAGE=registry.example.org/ml/bonafide TARGET=gpu TAG=candidate scripts/build_image.sh
#   ENGINE=podman scripts/build_image.sh --pull    (further options are passed to the engine's build)
#
# The default TAG is the project's version and the git revision, for example 0.1.0-c83c859044a1, with
# -dirty if the checkout differs from the revision, and -TARGET for targets other than cpu.
set -euo pipefail

fail() { # PROBLEM REMEDY
  printf 'error: %s\nWhat to do: %s\n' "$1" "$2" >&2
  exit 1
}

cd -P "$(dirname "$0")/.."
image=${IMAGE:-bonafide}
target=${TARGET:-cpu}
case $target in
  cpu | gpu | beam-worker | score) ;;
  *) fail "TARGET is '$target'." "set it to cpu, gpu, beam-worker or score." ;;
esac

docker_works() { docker info >/dev/null 2>&1; }
engine=${ENGINE:-}
if [ -z "$engine" ]; then
  if docker_works; then
    engine=docker
  elif command -v podman >/dev/null; then
    engine=podman
  elif command -v docker >/dev/null; then
    fail "docker is installed, but its daemon does not answer." \
      "see 'docker info', start the daemon, or install podman, which needs no daemon."
  else
    fail "neither docker nor podman is installed." "install one of them (Debian: apt install podman)."
  fi
fi
command -v "$engine" >/dev/null || fail "ENGINE is '$engine', which is not installed." \
  "install it, or unset ENGINE."

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
revision=unknown
tag=$version
created=$(date -u +%Y-%m-%dT%H:%M:%SZ)
if [ -e .git ] && revision=$(git rev-parse HEAD); then
  # The date of the commit, not of the build: a revision always has the same labels, and BuildKit
  # uses it for the timestamps of the image.
  created=$(TZ=UTC0 git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
  export SOURCE_DATE_EPOCH
  tag=$version-${revision:0:12}
  [ -z "$(git status --porcelain)" ] || tag+=-dirty
fi
[ "$target" = cpu ] || tag+=-$target
name=$image:${TAG:-$tag}

options=(
  --platform linux/amd64 # TFX has no wheels for other platforms
  --target "$target" --tag "$name"
  --build-arg "VERSION=$version" --build-arg "REVISION=$revision"
  --build-arg "CREATED=$created"
)
case $(basename "$engine") in
  docker)
    docker buildx version >/dev/null 2>&1 ||
      fail "docker has no buildx, and its old builder cannot read this Dockerfile." \
        "install it (Debian 13: apt install docker-buildx), or podman."
    case " $* " in
      *" --push "* | *" --output"* | *" -o "*) ;;
      *) options+=(--load) ;;
    esac
    build=(docker buildx build)
    ;;
  *) build=("$engine" build) ;;
esac
echo "Building $name with $engine"
"${build[@]}" "${options[@]}" "$@" .
echo "Built $name"
