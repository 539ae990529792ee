/* A nats-server of the command's own, for `--nats auto`. */
#ifndef CLI_CLUSTER_NATS_H
#define CLI_CLUSTER_NATS_H

#include <sys/types.h>
#include <thrum.h>

struct nats {
    pid_t pid; /* 0 without a server */
    char folder[256], url[64];
};

/* Starts a server with JetStream on a port of 127.0.0.1 that it chooses, with its state in a new folder, and waits until it
 * listens. Call it while there is but one thread. Returns 0 or a negative errno; the caller gives `ret_nats` to nats_stop in
 * any case. */
int nats_start(struct nats *ret_nats, thrum_error *ret_error);

/* Ends the server and removes its folder. Does nothing if it was not started. */
void nats_stop(struct nats *nats);

#endif
