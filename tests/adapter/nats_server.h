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

/* A port for a server that goes away and comes back. */
int nats_server_free_port(void);

/* Starts a server with JetStream, and waits until it listens. `more` is added to its configuration; NULL for nothing.
 * Skips the test if there is no nats-server here. */
void nats_server_start(struct nats_server *server, const char *more);

/* Starts three servers that are one cluster. */
enum { NATS_SERVERS = 3 };
void nats_servers_start(struct nats_server *servers);

/* The folder alone, for files that the configuration names; nats_server_start makes it otherwise. */
void nats_server_folder(struct nats_server *server);

/* Kills it; its state stays. Starts it again with that state, or without if `wipes`. */
void nats_server_kill(struct nats_server *server);
void nats_server_again(struct nats_server *server, bool wipes);

/* Ends it and removes its folder. */
void nats_server_finish(struct nats_server *server);

/* Starts a program: `words` ends with NULL. Returns its process number. */
pid_t cluster_start(char *const *words);

/* Starts the program in $CLUSTER_PROGRAM with its role and the URL. Returns its process number. */
pid_t cluster_program_start(const char *role, const char *url, const char *argument);

/* Sends a signal to a process that was started so, and, if it is SIGKILL or SIGTERM, waits for its end. Returns the wait status. */
int cluster_program_signal(pid_t pid, int signal);

#endif
