/* The code of a wait for the outcome of a task, for test programs that include <thrum.h>. */
#ifndef TESTS_OUTCOME_H
#define TESTS_OUTCOME_H

/* What `wait` returns, but the code of `error` if the task has failed. `error` is evaluated after `wait`,
 * and only then. Without an error it is THRUM_FAILED, which no test expects. */
#define OUTCOME_CODE(wait, error)                                                                  \
    __extension__({                                                                                \
        int outcome_rc_ = (wait);                                                                  \
        const thrum_error *outcome_error_ = outcome_rc_ == THRUM_FAILED ? (error) : NULL;          \
        outcome_error_ ? outcome_error_->code : outcome_rc_;                                       \
    })

#endif
