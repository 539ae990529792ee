/* Virtual threads, and which of them runs.
 *
 * Before each step (an atomic access, a fence, a futex call) the running thread comes to a point at
 * which another thread may go first. A thread that sleeps, joins, pauses or ends leaves the
 * processor. In both cases the machine lists which threads could perform the next step and how, and
 * asks its driver. The chosen thread then performs one step. If only one thread can continue, there
 * is no choice and nothing is recorded.
 *
 * The options, in an order that depends only on the run: the running thread first, if it can
 * continue; then the other ready threads, beginning behind it; then sleepers whose deadline can
 * pass; then sleepers that can wake spuriously. Taking the processor from a thread that can
 * continue is a preemption, which searches count and bound. Deadlines and spurious wake-ups have
 * budgets of their own.
 *
 * Spin loops: a thread that pauses is not ready until another thread has changed some word since
 * its spin turn began, because it would only find the same values. A turn begins at the pause
 * before, so a first pause costs at most one more turn. Writes that leave the word unchanged do not
 * count: two threads that spin by exchange would otherwise wake each other for ever.
 *
 * Time is virtual. It moves only when a deadline passes, and by ticks if a client has a budget for
 * them. A deadline that passes by choice moves the clock to it; from then on earlier deadlines are
 * due and pass without a budget. When no thread can continue, the run has failed, and the report
 * says what each thread waits for: a deadlock, a lost wake-up, or a loop that spins in vain. A
 * client that needs time to pass there (it sleeps, say) asks for it with `rescue`.
 *
 * Quiet stretches (base/unexplored.h) contain no points and record nothing.
 */
#include "explorer/machine.h"
#include "explorer/race.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { START_OF_TIME = 1000000000 };

thrum__explore_machine *thrum__explore_machine_; /* made before the first run */

/* -------------------------------------------------------------------------------- ending a run */

__attribute__((noreturn)) static void end_run(enum thrum__explore_outcome outcome)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    m->outcome = outcome;
    m->running = false;
    thrum__switch nowhere;
    thrum__switch_to(&nowhere, &m->home);
    __builtin_unreachable();
}

void thrum__explore_fail(const char *format, ...)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(m->failure, sizeof m->failure, format, arguments);
    va_end(arguments);
    if (!m->running) {
        fprintf(stderr, "explorer: %s\n", m->failure);
        abort();
    }
    end_run(THRUM__EXPLORE_FAILED);
}

void thrum__explore_panic(const char *message)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    if (!m || !m->running) {
        fprintf(stderr, "%s\n", message);
        abort();
    }
    if (m->left.panic && strstr(message, m->left.panic))
        end_run(THRUM__EXPLORE_PANICKED);
    thrum__explore_fail("panic by %s: %s", thrum__explore_thread_name(m->current), message);
}

static const char *waits_how(const thrum__explore_thread *thread)
{
    switch (thread->state) {
    case THRUM__EXPLORE_SLEEPING:
        return thread->deadline == INT64_MAX ? "sleeps on" : "sleeps, with a deadline, on";
    case THRUM__EXPLORE_JOINING:
        return "joins others";
    case THRUM__EXPLORE_PAUSED:
        return "spins in vain";
    case THRUM__EXPLORE_READY:
        return "could go on";
    default:
        return "has ended";
    }
}

/* Whether main has ended, and so have all other threads but for some that sleep without a deadline. */
static bool is_over(void)
{
    const thrum__explore_machine *m = thrum__explore_machine_;
    bool over = m->thread[0].state == THRUM__EXPLORE_DONE;
    for (unsigned i = 1; i < m->threads && over; i++)
        over =
            m->thread[i].state == THRUM__EXPLORE_DONE ||
            (m->thread[i].state == THRUM__EXPLORE_SLEEPING && m->thread[i].deadline == INT64_MAX);
    return over;
}

static void note_stuck(void)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    if (m->left.idle && is_over()) {
        m->outcome = THRUM__EXPLORE_PASSED;
        return;
    }
    char text[1536];
    size_t used = 0;
    for (unsigned i = 0; i < m->threads && used < sizeof text - 1; i++) {
        const thrum__explore_thread *thread = &m->thread[i];
        char word[128] = "";
        if (thread->state == THRUM__EXPLORE_SLEEPING)
            thrum__explore_describe(word, sizeof word, thread->word[0]);
        int written = snprintf(text + used, sizeof text - used, "\n    %s %s%s%s, last at %s:%d",
                               thrum__explore_thread_name(i), waits_how(thread), *word ? " " : "",
                               word, thrum__explore_file(thread->file), thread->line);
        used += written > 0 ? (size_t)written : 0;
    }
    m->outcome = THRUM__EXPLORE_FAILED;
    snprintf(m->failure, sizeof m->failure, "nobody can go on: a deadlock or a lost wake-up%s",
             text);
}

/* ----------------------------------------------------------------------------------- choosing */

unsigned thrum__explore_choose(enum thrum__explore_kind kind, unsigned count)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    thrum__explore_choice choice = {.kind = kind, .count = count, .running = m->current};
    int chosen = m->driver->choose(m->driver->context, &choice);
    if (chosen < 0)
        end_run(THRUM__EXPLORE_PRUNED);
    thrum__explore_trace_mix(thrum__explore_self(), (uint64_t)chosen + 1);
    return (unsigned)chosen;
}

unsigned thrum__explore_any(unsigned count)
{
    return count > 1 ? thrum__explore_choose(THRUM__EXPLORE_CHOOSE_CLIENT, count) : 0;
}

/* One of the options, as the machine lists them. */
struct list {
    unsigned count;
    thrum__explore_option option[THRUM__EXPLORE_OPTIONS];
};

static void add(struct list *list, unsigned thread, enum thrum__explore_how how, bool preempts)
{
    list->option[list->count++] = (thrum__explore_option){(uint8_t)thread, (uint8_t)how, preempts};
}

/* Whether a spin turn of the thread, if it ended now, would be worth repeating. */
bool thrum__explore_is_restless(const thrum__explore_thread *thread)
{
    uint32_t others = thrum__explore_machine_->writes - thread->writes;
    return thread->restless || others > thread->turn_began;
}

static bool can_run(const thrum__explore_thread *thread)
{
    return thread->state == THRUM__EXPLORE_READY ||
           (thread->state == THRUM__EXPLORE_PAUSED && thrum__explore_is_restless(thread));
}

static bool is_due(const thrum__explore_thread *thread)
{
    return thread->state == THRUM__EXPLORE_SLEEPING &&
           thread->deadline <= thrum__explore_machine_->now;
}

/* When no thread is ready: the sleepers whose deadline comes first. */
static void list_rescue(struct list *list)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    int64_t first = INT64_MAX;
    for (unsigned i = 0; i < m->threads; i++)
        if (m->thread[i].state == THRUM__EXPLORE_SLEEPING && m->thread[i].deadline < first)
            first = m->thread[i].deadline;
    for (unsigned i = 0; i < m->threads && first != INT64_MAX; i++)
        if (m->thread[i].state == THRUM__EXPLORE_SLEEPING && m->thread[i].deadline == first)
            add(list, i, THRUM__EXPLORE_TIMEOUT, false);
}

static void list_options(struct list *list)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    bool preempts = m->thread[m->current].state == THRUM__EXPLORE_READY;
    if (preempts)
        add(list, m->current, THRUM__EXPLORE_RUN, false);
    for (unsigned k = 1; k <= m->threads; k++) {
        unsigned i = (m->current + k) % m->threads;
        if (i == m->current && preempts)
            continue;
        if (can_run(&m->thread[i]))
            add(list, i, THRUM__EXPLORE_RUN, preempts);
        else if (is_due(&m->thread[i]))
            add(list, i, THRUM__EXPLORE_TIMEOUT, preempts);
    }
    if (!list->count) {
        if (m->left.rescue)
            list_rescue(list);
        return;
    }
    for (unsigned i = 0; i < m->threads; i++) {
        const thrum__explore_thread *thread = &m->thread[i];
        if (thread->state == THRUM__EXPLORE_SLEEPING && m->left.timeouts > 0 &&
            thread->deadline != INT64_MAX && !is_due(thread))
            add(list, i, THRUM__EXPLORE_TIMEOUT, false);
    }
    for (unsigned i = 0; i < m->threads && m->left.spurious > 0; i++)
        if (m->thread[i].state == THRUM__EXPLORE_SLEEPING)
            add(list, i, THRUM__EXPLORE_SPURIOUS, false);
}

uint64_t thrum__explore_state_number(void)
{
    const thrum__explore_machine *m = thrum__explore_machine_;
    if (!m->remembers)
        return thrum__explore_snapshot();
    uint64_t others = 0; /* the budgets' use is a part of the past */
    for (unsigned i = 0; i < m->threads; i++)
        others = others << 4 | (uint64_t)m->thread[i].state << 1 |
                 thrum__explore_is_restless(&m->thread[i]);
    return thrum__explore_trace_hash(m->trace, others);
}

static void apply(const thrum__explore_option *option, bool rescued)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    thrum__explore_thread *thread = &m->thread[option->thread];
    bool due = is_due(thread);
    m->current = option->thread;
    if (option->how == THRUM__EXPLORE_TIMEOUT) {
        if (thread->deadline > m->now)
            m->now = thread->deadline;
        m->left.timeouts -= !due && !rescued;
        m->timeouts++;
        thread->wait_result = -ETIMEDOUT;
        thrum__explore_trace_event(&m->now, true);
        thrum__explore_tell("deadline passes, on", thread->word[0], 0, 0, false);
    } else if (option->how == THRUM__EXPLORE_SPURIOUS) {
        m->left.spurious--;
        thread->wait_result = 0;
        thrum__explore_trace_mix(thread, option->how);
        thrum__explore_tell("wakes for no reason, on", thread->word[0], 0, 0, false);
    }
    thread->state = THRUM__EXPLORE_READY;
    thread->picked = true;
}

/* Finds the thread that performs the next step. The running thread is not ready, or at the point
 * before a step. False if the run is over. Called on the search's own stack, when all threads are
 * switched out. */
static bool pick(void)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    struct list list = {.count = 0};
    list_options(&list);
    if (!list.count) {
        note_stuck();
        return false;
    }
    int chosen = 0;
    if (list.count > 1) {
        thrum__explore_choice choice = {
            .kind = THRUM__EXPLORE_CHOOSE_THREAD,
            .count = list.count,
            .options = list.option,
            .running = m->current,
            .ready = thrum__explore_self()->state == THRUM__EXPLORE_READY,
        };
        chosen = m->driver->choose(m->driver->context, &choice);
        if (chosen < 0) {
            m->outcome = THRUM__EXPLORE_PRUNED;
            return false;
        }
    }
    bool rescued =
        list.option[0].how == THRUM__EXPLORE_TIMEOUT && !is_due(&m->thread[list.option[0].thread]);
    apply(&list.option[chosen], rescued);
    return true;
}

/* Lets the search choose the next thread; returns when this thread's turn has come. The call keeps
 * the compiler from using the stack below its end, which is wiped meanwhile. */
static void give_turn(void)
{
    thrum__explore_wipe();
    thrum__switch_to(&thrum__explore_self()->stack, &thrum__explore_machine_->home);
}

void thrum__explore_point(const char *file, int line)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    thrum__explore_thread *self = thrum__explore_self();
    self->file = file;
    self->line = line;
    if (!self->picked)
        give_turn();
    self->picked = false;
    if (++m->steps > m->left.steps)
        thrum__explore_fail("a livelock: more than %u steps, last by %s at %s:%d", m->left.steps,
                            thrum__explore_thread_name(m->current), thrum__explore_file(file),
                            line);
}

void thrum__explore_block(enum thrum__explore_state state)
{
    thrum__explore_self()->state = state;
    give_turn();
}

void thrum__explore_pause(void)
{
    if (!thrum__explore_active())
        thrum__explore_fail("a quiet stretch, or one outside of a run, would spin");
    thrum__explore_machine *m = thrum__explore_machine_;
    thrum__explore_thread *self = thrum__explore_self();
    thrum__explore_trace_mix(self, 3);
    if (++m->steps > m->left.steps)
        thrum__explore_fail("a livelock: more than %u steps, last a pause by %s after %s:%d",
                            m->left.steps, thrum__explore_thread_name(m->current),
                            thrum__explore_file(self->file), self->line);
    self->state = THRUM__EXPLORE_PAUSED;
    give_turn();
    self->turn_began = m->writes - self->writes;
    self->restless = false;
}

/* ------------------------------------------------------------------------------------ threads */

static void wake_joiners(void)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    unsigned living = 0;
    for (unsigned i = 0; i < m->threads; i++)
        living |= (unsigned)(m->thread[i].state != THRUM__EXPLORE_DONE) << i;
    for (unsigned i = 0; i < m->threads; i++)
        if (m->thread[i].state == THRUM__EXPLORE_JOINING && !(m->thread[i].joins & living))
            m->thread[i].state = THRUM__EXPLORE_READY;
}

__attribute__((noreturn)) static void end_thread(void)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    thrum__explore_thread *self = thrum__explore_self();
    self->clock.at[m->current]++; /* its last plain accesses are a part of this step */
    self->state = THRUM__EXPLORE_DONE;
    thrum__explore_tell("ends", NULL, 0, 0, false);
    thrum__explore_memory_stack_dead(m->current);
    wake_joiners();
    bool all = true;
    for (unsigned i = 0; i < m->threads; i++)
        all &= m->thread[i].state == THRUM__EXPLORE_DONE;
    if (!all)
        give_turn();
    char text[256];
    uint32_t leaks = thrum__explore_memory_left(text, sizeof text);
    if (leaks && !m->left.leaks)
        thrum__explore_fail("memory leaks: %u blocks, the first of %s", leaks, text);
    end_run(THRUM__EXPLORE_PASSED);
}

static void begin_thread(void *thread)
{
    thrum__explore_thread *self = thread;
    self->run(self->argument);
    if (self != thrum__explore_machine_->thread && self->local && self->local_end) {
        self->local_end(self->local);
        self->local = NULL;
        self->local_number = 0;
    }
    end_thread();
}

static thrum__explore_thread *new_thread(void *(*run)(void *), void *argument)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    unsigned number = m->threads++;
    thrum__explore_thread *thread = &m->thread[number];
    memset(thread, 0, sizeof *thread);
    thread->run = run;
    thread->argument = argument;
    thread->file = "its start";
    thread->past = number + 1;
    m->trace += thrum__explore_trace_hash(number + 1, thread->past);
    size_t size;
    char *stack = thrum__explore_memory_stack_new(number, &size);
    thrum__switch_new(&thread->stack, stack, size, begin_thread, thread);
    return thread;
}

int thrum__explore_thread_start(uintptr_t *ret_thread, void *(*run)(void *), void *argument)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    thrum__explore_thread *self = thrum__explore_self();
    if (m->left.refused_thread > 0 && thrum__explore_choose(THRUM__EXPLORE_CHOOSE_START, 2)) {
        m->left.refused_thread--;
        return -EAGAIN;
    }
    if (m->threads == THRUM__EXPLORE_THREADS)
        thrum__explore_fail("more than %d threads in one run", THRUM__EXPLORE_THREADS);
    thrum__explore_trace_event(&m->threads, true);
    self->clock.at[m->current]++;
    self->picked = false; /* the next thread is a new choice now */
    *ret_thread = m->threads;
    thrum__explore_thread *thread = new_thread(run, argument);
    thread->clock = self->clock;
    thrum__explore_trace_mix(thread, self->past);
    thrum__explore_tell("starts", NULL, 0, *ret_thread, true);
    return 0;
}

void thrum__explore_join(unsigned mask)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    thrum__explore_thread *self = thrum__explore_self();
    self->joins = mask;
    for (unsigned i = 0; i < m->threads; i++) {
        if (mask >> i & 1 && m->thread[i].state != THRUM__EXPLORE_DONE) {
            thrum__explore_block(THRUM__EXPLORE_JOINING);
            break;
        }
    }
    for (unsigned i = 0; i < m->threads; i++) {
        if (!(mask >> i & 1))
            continue;
        thrum__explore_clock_join(&self->clock, &m->thread[i].clock);
        thrum__explore_trace_mix(self, m->thread[i].past);
    }
}

void thrum__explore_thread_join(uintptr_t thread)
{
    thrum__explore_join(1u << thread);
}

unsigned thrum__explore_last_started(void)
{
    return thrum__explore_machine_->threads - 1;
}

/* ---------------------------------------------------------------------------------------- runs */

static void *run_client(void *client)
{
    void (*run)(void);
    memcpy(&run, &client, sizeof run);
    run();
    return NULL;
}

enum thrum__explore_outcome thrum__explore_run(const thrum__explore_limits *limits,
                                               const thrum__explore_driver *driver,
                                               void (*client)(void))
{
    if (!thrum__explore_machine_)
        thrum__explore_machine_ = calloc(1, sizeof *thrum__explore_machine_);
    thrum__explore_machine *m = thrum__explore_machine_;
    if (!m)
        abort();
    thrum__explore_order_reset();
    thrum__explore_race_reset();
    thrum__explore_names_reset();
    thrum__explore_snapshot_reset();
    thrum__explore_memory_reset();
    m->left = *limits;
    m->driver = driver;
    m->current = m->threads = 0;
    m->remembers = limits->stale > 0;
    m->now = START_OF_TIME;
    m->steps = m->tickets = m->writes = m->fences = m->timeouts = 0;
    m->trace = 0;
    m->handed = (thrum__explore_clock){{0}};
    m->failure[0] = '\0';
    void *argument;
    memcpy(&argument, &client, sizeof argument);
    thrum__explore_thread *first = new_thread(run_client, argument);
    first->name = "main";
    first->picked = true;
    m->running = true;
    do
        thrum__switch_to(&m->home, &thrum__explore_self()->stack);
    while (m->running && pick());
    m->running = false;
    return m->outcome;
}
