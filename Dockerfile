# One image for every process of the system: `docker run IMAGE worker`, `docker run IMAGE topics create`, ...
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
ENV VIRTUAL_ENV=/app/.venv
RUN pip install --no-cache-dir uv==0.13.9 && python -m venv --without-pip $VIRTUAL_ENV
# The runtime dependencies alone, in the versions and with the hashes of the lock.
COPY pyproject.toml requirements.lock ./
RUN uv pip install --no-cache --require-hashes -c requirements.lock -r pyproject.toml
COPY README.md LICENSE ./
COPY schemas schemas
COPY examples examples
COPY stream_app stream_app
RUN uv pip install --no-cache --no-deps -e . && python -m compileall -q stream_app

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home app && install -d -o app -m 700 /keys
WORKDIR /app
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER app
ENTRYPOINT ["stream-app"]
CMD ["--help"]
