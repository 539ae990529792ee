/* A nats-server of a test, and workers as processes of their own. */
#ifndef NATS_SERVER_H
#define NATS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct nats_server {
    pid_t pid;
    int port;
    char folder[64], url[64]; /* a folder for its state, and for the test */
};

/* False if there is no nats-server here. */
bool nats_server_exists(void);

/* Starts a server with JetStream, and waits until it listens. `password` NULL lets everybody in as any user. */
void nats_server_start(struct nats_server *server, const char *password);

/* Kills it; its state stays. Starts it again with that state, or without if `wipes`. */
void nats_server_kill(struct nats_server *server);
void nats_server_again(struct nats_server *server, bool wipes);

/* Ends it and removes its folder. */
void nats_server_finish(struct nats_server *server);

/* Starts the program in $CLUSTER_PROGRAM with its role and the URL. Returns its process number. */
pid_t cluster_program_start(const char *role, const char *url, const char *argument);

/* Sends a signal to a process that was started so, and, if it is SIGKILL or SIGTERM, waits for its end. Returns the wait status. */
int cluster_program_signal(pid_t pid, int signal);

#endif
