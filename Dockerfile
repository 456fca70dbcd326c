# One image for every process of ours, and one with the development chain.
#
#   docker build --tag cashback .
#   docker build --tag cashback-anvil --target anvil .

# --- the development chain: the same anvil, by the same lock file, that `cashback dev` fetches -----------------------

FROM node:24-slim AS anvil
WORKDIR /anvil
COPY src/cashback/processes/embedded/npm/package.json src/cashback/processes/embedded/npm/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund \
 && ln -s /anvil/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil /usr/local/bin/anvil \
 && install --directory --owner=10001 --group=10001 /data
USER 10001:10001
ENTRYPOINT ["anvil"]

# --- what runs in production is what was tested: pinned by hash ------------------------------------------------------

FROM python:3.13-slim AS build
WORKDIR /app
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/bootstrap.txt requirements/runtime.txt requirements/
RUN python -m venv /venv \
 && /venv/bin/pip install --require-hashes --requirement requirements/runtime.txt \
 && pip install --require-hashes --requirement requirements/bootstrap.txt
COPY pyproject.toml LICENSE ./
COPY migrations migrations
COPY src src
# Editable, since `cashback migrate` reads migrations/ beside src/.
RUN mkdir /wheel \
 && python -c "from flit_core import buildapi; buildapi.build_editable('/wheel')" \
 && /venv/bin/pip install --no-deps /wheel/*.whl \
 && /venv/bin/python -m compileall -q src

FROM python:3.13-slim AS cashback
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin cashback
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["cashback"]
CMD ["--help"]
