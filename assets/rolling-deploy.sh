#!/bin/sh
# Restarts the backends of a pool one after the other, without a failed request.
#
#   rolling-deploy.sh [-c CONFIG] [-a ADDR] [-d TIME] [-u TIME] POOL COMMAND [ARGUMENT...]
#
#   -c CONFIG  the config file of the running evenkeel   -a ADDR  or where its admin API is: host:port or unix:PATH
#   -d TIME    how long a backend may take to empty (60s)
#   -u TIME    how long it may take to pass its checks after the restart (60s)
#
# COMMAND restarts one backend. It finds the backend in the environment: EVENKEEL_BACKEND is POOL/BACKEND, EVENKEEL_URL its
# address. It is to return when the old process is gone; the new one need not be ready yet.
#
# Each backend is drained, restarted, and takes requests again once a check of the new process has passed. A backend that
# is not up when its turn comes is left alone: somebody wants it so. The first failure ends the run with code 1 (130 when
# interrupted), and the backends after it have not been touched:
#
#   it does not empty in time     it has not been restarted and goes on draining   evenkeel up POOL/BACKEND takes it back
#   COMMAND fails                 it stays drained
#   its checks do not pass        it stays drained: clients never meet it
#
# Evenkeel refuses to drain the last backend that can serve, so that a pool of one, or of one healthy one, is not rolled.
set -eu

usage() {
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p;}' "$0" >&2
    exit 2
}

config='' admin='' drain=60s healthy=60s
while getopts c:a:d:u: option; do
    case $option in
    c) config=$OPTARG ;;
    a) admin=$OPTARG ;;
    d) drain=$OPTARG ;;
    u) healthy=$OPTARG ;;
    *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] || usage
pool=$1
shift

keel() {
    verb=$1
    shift
    "${EVENKEEL:-evenkeel}" "$verb" ${config:+--config "$config"} ${admin:+--admin "$admin"} "$@"
}

stop() {
    echo "rolling-deploy: $1" >&2
    exit "${2:-1}"
}

# One line per backend: name, mode, health, in flight, address.
backends=$(keel status --plain "$pool") || exit 1
tab=$(printf '\t')
while IFS=$tab read -r EVENKEEL_BACKEND mode _ _ EVENKEEL_URL <&3; do
    export EVENKEEL_BACKEND EVENKEEL_URL
    if [ "$mode" != up ]; then
        echo "rolling-deploy: $EVENKEEL_BACKEND is in mode $mode: left alone"
        continue
    fi
    keel drain "$EVENKEEL_BACKEND" --wait "$drain" --reason 'rolling deploy' ||
        stop "$EVENKEEL_BACKEND could not be drained; it has not been restarted" $?
    "$@" || stop "the restart of $EVENKEEL_BACKEND failed; it stays drained"
    keel up "$EVENKEEL_BACKEND" --wait-healthy "$healthy" ||
        stop "$EVENKEEL_BACKEND does not take requests again after its restart" $?
done 3<<END
$backends
END
echo "rolling-deploy: $pool is done"
