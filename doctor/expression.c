/* DWARF expressions, as far as call frames use them: the stack of a PLT entry, and the frame of a
 * signal handler, whose registers lie in what the kernel pushed.
 *
 * A small stack machine without loops: a branch goes forward only, so every run ends.
 */
#include "cfi.h"

enum { DEPTH = 32 };

struct machine {
    uint64_t stack[DEPTH];
    int depth;
    bool failed;
};

static void push(struct machine *machine, uint64_t value)
{
    if (machine->depth == DEPTH)
        machine->failed = true;
    else
        machine->stack[machine->depth++] = value;
}

static uint64_t pop(struct machine *machine)
{
    if (machine->depth == 0) {
        machine->failed = true;
        return 0;
    }
    return machine->stack[--machine->depth];
}

static uint64_t pick(struct machine *machine, unsigned index)
{
    if (index >= (unsigned)machine->depth) {
        machine->failed = true;
        return 0;
    }
    return machine->stack[machine->depth - 1 - (int)index];
}

static uint64_t binary(struct machine *machine, uint8_t code)
{
    uint64_t b = pop(machine), a = pop(machine);
    int64_t x = (int64_t)a, y = (int64_t)b;
    switch (code) {
    case 0x1a:
        return a & b;
    case 0x1c:
        return a - b;
    case 0x1e:
        return a * b;
    case 0x21:
        return a | b;
    case 0x22:
        return a + b;
    case 0x24:
        return b < 64 ? a << b : 0;
    case 0x25:
        return b < 64 ? a >> b : 0;
    case 0x26:
        return (uint64_t)(x >> (b < 64 ? b : 63));
    case 0x27:
        return a ^ b;
    case 0x29:
        return x == y;
    case 0x2a:
        return x >= y;
    case 0x2b:
        return x > y;
    case 0x2c:
        return x <= y;
    case 0x2d:
        return x < y;
    case 0x2e:
        return x != y;
    default:
        machine->failed = true;
        return 0;
    }
}

static uint64_t constant(struct cursor *cursor, uint8_t code)
{
    size_t size = (size_t)1 << ((code - 0x08) / 2);
    return code % 2 ? (uint64_t)cursor_signed(cursor, size) : cursor_number(cursor, size);
}

static uint64_t base_plus(struct machine *machine, const struct registers *registers,
                          uint64_t number, int64_t offset)
{
    if (!register_known(registers, (unsigned)number)) {
        machine->failed = true;
        return 0;
    }
    return registers->value[number] + (uint64_t)offset;
}

static void step(struct machine *machine, struct cursor *cursor, const struct registers *registers,
                 const struct memory *memory)
{
    uint8_t code = (uint8_t)cursor_number(cursor, 1);
    uint64_t value = 0;
    if (code >= 0x08 && code <= 0x0f)
        push(machine, constant(cursor, code));
    else if (code >= 0x30 && code <= 0x4f)
        push(machine, code - 0x30u);
    else if (code >= 0x70 && code <= 0x8f)
        push(machine, base_plus(machine, registers, code - 0x70u, cursor_sleb(cursor)));
    else if (code == 0x92) {
        uint64_t number = cursor_uleb(cursor);
        push(machine, base_plus(machine, registers, number, cursor_sleb(cursor)));
    } else if (code == 0x06) {
        machine->failed |= !memory_word(memory, pop(machine), &value);
        push(machine, value);
    } else if (code == 0x94) {
        uint64_t size = cursor_number(cursor, 1), address = pop(machine);
        machine->failed |= size > 8 || !memory_read(memory, address, &value, (size_t)size);
        push(machine, value);
    } else if (code == 0x10)
        push(machine, cursor_uleb(cursor));
    else if (code == 0x11)
        push(machine, (uint64_t)cursor_sleb(cursor));
    else if (code == 0x12)
        push(machine, pick(machine, 0));
    else if (code == 0x13)
        pop(machine);
    else if (code == 0x14)
        push(machine, pick(machine, 1));
    else if (code == 0x15)
        push(machine, pick(machine, (unsigned)cursor_number(cursor, 1)));
    else if (code == 0x1f)
        push(machine, 0 - pop(machine));
    else if (code == 0x20)
        push(machine, ~pop(machine));
    else if (code == 0x23)
        push(machine, pop(machine) + cursor_uleb(cursor));
    else if (code == 0x28 || code == 0x2f) {
        int64_t away = cursor_signed(cursor, 2);
        if (away < 0)
            machine->failed = true;
        else if (code == 0x2f || pop(machine) != 0)
            cursor_skip(cursor, (uint64_t)away);
    } else if (code != 0x96)
        push(machine, binary(machine, code));
}

bool expression_run(const struct rule *rule, const struct registers *registers,
                    const struct memory *memory, const uint64_t *frame, uint64_t *ret)
{
    struct machine machine = {0};
    struct cursor cursor = {rule->bytes, rule->bytes + rule->size, false};
    if (frame)
        push(&machine, *frame);
    while (!machine.failed && !cursor.failed && cursor.at < cursor.end)
        step(&machine, &cursor, registers, memory);
    *ret = pop(&machine);
    return !machine.failed && !cursor.failed;
}
