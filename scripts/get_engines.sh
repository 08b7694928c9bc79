#!/usr/bin/env bash
# Fetches the engines for tests of the Beam steps, if their tools are installed:
#
#   .engines/prism                  Beam's portable engine for one machine; built with Go
#   .engines/boot                   the program that starts a Python worker in a container; with Go
#   .engines/flink-job-server.jar   Flink, and Beam's job server for it; fetched with Maven, run by
#                                   Java. .engines/flink/lib also contains what a cluster runs.
#   .engines/spark-job-server.jar   the same with Spark, if WITH_SPARK=1
#
# The job servers are made from Beam's thin runners (scripts/engines/pom.xml), 67 and 140 jars of
# 110 and 220 MB. Engines that cannot be fetched are reported; their tests skip with a reason.
set -euo pipefail
cd -P "$(dirname "$0")/.."
mkdir -p .engines
beam=$(sed -n '/^name = "apache-beam"$/{n;s/^version = "\(.*\)"$/\1/p}' uv.lock)
recipe=$(cat scripts/engines/* | sha256sum | cut -c1-12)
log=$(mktemp -t bonafide-engines.XXXXXX)

if [ "$(.engines/version 2>/dev/null || true)" != "$beam $recipe" ]; then
  rm -rf .engines/*
  printf '#!/bin/sh\necho %s %s\n' "$beam" "$recipe" >.engines/version
  chmod +x .engines/version
fi

get_go_program() { # NAME FILE PACKAGE
  [ ! -x ".engines/$2" ] || return 0
  local folder
  folder=$(mktemp -d -p .engines)
  if ! command -v go >/dev/null; then
    echo "$1 is skipped: Go is not installed."
  elif GOBIN="$PWD/$folder" GOFLAGS=-mod=mod timeout 900 \
    go install "github.com/apache/beam/sdks/v2/$3@v$beam" >>"$log" 2>&1; then
    mv "$folder/$(basename "$3")" ".engines/$2"
    echo "$1 $beam is in .engines/$2."
  else
    echo "$1 is skipped: the build failed (see $log)."
  fi
  rmdir "$folder" 2>/dev/null || rm -rf "$folder"
}

get_job_server() { # ENGINE CLASS
  local jar=.engines/$1-job-server.jar folder=.engines/$1
  [ ! -e "$jar" ] || return 0
  if ! command -v mvn >/dev/null || ! command -v javac >/dev/null; then
    echo "The job server of $1 is skipped: Java 17 (with javac) and Maven are required."
    return 0
  fi
  rm -rf "$folder"
  if timeout 900 mvn -q -B -f scripts/engines/pom.xml -P "$1" dependency:copy-dependencies \
    -DoutputDirectory="$PWD/$folder/lib" >>"$log" 2>&1 &&
    javac -cp "$folder/lib/*" -d "$folder/classes" "scripts/engines/$2.java" >>"$log" 2>&1; then
    python3 scripts/engines/job_server_jar.py "$2" "$folder" "$jar"
    echo "The job server of $1 is in $jar."
  else
    echo "The job server of $1 is skipped: Maven could not fetch it (see $log)."
  fi
}

get_go_program Prism prism go/cmd/prism
get_go_program "Beam's boot" boot python/container
get_job_server flink FlinkJobServer
if [ "${WITH_SPARK:-}" = 1 ]; then
  get_job_server spark SparkJobServer
fi
