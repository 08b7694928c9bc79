#!/usr/bin/env bash
# Fetches engines that Beam's steps are tested on, for those who have what it takes:
#
#   .engines/prism              Beam's portable engine for one machine; built by Go
#   .engines/flink-job-server.jar   Flink inside Beam's job server; fetched by Maven, run by Java
#
# Whatever cannot be had is named and left out; the tests that need it skip and say so.
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
    echo "Prism is left out: there is no Go to build it."
  elif GOBIN="$PWD/.engines" GOFLAGS=-mod=mod timeout 900 \
    go install "github.com/apache/beam/sdks/v2/go/cmd/prism@v$beam" >>"$log" 2>&1; then
    echo "Prism $beam is in .engines/prism."
  else
    echo "Prism is left out: Go could not build it (see $log)."
  fi
fi

if [ ! -e .engines/flink-job-server.jar ]; then
  artifact=org.apache.beam:beam-runners-flink-1.20-job-server:$beam
  if ! command -v mvn >/dev/null || ! command -v java >/dev/null; then
    echo "Flink is left out: Java 17 and Maven are needed."
  elif timeout 600 mvn -q -B dependency:get -Dtransitive=false -Dartifact="$artifact" \
    >>"$log" 2>&1 && timeout 100 mvn -q -B dependency:copy -Dartifact="$artifact" \
    -DoutputDirectory=.engines -Dmdep.stripVersion=true >>"$log" 2>&1; then
    mv .engines/beam-runners-flink-1.20-job-server.jar .engines/flink-job-server.jar
    echo "Flink's job server $beam is in .engines."
  else
    echo "Flink is left out: Maven found no $artifact (see $log)."
  fi
fi
