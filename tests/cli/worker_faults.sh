#!/bin/bash
# `thrum worker -- PROGRAM` with one failing call, until it has become the program: worker_faults.sh THRUM-WITH-FAULTS. See
# faults_cluster.sh.
# shellcheck disable=SC2317 # called by name
export FAULTS_EACH=${FAULTS_EACH:-1} # the first and the last call of each function
sample=$(realpath "$(dirname "$1")/cluster_sample")
# shellcheck source=tests/cli/faults_cluster.sh
. "$(dirname "$0")/faults_cluster.sh"

inputs() { echo secret >password; }

worker_words=(--user joe --password-file password --executor processes -- "$sample")
program_run() { beside env POOL=default "$sample" squares 3; }

sweep program
