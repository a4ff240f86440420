# The archive's server in a container: API, workers and schedules, its data in the volume /data. docs/standalone.md says how to use it.

FROM python:3.13-slim AS build
WORKDIR /project
COPY pyproject.toml requirements.lock README.md LICENSE ./
# Versions and hashes are those of requirements.lock, as in a clone.
RUN grep '^uv==' requirements.lock > /tmp/uv.txt \
    && pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/uv.txt \
    && python -m venv --without-pip /opt/candles \
    && uv pip install --no-cache --python /opt/candles/bin/python --require-hashes --constraints requirements.lock \
        -r pyproject.toml
COPY layers/common/src layers/common/src
COPY background background
COPY cli cli
COPY functions functions
COPY simulator simulator
COPY standalone standalone
RUN uv build --no-cache --wheel --require-hashes --build-constraints requirements.lock --out-dir /dist . \
    && uv pip install --no-cache --no-deps --python /opt/candles/bin/python /dist/*.whl \
    && /opt/candles/bin/python -m compileall -q /opt/candles/lib

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /data candles && install -d -o candles -g candles -m 0700 /data
COPY --from=build /opt/candles /opt/candles
ENV PATH=/opt/candles/bin:$PATH LOCAL_DIR=/data PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER candles
WORKDIR /data
VOLUME /data
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["candles", "status", "--ping"]
CMD ["candles", "serve", "--host", "0.0.0.0", "--exchange", "binance"]
