/* The report on a program that has run: what can go wrong with its locks, and how long it
 * waited. */
#ifndef CLI_DOCTOR_FINDINGS_H
#define CLI_DOCTOR_FINDINGS_H

#include "advice.h"
#include "doctor/risk.h"
#include "growth.h"
#include "suppress.h"

#include <stdio.h>

struct findings_options {
    bool strict, contention, lines, json, colours;
    const struct advice *advice; /* or NULL */
    const struct growth *growth;
    int rate;     /* tasks a second that are wanted; 0: not given */
    FILE *folded; /* or NULL */
    const struct suppressions *suppressions;
};

/* Summed over all programs. */
struct findings_seen {
    int deadlocks, potential, leaks, threads, locks;
};

/* Reports on one program. Returns 0, or a negative errno if memory ran out or writing failed. */
int findings_report(struct recording *recording, const struct findings_options *options, FILE *out,
                    struct findings_seen *seen);

/* The name of a kind, as suppressions and JSON have it. */
const char *findings_kind(enum risk_kind kind);
const char *findings_verdict(enum risk_verdict verdict);

/* True if it is shown without --strict. */
bool findings_shown(const struct risk *risk, const struct findings_options *options);

/* The parts, findings_text.c, findings_json.c and contention.c. Each returns 0 or -ENOMEM. */
int findings_text(struct recording *recording, const struct risks *risks,
                  const struct findings_options *options, FILE *out);
int findings_json(struct recording *recording, const struct risks *risks,
                  const struct findings_options *options, FILE *out);
/* Where a wait was; what was waited for. */
void contention_place(struct recording *recording, const struct wait_record *wait, char *text,
                      size_t size);
void contention_name(struct recording *recording, uint32_t kind, uint32_t lock, char *text,
                     size_t size);
int contention_text(struct recording *recording, FILE *out);
int contention_folded(struct recording *recording, FILE *out);

/* The place of a call: "function (file:line)". */
void findings_place_text(const struct place *place, char *text, size_t size); /* NULL: unknown */
void findings_place(struct recording *recording, uint64_t site, char *text, size_t size);

/* The number of findings like this one, if it is the first of them; else 0. */
int findings_like(const struct risks *risks, int index);

#endif
