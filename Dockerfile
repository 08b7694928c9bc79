# The image of all tasks of the pipeline; docs/image.md explains how to build and use it.
#
#   make image                  the target cpu, which is the default
#   make image TARGET=gpu       with CUDA's libraries
#   make image TARGET=beam-worker   workers of Dataflow, Flink or Spark
#   make image TARGET=score     `bonafide score` and `bonafide serve` alone
#
# The base is Debian 13, because the wheels of TFX need glibc 2.38, with Python 3.11, the version of
# the tests (the pipeline was also run once with Python 3.13). CUDA's libraries come from PyPI, so
# that both targets share the base. For reproducible builds, pin the base by digest:
# --build-arg BASE=docker.io/library/python:3.11-slim-trixie@sha256:...
ARG BASE=docker.io/library/python:3.11-slim-trixie

# --- Build stage: installs the packages; not part of the image.
FROM ${BASE} AS build
# For pyfarmhash, which has no wheel. Debian's stable release has one version of g++.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
# The version of scripts/setup_env.sh, from PyPI like the packages: no other registry is needed.
ARG UV_VERSION=0.13.9
RUN python -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check "uv==${UV_VERSION}"
# Without bytecode, `import tfx` takes a minute in every pod, and pods cannot write it. It is
# not validated against the sources, because a build that sets timestamps would make it stale.
# LDFLAGS: no debug symbols, which contain a folder that differs between builds.
ENV PATH=/opt/uv/bin:$PATH \
    LDFLAGS=-s \
    UV_PROJECT_ENVIRONMENT=/opt/venv \
    UV_PYTHON=python3.11 \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1 \
    UV_NO_PROGRESS=1 \
    PYC_INVALIDATION_MODE=UNCHECKED_HASH
WORKDIR /build
COPY pyproject.toml uv.lock ./

# TensorFlow's C++ headers (430 MB, 18,000 files) are for compiling operations only. The lock file
# belongs to uv and is world-writable.
FROM build AS packages-cpu
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-dev --no-install-project --extra pipeline \
    && rm -r /opt/venv/lib/python3.11/site-packages/tensorflow/include \
    && rm -f /opt/venv/.lock

FROM build AS packages-gpu
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-dev --no-install-project --extra pipeline --extra gpu \
    && rm -r /opt/venv/lib/python3.11/site-packages/tensorflow/include \
    && rm -f /opt/venv/.lock

# Beam's boot asks pip whether Beam is installed, and ends without pip.
FROM build AS packages-beam-worker
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-dev --no-install-project --extra pipeline --extra beam-worker \
    && rm -r /opt/venv/lib/python3.11/site-packages/tensorflow/include \
    && rm -f /opt/venv/.lock

FROM build AS packages-score
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-dev --no-install-project --extra service --extra stores \
    && rm -r /opt/venv/lib/python3.11/site-packages/tensorflow/include \
    && rm -f /opt/venv/.lock

# The program that starts a worker in a container, of the Beam in uv.lock.
FROM docker.io/library/golang:1.25-trixie AS boot
ARG BEAM_VERSION=2.77.0
RUN GOBIN=/opt CGO_ENABLED=0 GOFLAGS=-mod=mod \
    go install "github.com/apache/beam/sdks/v2/python/container@v${BEAM_VERSION}"

# --- The code: top-level modules that tasks import, and their data files.
FROM ${BASE} AS code
WORKDIR /opt/bonafide
COPY bonafide bonafide
COPY components components
COPY models models
COPY pipeline pipeline
COPY schema schema
COPY LICENSE pyproject.toml evaluate.py local_runner.py report_artifacts.py ./
# 1,280 clips for the preset `sample`, so that the image can be tested on any cluster. They are
# a separate layer, which does not change with the code.
COPY samples /samples
# Permissions must not depend on the checkout's umask. Bytecode is validated here, so that mounted
# sources take effect.
RUN chmod -R u=rwX,go=rX . /samples \
    && python -m compileall -q --invalidation-mode checked-hash .

# --- Common to both targets.
FROM ${BASE} AS runtime
# The official image has no bytecode of Python's standard library.
# A world-writable home, because clusters choose user and group ids.
RUN python -m compileall -q -x '/(site|dist)-packages/' --invalidation-mode unchecked-hash \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && useradd --no-log-init --uid 10001 --gid 0 --no-create-home --home-dir /home/bonafide \
        --shell /usr/sbin/nologin bonafide \
    && install -d -m 1777 /home/bonafide
# PYTHONSAFEPATH: a file in the working directory must not shadow a module of the same name.
# TF_ENABLE_ONEDNN_OPTS: as in local_runner.py, for processors without AVX-512.
# USER: for users without an entry in /etc/passwd, as on OpenShift.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/bonafide \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TF_CPP_MIN_LOG_LEVEL=2 \
    TF_ENABLE_ONEDNN_OPTS=1 \
    HOME=/home/bonafide \
    USER=bonafide
# Kubeflow's launcher mounts /gcs, /s3, /minio, /.local, /.cache, /.config and /kfp-launcher, none of
# which the image uses. There is no entry point, because the launcher starts the command.
WORKDIR /home/bonafide
CMD ["python", "-m", "local_runner", "--help"]
ARG BASE
LABEL org.opencontainers.image.title="bonafide" \
      org.opencontainers.image.description="Tasks of a TFX pipeline from a speech corpus to a gated, servable detector of synthetic speech" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE}"
# A numeric id, because Kubernetes cannot verify that a name is not root (runAsNonRoot).
USER 10001:0

# --- The targets: layers that change rarely first; the last target is the default.
FROM runtime AS gpu
# Libraries that the NVIDIA runtime provides; the cluster assigns the GPUs.
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=packages-gpu /opt/venv /opt/venv
COPY --from=code /samples /opt/bonafide/samples
COPY --from=code /opt/bonafide /opt/bonafide
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

# Engines start a worker with boot and its arguments. Without the variable, boot makes an environment
# of its own, which lacks the packages.
FROM runtime AS beam-worker
ENV RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
COPY --from=boot /opt/container /opt/apache/beam/boot
COPY --from=packages-beam-worker /opt/venv /opt/venv
COPY --from=code /opt/bonafide /opt/bonafide
ENTRYPOINT ["/opt/apache/beam/boot"]
CMD []
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

# For people with recordings: no TFX. Pushed models are mounted.
FROM runtime AS score
COPY --from=packages-score /opt/venv /opt/venv
COPY --from=code /opt/bonafide/bonafide /opt/bonafide/bonafide
ENTRYPOINT ["python", "-m", "bonafide"]
CMD ["score", "--help"]
# Of `serve`; commands that score end before the first check. (Images in OCI's format have none.)
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8766/healthz', timeout=4)"]
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

FROM runtime AS cpu
COPY --from=packages-cpu /opt/venv /opt/venv
COPY --from=code /samples /opt/bonafide/samples
COPY --from=code /opt/bonafide /opt/bonafide
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
