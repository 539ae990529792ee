/* What an instruction of x86-64 does with its operand in memory, as far as memory.c must know. */
#ifndef DOCTOR_SCHEDULE_INSTRUCTION_H
#define DOCTOR_SCHEDULE_INSTRUCTION_H

#include <stdbool.h>
#include <stdint.h>

struct instruction {
    uint8_t size; /* of an operand that is read and written */
    bool updates; /* it reads and writes the operand */
    bool atomic;  /* and nothing can come in between */
    bool jumps;   /* to the address that the operand holds */
};

struct instruction thrum__instruction(const uint8_t *code);

#endif
