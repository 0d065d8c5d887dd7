#!/bin/sh
# role.sh ROLE: runs one process of the cluster: zookeeper, initialize, bookie, broker or proxy.
set -eu
role=$1
# The configuration is written here, because the root file system is read-only. Each container has the name of its service.
configured() {
    sed "s|\${hostname}|$HOSTNAME|" "/pulsar/alpes/$1" >"/tmp/$1"
}
export PULSAR_LOG_CONF=/pulsar/alpes/log4j2.xml
export PULSAR_GC="${jvm_small_machine}"
export PULSAR_GC_LOG=" "
export PULSAR_EXTRA_OPTS="-XX:+ExitOnOutOfMemoryError"
case $role in
zookeeper)
    configured zookeeper.conf
    export PULSAR_ZK_CONF=/tmp/zookeeper.conf PULSAR_MEM="-Xms32m -Xmx96m"
    exec /pulsar/bin/pulsar zookeeper
    ;;
initialize)
    export PULSAR_MEM="-Xmx96m"
    exec /pulsar/bin/pulsar initialize-cluster-metadata --cluster "${cluster}" \
        --metadata-store zk:zookeeper:2181 --configuration-metadata-store zk:zookeeper:2181 \
        --web-service-url http://brokers:8080 --broker-service-url pulsar://brokers:6650
    ;;
bookie)
    configured bookkeeper.conf
    export PULSAR_BOOKKEEPER_CONF=/tmp/bookkeeper.conf PULSAR_MEM="-Xms64m -Xmx160m -XX:MaxDirectMemorySize=256m"
    exec /pulsar/bin/pulsar bookie
    ;;
broker)
    configured broker.conf
    export PULSAR_BROKER_CONF=/tmp/broker.conf PULSAR_MEM="-Xms128m -Xmx512m -XX:MaxDirectMemorySize=384m"
    # As in start.sh: the rule for a source that starts again, and the source's log under its name.
    export PULSAR_EXTRA_OPTS="$PULSAR_EXTRA_OPTS -Dlog4j2.isThreadContextMapInheritable=true \
-javaagent:/pulsar/alpes/byteman.jar=script:/pulsar/alpes/source.btm"
    exec /pulsar/bin/pulsar broker --functions-worker-conf /pulsar/alpes/functions_worker_of_cluster.yml
    ;;
proxy)
    configured proxy.conf
    export PULSAR_PROXY_CONF=/tmp/proxy.conf PULSAR_MEM="-Xms32m -Xmx128m -XX:MaxDirectMemorySize=256m"
    exec /pulsar/bin/pulsar proxy
    ;;
*)
    echo "there is no role '$role'" >&2
    exit 2
    ;;
esac
