#!/bin/sh
# The broker of the compose stack, with the native stack's configuration and memory.
set -eu
# The published port is known only now. The image's own tool for this writes below conf/, which is read-only here.
sed "s|^advertisedListeners=.*|advertisedListeners=$ALPES_LISTENERS|" /pulsar/alpes/standalone.conf >/tmp/standalone.conf
export PULSAR_STANDALONE_CONF=/tmp/standalone.conf
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
exec /pulsar/bin/pulsar standalone --functions-worker-conf /pulsar/alpes/functions_worker.yml --no-stream-storage
