#!/usr/bin/env bash
# Fetches the engines for tests of the Beam steps, if their tools are installed:
#
#   .engines/prism                  Beam's portable engine for one machine; built with Go
#   .engines/flink-job-server.jar   Flink inside Beam's job server; fetched with Maven, run by Java
#
# Engines that cannot be fetched are reported; their tests skip with a reason.
set -euo pipefail
cd -P "$(dirname "$0")/.."
mkdir -p .engines
beam=$(sed -n '/^name = "apache-beam"$/{n;s/^version = "\(.*\)"$/\1/p}' uv.lock)
log=$(mktemp -t bonafide-engines.XXXXXX)

if [ "$(.engines/version 2>/dev/null || true)" != "$beam" ]; then
  rm -rf .engines/*
  printf '#!/bin/sh\necho %s\n' "$beam" >.engines/version
  chmod +x .engines/version
fi

if [ ! -x .engines/prism ]; then
  if ! command -v go >/dev/null; then
    echo "Prism is skipped: Go is not installed."
  elif GOBIN="$PWD/.engines" GOFLAGS=-mod=mod timeout 900 \
    go install "github.com/apache/beam/sdks/v2/go/cmd/prism@v$beam" >>"$log" 2>&1; then
    echo "Prism $beam is in .engines/prism."
  else
    echo "Prism is skipped: the build failed (see $log)."
  fi
fi

if [ ! -e .engines/flink-job-server.jar ]; then
  artifact=org.apache.beam:beam-runners-flink-1.20-job-server:$beam
  if ! command -v mvn >/dev/null || ! command -v java >/dev/null; then
    echo "Flink is skipped: Java 17 and Maven are required."
  elif timeout 600 mvn -q -B dependency:get -Dtransitive=false -Dartifact="$artifact" \
    >>"$log" 2>&1 && timeout 100 mvn -q -B dependency:copy -Dartifact="$artifact" \
    -DoutputDirectory=.engines -Dmdep.stripVersion=true >>"$log" 2>&1; then
    mv .engines/beam-runners-flink-1.20-job-server.jar .engines/flink-job-server.jar
    echo "Flink's job server $beam is in .engines."
  else
    echo "Flink is skipped: Maven could not fetch $artifact (see $log)."
  fi
fi
