/* The program of one benchmark: bench_NAME.c with its rows, SET. */
#include "bench.h"

extern const struct bench_set SET;

int main(int argc, char **argv)
{
    return bench_main(argc, argv, SET.rows, SET.count);
}
