/* How a task of a row ends. */
#include "workload.h"

#include <unistd.h>

int piece_return(thrum_task *self, thrum_time began, thrum_time took)
{
    return thrum_return(self, thrum_value(struct piece_result, .began = began, .ended = thrum_now(),
                                          .took = took, .worker = (int)gettid()));
}
