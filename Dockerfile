# One image for all processes of the scaled mode: API, worker, migrate, and the Chroma server, whose version is then the
# one that the lock file pins.
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/qunzhu && \
    /opt/qunzhu/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY agent agent
COPY core core
COPY evals evals
COPY knowledge knowledge
COPY prompts prompts
COPY server server
COPY store store
COPY tools tools
# The build tools are in the lock file too: nothing else is fetched.
RUN /opt/qunzhu/bin/pip wheel --no-deps --no-build-isolation -w /tmp/wheel . && \
    /opt/qunzhu/bin/pip install --no-cache-dir --no-deps /tmp/wheel/qunzhu-*.whl

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin qunzhu && \
    install -d -o qunzhu -g qunzhu -m 0700 /data
COPY --from=build /opt/qunzhu /opt/qunzhu
ENV PATH=/opt/qunzhu/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    QUNZHU_DATA_DIR=/data \
    QUNZHU_HOST=0.0.0.0 \
    QUNZHU_PORT=8000
USER qunzhu
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["qunzhu"]
CMD ["serve"]
