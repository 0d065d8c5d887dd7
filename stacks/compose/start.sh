#!/bin/sh
# start.sh [secured]: the broker of the compose stack, with the native stack's configuration and memory.
set -eu
case "$*" in
"")
    # The published port is known only now. The image's own tool for this writes below conf/, which is read-only here.
    sed "s|^advertisedListeners=.*|advertisedListeners=$ALPES_LISTENERS|" /pulsar/alpes/standalone.conf >/tmp/standalone.conf
    export PULSAR_STANDALONE_CONF=/tmp/standalone.conf
    functions=/pulsar/alpes/functions_worker.yml
    ;;
secured)
    export PULSAR_STANDALONE_CONF=/pulsar/alpes/standalone_secured.conf
    functions=/pulsar/alpes/functions_worker_secured.yml
    # The source's configuration names them, and its thread takes them from here.
    ALPES_DEBEZIUM_PASSWORD=$(cat /run/secrets/alpes_debezium_password)
    ALPES_DEBEZIUM_TLS_TRUSTSTORE_PASSWORD=$(cat /run/secrets/alpes_debezium_tls_truststore_password)
    export ALPES_DEBEZIUM_PASSWORD ALPES_DEBEZIUM_TLS_TRUSTSTORE_PASSWORD
    ;;
*)
    echo "start.sh knows no '$*'" >&2
    exit 2
    ;;
esac
# Set here and not in the container's environment: what `docker exec` runs (pulsar-admin) needs neither agent nor memory.
export PULSAR_MEM="${jvm_memory}"
export PULSAR_GC="${jvm_small_machine}"
# A blank, because an empty one stands for a log in the root directory.
export PULSAR_GC_LOG=" "
# The image's own log configuration prints a source's password with the rest of its configuration. This one masks it.
export PULSAR_LOG_CONF=/pulsar/alpes/log4j2.xml
# Without the rule a source started again would wait a minute for its predecessor's metrics. A source's threads log under
# its name only if they inherit it.
export PULSAR_EXTRA_OPTS="-javaagent:/pulsar/alpes/byteman.jar=script:/pulsar/alpes/source.btm -XX:+ExitOnOutOfMemoryError \
-Dlog4j2.isThreadContextMapInheritable=true"
exec /pulsar/bin/pulsar standalone --functions-worker-conf "$functions" --no-stream-storage
