/* A thread serves. The main thread waits for its end and for signals, which the kernel gives to the main thread first: no other
 * thread is interrupted. */
#include "service.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>
#include <unistd.h>

enum { STATUS_SIGNAL = 128 };

int worker_complain(const char *format, ...)
{
    va_list list;
    fputs("thrum worker: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return EXIT_FAILURE;
}

static thrum_event stop;

static int watch_signals(thrum_signals **ret_signals)
{
    static const int all[] = {SIGTERM, SIGINT, SIGHUP};
    int numbers[3], count = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct sigaction action;
        if (all[i] == SIGTERM ||
            (sigaction(all[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN))
            numbers[count++] = all[i];
    }
    return thrum_signals_new(numbers, (size_t)count, ret_signals);
}

/* The first drains the worker, the second ends the process by its default action. */
static void answer_signal(const struct worker_service *service, thrum_signals *signals, int number)
{
    if (!thrum_event_is_set(&stop)) {
        fprintf(stderr, "thrum worker: %s: finishing what runs; a second signal ends at once\n",
                strsignal(number));
        thrum_event_set(&stop);
        return;
    }
    fprintf(stderr, "thrum worker: %s: ended at once\n", strsignal(number));
    if (service->at_once)
        service->at_once();
    thrum_signals_free(signals);
    (void)signal(number, SIG_DFL);
    (void)kill(getpid(), number);
    _exit(STATUS_SIGNAL + number); /* it is blocked in all threads */
}

static int serve(thrum_task *self)
{
    const struct worker_service *service = thrum_arg(self, const struct worker_service *);
    const struct worker_options *options = service->options;
    thrum_error error = {0};
    int rc = service->serve(service->cluster, service->executor,
                            &(thrum_cluster_serve_options){
                                .max_running = service->jobs,
                                .run_limit = options->run_limit,
                                .registered_only = options->registered_only,
                                .stop = &stop,
                            },
                            &error);
    return rc < 0 ? thrum_fail_with(self, &error) : 0;
}

/* Answers signals until the serving thread has ended. */
static int await(const struct worker_service *service, thrum_thread *thread, thrum_signals *signals)
{
    enum { SIGNAL, ENDED, CASES };
    for (;;) {
        int number = 0;
        thrum_case cases[CASES] = {
            [SIGNAL] = thrum_case_signals(signals, &number), [ENDED] = thrum_case_thread(thread)};
        int performed = thrum_select(cases, CASES, THRUM_FOREVER);
        if (performed == SIGNAL && cases[SIGNAL].code == 0)
            answer_signal(service, signals, number);
        else
            break;
    }
    int rc = thrum_thread_join(thread, THRUM_FOREVER);
    return rc == 0 ? EXIT_SUCCESS
                   : worker_complain("%s", rc > 0 ? thrum_thread_error(thread)->message
                                                  : thrum_strerror(rc));
}

int worker_serve(const struct worker_service *service)
{
    thrum_signals *signals = NULL;
    int rc = watch_signals(&signals), status = EXIT_FAILURE;
    if (rc < 0)
        worker_complain("cannot wait for signals: %s", thrum_strerror(rc));
    else if (!service->executor)
        worker_complain("out of memory");
    else {
        fprintf(stderr, "thrum worker: %s works for the pool \"%s\": %d tasks at once\n",
                service->what, service->cluster->pool ? service->cluster->pool : "default",
                service->jobs);
        thrum_thread *thread =
            thrum_thread_start_with(&(thrum_thread_options){.name = "serve"}, serve,
                                    thrum_value(const struct worker_service *, service));
        status = await(service, thread, signals);
        thrum_thread_free(thread);
    }
    thrum_executor_shutdown(service->executor);
    thrum_signals_free(signals);
    return status;
}
