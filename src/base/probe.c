#include "base/probe.h"

const thrum__probes *thrum__probe_table;

void thrum__probe_install(const thrum__probes *table)
{
    __atomic_store_n(&thrum__probe_table, table, __ATOMIC_RELEASE);
}
