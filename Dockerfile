# Two images: `alpes`, which runs every part written in Python, and `pulsar`, the broker with the Debezium connectors.
# Versions are those of docs/compose.md; `./alpes compose check` compares them with the native stack's.

FROM python:3.12.11-slim-bookworm AS base
ENV ALPES_VENV=/opt/venv \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /opt/alpes

# The packages, each checked against its hash; a layer of its own, so that a change of code does not bring them again.
FROM base AS environment
COPY requirements/runtime.txt requirements/runtime.txt
RUN python -m venv "$ALPES_VENV" \
 && "$ALPES_VENV/bin/python" -m pip install --no-cache-dir --disable-pip-version-check --require-hashes \
    --only-binary=:all: -r requirements/runtime.txt \
 && cp requirements/runtime.txt "$ALPES_VENV/.alpes-runtime"

# The connectors by the project's own lock, and the broker's configuration from the native stack's templates.
FROM environment AS artifacts
COPY --chmod=755 . .
RUN --mount=type=cache,target=/cache \
    ALPES_CACHE=/cache ./alpes download nar-3.1.2 nar-4.0.8 byteman \
 && ALPES_CACHE=/cache "$ALPES_VENV/bin/python" -m stacks.compose.broker_files /out/pulsar

FROM apachepulsar/pulsar:4.2.4 AS pulsar
# connectors/ holds the original description's connector, nars/ the pinned newer one: in one directory both would claim
# the builtin name `debezium-mysql`. source/ and scratch/ are where volumes go; they keep this owner.
COPY --from=artifacts --chown=10000:0 /out/pulsar/ /pulsar/
LABEL org.opencontainers.image.title="Alpes Commissions: broker" \
      org.opencontainers.image.description="Apache Pulsar with the Debezium MySQL connectors and the outbox topics' configuration" \
      org.opencontainers.image.version="4.2.4" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 10000
CMD ["/bin/sh", "/pulsar/alpes/start.sh"]

FROM base AS alpes
COPY --from=environment /opt/venv /opt/venv
COPY --chmod=755 . .
RUN "$ALPES_VENV/bin/python" -m compileall -q . \
 && install -d -m 0770 -o 1000 -g 0 /var/lib/alpes /var/lib/alpes/data /var/lib/alpes/run /source
LABEL org.opencontainers.image.title="Alpes Commissions" \
      org.opencontainers.image.description="A transactional outbox you can watch, break and trust" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 1000:0
ENTRYPOINT ["./alpes"]
CMD ["--help"]
