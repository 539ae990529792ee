/* The unwinder.
 *
 * Without stopping a thread that sleeps in a system call, only two of its registers can be read:
 * the program counter and the stack pointer. For most functions that is enough: compilers address
 * the frame by the stack pointer, and say so in the unwind tables. Two kinds of frame need more.
 *
 * A frame that is addressed by the frame pointer (rbp; a function with alloca, or without
 * optimization), when no inner frame has saved that register. The frame pointer is then searched:
 * the return address of the frame lies above the stack pointer, and the code before it calls this
 * function. The lowest slot with a call of just this function is taken; if there is none, as a
 * thread's first function is called by pointer, the lowest with a call by pointer whose saved frame
 * pointer makes sense. Slots that were left by earlier calls could mislead it, so such frames are
 * marked (FRAME_SEARCHED).
 *
 * A frame without unwind data (musl, hand-written code, code made at run time). If the frame
 * pointer is known and leads to a return address, it is followed. Else the lowest slot that holds
 * the address after a call is taken, a call of this function first (FRAME_GUESSED).
 *
 * A return address is looked up one byte before itself, as the call may be the last thing in its
 * function. The address in the frame above a signal handler was not called, but interrupted: it is
 * exact. So is the innermost.
 *
 * The end: the tables say that the return address is undefined (_start, clone), or it is 0. The
 * stack only shrinks on the way out, except across a signal frame (which may lie on another stack),
 * so a broken stack ends the run instead of turning in circles.
 */
#include "unwind.h"

#include "call_site.h"

enum { SLOT = 8, SEARCH_FRAME = 64 << 10, SEARCH_GUESS = 4 << 10 };

/* Reads of the stack come from the copy as far as it reaches. */
struct view {
    struct memory memory; /* first: memory_read passes it back */
    const struct memory *rest;
    const struct stack_copy *copy;
};

static bool read_view(const struct memory *memory, uint64_t address, void *into, size_t size)
{
    const struct view *view = (const struct view *)memory;
    const struct stack_copy *copy = view->copy;
    uint64_t inside = address - copy->start;
    if (address >= copy->start && inside <= copy->size && size <= copy->size - inside) {
        memcpy(into, copy->bytes + inside, size);
        return true;
    }
    return memory_read(view->rest, address, into, size);
}

static bool in_copy(const struct stack_copy *copy, uint64_t address)
{
    return address >= copy->start && address - copy->start < copy->size;
}

static uint64_t slot_at(const struct stack_copy *copy, uint64_t address)
{
    uint64_t value = 0;
    if (in_copy(copy, address) && copy->size - (address - copy->start) >= SLOT)
        memcpy(&value, copy->bytes + (address - copy->start), SLOT);
    return return_address(value);
}

/* The lowest slot of the stack with a return address of a call to `function`; if there is none, the
 * lowest with a call whose function cannot be told, or (with `any`) any call. 0 for none. */
static uint64_t search_return(const struct modules *modules, const struct stack_copy *copy,
                              uint64_t from, uint64_t size, uint64_t function, bool any)
{
    uint64_t second = 0;
    for (uint64_t at = (from + SLOT - 1) & ~(uint64_t)(SLOT - 1);
         at - from < size && in_copy(copy, at); at += SLOT) {
        uint64_t value = slot_at(copy, at), called = 0;
        if (value < 4096 || !modules_executable(modules, value))
            continue;
        enum call_kind kind = call_before(modules, value, &called);
        if (kind == CALL_KNOWN && called == function)
            return at;
        if (kind == CALL_NONE || second || (kind == CALL_KNOWN && !any))
            continue;
        uint64_t saved = slot_at(copy, at - SLOT);
        if (any || !in_copy(copy, saved) || saved > at)
            second = at;
    }
    return second;
}

static bool value_of(const struct rule *rule, unsigned number, const struct registers *old,
                     uint64_t cfa, const struct memory *memory, uint64_t *ret)
{
    uint64_t address;
    switch (rule->how) {
    case RULE_SAME:
        *ret = old->value[number];
        return register_known(old, number) &&
               ((REGISTERS_SAVED >> number & 1) || number == REGISTER_RETURN);
    case RULE_AT:
        return memory_word(memory, cfa + (uint64_t)rule->number, ret);
    case RULE_IS:
        *ret = cfa + (uint64_t)rule->number;
        return true;
    case RULE_REGISTER:
        if (!register_known(old, (unsigned)rule->number))
            return false;
        *ret = old->value[rule->number];
        return true;
    case RULE_AT_EXPRESSION:
        return expression_run(rule, old, memory, &cfa, &address) &&
               memory_word(memory, address, ret);
    case RULE_IS_EXPRESSION:
        return expression_run(rule, old, memory, &cfa, ret);
    default:
        return false;
    }
}

struct walk {
    struct places *places;
    struct view view;
    struct registers registers;
    struct frame *frame; /* the current one */
};

/* The frame's address by its rule. Searches for the frame pointer if need be. */
static bool frame_address(struct walk *walk, const struct cfi_row *row, uint64_t *ret)
{
    struct registers *registers = &walk->registers;
    if (row->frame.how == RULE_IS_EXPRESSION)
        return expression_run(&row->frame, registers, &walk->view.memory, NULL, ret);
    if (!register_known(registers, row->base)) {
        const struct place *place = walk->frame->place;
        if (row->base != REGISTER_FRAME)
            return false;
        uint64_t slot =
            search_return(walk->places->modules, walk->view.copy, registers->value[REGISTER_STACK],
                          SEARCH_FRAME, place->function_start, false);
        if (!slot)
            return false;
        uint64_t cfa = slot + SLOT;
        if (row->rules[row->return_register].how == RULE_AT)
            cfa = slot - (uint64_t)row->rules[row->return_register].number;
        register_set(registers, REGISTER_FRAME, cfa - (uint64_t)row->frame.number);
        walk->frame->trust = FRAME_SEARCHED;
    }
    *ret = registers->value[row->base] + (uint64_t)row->frame.number;
    return true;
}

enum step { STEP_ON, STEP_END, STEP_LOST };

/* To the caller by the unwind tables. */
static enum step step_by_row(struct walk *walk, const struct cfi_row *row)
{
    struct registers old, *registers = &walk->registers;
    uint64_t cfa, value;
    if (!frame_address(walk, row, &cfa))
        return STEP_LOST;
    if (cfa <= registers->value[REGISTER_STACK] && !row->signal &&
        !(cfa == registers->value[REGISTER_STACK] &&
          row->rules[row->return_register].how == RULE_SAME))
        return STEP_LOST;
    walk->frame->top = cfa;
    old = *registers;
    registers->known = 0;
    for (unsigned i = 0; i < REGISTER_COUNT; i++)
        if (value_of(&row->rules[i], i, &old, cfa, &walk->view.memory, &value))
            register_set(registers, i, value);
    if (row->rules[REGISTER_STACK].how == RULE_SAME)
        register_set(registers, REGISTER_STACK, cfa);
    if (row->rules[row->return_register].how == RULE_UNDEFINED)
        return STEP_END;
    if (!register_known(registers, row->return_register) ||
        !register_known(registers, REGISTER_STACK)) {
        *registers = old;
        return STEP_LOST;
    }
    registers->pc = return_address(registers->value[row->return_register]);
    if (row->return_register == REGISTER_RETURN && !row->signal)
        registers->known &= ~((uint64_t)1 << REGISTER_RETURN);
    return registers->pc == 0 ? STEP_END : STEP_ON;
}

/* To the caller without unwind tables. */
static enum step step_by_guess(struct walk *walk)
{
    struct registers *registers = &walk->registers;
    const struct modules *modules = walk->places->modules;
    const struct stack_copy *copy = walk->view.copy;
    uint64_t sp = registers->value[REGISTER_STACK], frame, called, slot = 0;
    if (register_known(registers, REGISTER_FRAME)) {
        frame = registers->value[REGISTER_FRAME];
        if (frame >= sp && frame % SLOT == 0 &&
            modules_executable(modules, slot_at(copy, frame + SLOT)) &&
            call_before(modules, slot_at(copy, frame + SLOT), &called) != CALL_NONE)
            slot = frame + SLOT;
    }
    if (!slot)
        slot = search_return(modules, copy, sp, SEARCH_GUESS, walk->frame->place->function_start,
                             true);
    if (!slot)
        return STEP_LOST;
    bool by_frame = register_known(registers, REGISTER_FRAME) &&
                    slot == registers->value[REGISTER_FRAME] + SLOT;
    registers->known = 0;
    if (by_frame)
        register_set(registers, REGISTER_FRAME, slot_at(copy, slot - SLOT));
    register_set(registers, REGISTER_STACK, slot + SLOT);
    registers->pc = slot_at(copy, slot);
    walk->frame->top = slot + SLOT;
    return STEP_ON;
}

int unwind(struct places *places, const struct memory *memory, const struct stack_copy *copy,
           struct registers registers, struct frame *frames, enum unwind_end *ret_end)
{
    struct walk walk = {
        .places = places, .view = {{.read = read_view}, memory, copy}, .registers = registers};
    bool exact = true, guessed = false;
    int count = 0;
    *ret_end = UNWIND_LOST;
    while (count < FRAMES_MOST) {
        struct place *place = places_find(places, walk.registers.pc, exact);
        /* What is no code is no frame, but for the innermost: a call through a wild pointer. */
        if (!place || (count > 0 && !modules_executable(places->modules, walk.registers.pc)))
            return count;
        walk.frame = &frames[count++];
        *walk.frame =
            (struct frame){.place = place, .trust = guessed ? FRAME_GUESSED : FRAME_EXACT};
        walk.frame->bottom = walk.frame->top = walk.registers.value[REGISTER_STACK];
        enum step step = place->has_row ? step_by_row(&walk, &place->row) : STEP_LOST;
        exact = place->has_row && place->row.signal;
        guessed = false;
        if (step == STEP_LOST) {
            step = step_by_guess(&walk);
            guessed = true;
            exact = false;
        }
        if (step != STEP_ON) {
            *ret_end = step == STEP_END ? UNWIND_COMPLETE : UNWIND_LOST;
            return count;
        }
    }
    *ret_end = UNWIND_CUT;
    return count;
}
