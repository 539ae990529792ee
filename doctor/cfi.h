/* Call frame information: how a function's caller is found from a place in the function. */
#ifndef DOCTOR_CFI_H
#define DOCTOR_CFI_H

#include "bytes.h"
#include "machine.h"
#include "module.h"

enum rule_how {
    RULE_SAME,      /* the register still has its value, or nothing is known: see REGISTERS_SAVED */
    RULE_UNDEFINED, /* its value is lost; for the return address: this is the outermost function */
    RULE_AT,        /* saved at the frame's address + number */
    RULE_IS,        /* the frame's address + number */
    RULE_REGISTER,  /* in register `number` */
    RULE_AT_EXPRESSION,
    RULE_IS_EXPRESSION,
};

struct rule {
    uint8_t how;
    int64_t number;
    const uint8_t *bytes; /* of an expression; in the module's tables */
    size_t size;
};

/* The rules at one place. The frame's address (CFA) is the stack pointer before the call. */
struct cfi_row {
    struct rule frame; /* RULE_IS: register `base` + number; or RULE_IS_EXPRESSION */
    unsigned base;
    struct rule rules[REGISTER_COUNT];
    unsigned return_register;
    bool signal; /* the kernel made the frame: the caller was interrupted, and did not call */
    uint64_t start, end; /* of the function, as the file was linked */
};

/* The row for an address as the file was linked; false if the module has none. */
bool cfi_find(const struct module *module, uint64_t address, struct cfi_row *ret);

/* Evaluates a DWARF expression; `frame` is pushed first if not NULL. False if it needs a register
 * that is not known, memory that cannot be read, or an operation that call frames do not use. */
bool expression_run(const struct rule *rule, const struct registers *registers,
                    const struct memory *memory, const uint64_t *frame, uint64_t *ret);

#endif
