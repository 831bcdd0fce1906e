#!/bin/sh
# A Prefect worker as the main process of a container or unit: sh deploy/worker.sh --pool cpu --type process
# What it has started ends with the main process, and a worker that is told to stop does so within
# seconds. So this stays until the trainings of its runs have saved their state.
GNER_WORKER=$(cat /proc/sys/kernel/random/uuid)
export GNER_WORKER

anything_left() {
    env -u GNER_WORKER grep -qs "GNER_WORKER=$GNER_WORKER" /proc/[0-9]*/environ
}

stop() {
    trap '' TERM INT
    kill $!
    wait $!
    while anything_left; do sleep 1; done
    exit 0
}

trap stop TERM INT
while :; do
    # A shell starts commands in the background with SIGINT ignored, by which Prefect's worker ends.
    env --default-signal=INT,QUIT prefect worker start "$@" &
    wait $!
    sleep 5 &
    wait $!
done
