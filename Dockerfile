# Frazil's images: operator, runtime, freezer.
#
# Base: any Debian-like image with CPython 3.11 to 3.13, its venv module and libstdc++. Two secrets
# are optional, for networks that reach the package index in their own way: `pip.conf`, and
# `ca-bundle`, which that file may name as /run/secrets/ca-bundle.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# pip lives in an environment of its own: what goes into the images is the other one, without it.
FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    PATH=/opt/build/bin:$PATH
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/frazil/venv

# The root file system is read-only when it runs, so bytecode is made here; and it is not checked
# against its source, whose times the layers of an image need not keep.
FROM build AS operator-dependencies
COPY requirements/operator.lock /tmp/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca-bundle \
    pip --python /opt/frazil/venv/bin/python install --no-compile --require-hashes -r /tmp/operator.lock \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/frazil/venv

FROM build AS runtime-dependencies
COPY requirements/runtime.lock /tmp/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca-bundle \
    pip --python /opt/frazil/venv/bin/python install --no-compile --require-hashes -r /tmp/runtime.lock \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/frazil/venv

# Symbols are a quarter of TensorFlow's libraries, and headers serve only a compiler.
FROM build AS freezer-dependencies
RUN apt-get update && apt-get install -y --no-install-recommends binutils
COPY requirements/freeze.lock /tmp/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca-bundle \
    pip --python /opt/frazil/venv/bin/python install --no-compile --require-hashes -r /tmp/freeze.lock \
 && cd /opt/frazil/venv/lib/python3*/site-packages/tensorflow \
 && strip --strip-unneeded libtensorflow_*.so.2 && rm -r include \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/frazil/venv

# Frazil itself stands apart from what it depends on: a change of it is one small layer.
FROM build AS application
COPY requirements/build.lock /tmp/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca-bundle \
    pip install --require-hashes -r /tmp/build.lock
COPY LICENSE README.md pyproject.toml /src/
COPY operator /src/operator
COPY runtime /src/runtime
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/dist /src \
 && pip --python /opt/frazil/venv/bin/python install --no-compile --no-deps --target /opt/frazil/app /tmp/dist/*.whl \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/frazil/app

FROM ${PYTHON_IMAGE} AS base
# Some Python images come without the standard library's bytecode; each start would compile it.
RUN python3 -m compileall -q -x '/(test|tests|lib2to3)/' "$(python3 -c 'import os; print(os.path.dirname(os.__file__))')"
# Libraries that ask for the user's name must find one.
RUN echo 'frazil:x:65532:65532::/nonexistent:/usr/sbin/nologin' >> /etc/passwd
ENV PATH=/opt/frazil/app/bin:/opt/frazil/venv/bin:$PATH PYTHONPATH=/opt/frazil/app \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532

FROM base AS operator
ENTRYPOINT ["frazil-operator"]
COPY --from=operator-dependencies /opt/frazil/venv /opt/frazil/venv
COPY --from=application /opt/frazil/app /opt/frazil/app

# jemalloc: glibc's malloc takes a tenth of a run of MobileNet (docs/decisions/0016).
FROM base AS runtime
USER root
RUN apt-get update && apt-get install -y --no-install-recommends libjemalloc2 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*
USER 65532:65532
ENV FRAZIL_TENSORFLOW_LIB=/opt/frazil/lib LD_PRELOAD=libjemalloc.so.2
ENTRYPOINT ["frazil"]
CMD ["serve"]
COPY --from=freezer-dependencies /opt/frazil/venv/lib/python3*/site-packages/tensorflow/libtensorflow_*.so.2 /opt/frazil/lib/
COPY --from=runtime-dependencies /opt/frazil/venv /opt/frazil/venv
COPY --from=application /opt/frazil/app /opt/frazil/app

FROM base AS freezer
ENTRYPOINT ["frazil"]
COPY --from=freezer-dependencies /opt/frazil/venv /opt/frazil/venv
COPY --from=application /opt/frazil/app /opt/frazil/app
