# The image in which every task of the pipeline runs; docs/image.md says how to build and use it.
#
#   make image                  the target cpu, which is the default
#   make image TARGET=gpu       with CUDA's libraries
#
# Why this base: Debian 13, because the wheels of TFX need glibc 2.38; and the official image's
# Python 3.11, because that is what the tests run on (Debian 13's own Python is 3.13, with which the
# whole pipeline was run once). CUDA's libraries come from PyPI, so that both targets share the base.
# A build to be repeated names it by digest: --build-arg BASE=docker.io/library/python:3.11-slim-trixie@sha256:...
ARG BASE=docker.io/library/python:3.11-slim-trixie

# --- What installs the packages, and does not get into the image.
FROM ${BASE} AS build
# For pyfarmhash, which comes as source only. Debian's stable release keeps one version of g++.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
# As in scripts/setup_env.sh, and from PyPI like the packages: no further registry is needed.
ARG UV_VERSION=0.13.9
RUN python -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check "uv==${UV_VERSION}"
# Without bytecode `import tfx` takes a minute in every pod, and the pods cannot write any. It is
# not checked against the sources: a build that sets all times in the image would make it stale.
# LDFLAGS: debug symbols name a folder that is another in each build.
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

# TensorFlow's C++ headers are 430 MB in 18,000 files, for compiling operations only. The lock file
# is uv's own, and anyone may write to it.
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

# --- What runs: the modules at the top that tasks import, and what they read beside them.
FROM ${BASE} AS code
WORKDIR /opt/bonafide
COPY bonafide bonafide
COPY components components
COPY models models
COPY pipeline pipeline
COPY schema schema
COPY LICENSE pyproject.toml evaluate.py local_runner.py report_artifacts.py ./
# 1,280 clips, for the preset `sample`: with them the image proves itself on any cluster. They stay
# a layer of their own, which a change of the code does not push again.
COPY samples /samples
# A checkout's umask must not decide who may read. Here the sources are looked at, so that one that
# is mounted over another is run.
RUN chmod -R u=rwX,go=rX . /samples \
    && python -m compileall -q --invalidation-mode checked-hash .

# --- What both targets have in common.
FROM ${BASE} AS runtime
# The official image comes without bytecode of Python's own library.
# A home that any user may write to: clusters choose users and groups of their own.
RUN python -m compileall -q -x '/(site|dist)-packages/' --invalidation-mode unchecked-hash \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && useradd --no-log-init --uid 10001 --gid 0 --no-create-home --home-dir /home/bonafide \
        --shell /usr/sbin/nologin bonafide \
    && install -d -m 1777 /home/bonafide
# PYTHONSAFEPATH: a file in the working directory must not shadow a module of the same name.
# USER: a user without an entry in /etc/passwd, as on OpenShift, has no name otherwise.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/bonafide \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TF_CPP_MIN_LOG_LEVEL=2 \
    HOME=/home/bonafide \
    USER=bonafide
# Kubeflow's launcher mounts /gcs, /s3, /minio, /.local, /.cache, /.config and /kfp-launcher: none of
# them is used here. Nor is there an entry point, because the launcher starts the command itself.
# (Beam's workers on other machines would need its /opt/apache/beam/boot, which is not on PyPI.)
WORKDIR /home/bonafide
CMD ["python", "-m", "local_runner", "--help"]
ARG BASE
LABEL org.opencontainers.image.title="bonafide" \
      org.opencontainers.image.description="Tasks of a TFX pipeline from a speech corpus to a gated, servable detector of synthetic speech" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE}"
# A number, since Kubernetes cannot tell of a name that it is not root's (runAsNonRoot).
USER 10001:0

# --- The targets: from what changes rarely to what changes often, the last one is the default.
FROM runtime AS gpu
# What the NVIDIA runtime brings into the container; which GPUs, the cluster decides.
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
