/* The interpreter of .eh_frame.
 *
 * .eh_frame is a list of entries: a CIE says what many functions have in common, an FDE has the
 * range of one function and a program. The program builds a table with one row for each place:
 * where the frame's address is, and where the caller's registers are saved. It is run up to the
 * place that is asked for.
 *
 * .eh_frame_hdr has a table of all functions in order of addresses, which is searched by halves.
 * Without it (a static program that is not position independent) the entries are walked.
 *
 * Everything is bounded: the cursor ends with the entry, the number of remembered rows is fixed, a
 * register that is not known to us is ignored. A program that is wrong gives no row, or a wrong
 * one; a wrong one leads unwind.c to an address that is not code, where it stops.
 *
 * libgcc's unwinder works on its own process and takes locks; libunwind and libdw read another
 * process, but ask for registers that only ptrace can give.
 *
 * Sources: the DWARF 5 standard, section 6.4; the Linux Standard Base on .eh_frame.
 */
#include "cfi.h"

enum { ENCODING_OMIT = 0xff, ENCODING_PC_RELATIVE = 0x10, REMEMBERED = 8 };

struct cie {
    uint64_t code_factor;
    int64_t data_factor;
    unsigned return_register;
    uint8_t encoding;
    bool augmented, signal;
    struct cursor program;
};

static uint64_t linked_address(const struct module *module, const uint8_t *at)
{
    return module->frames.address + (uint64_t)(at - module->frames.bytes);
}

/* A pointer in one of the forms that .eh_frame uses. */
static uint64_t encoded(const struct module *module, struct cursor *cursor, uint8_t encoding)
{
    uint64_t here = linked_address(module, cursor->at), value = 0;
    if (encoding == ENCODING_OMIT)
        return 0;
    switch (encoding & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
        value = cursor_number(cursor, 8);
        break;
    case 0x01:
        value = cursor_uleb(cursor);
        break;
    case 0x02:
        value = cursor_number(cursor, 2);
        break;
    case 0x03:
        value = cursor_number(cursor, 4);
        break;
    case 0x09:
        value = (uint64_t)cursor_sleb(cursor);
        break;
    case 0x0a:
        value = (uint64_t)cursor_signed(cursor, 2);
        break;
    case 0x0b:
        value = (uint64_t)cursor_signed(cursor, 4);
        break;
    default:
        cursor->failed = true;
    }
    if ((encoding & 0x70) == ENCODING_PC_RELATIVE)
        value += here;
    else if (encoding & 0x70)
        cursor->failed = true;
    return value;
}

/* The body of the entry at `at`, after its length. False at the end or if it is cut. */
static bool entry_at(const struct module *module, const uint8_t *at, struct cursor *ret)
{
    struct cursor cursor = {at, module->frames.bytes + module->frames.size, false};
    uint64_t size = cursor_number(&cursor, 4);
    if (size == 0xffffffff)
        size = cursor_number(&cursor, 8);
    if (cursor.failed || size < 4 || size > cursor_left(&cursor))
        return false;
    *ret = (struct cursor){cursor.at, cursor.at + size, false};
    return true;
}

static bool read_cie(const struct module *module, const uint8_t *at, struct cie *ret)
{
    struct cursor cursor;
    if (at < module->frames.bytes || at >= module->frames.bytes + module->frames.size ||
        !entry_at(module, at, &cursor) || cursor_number(&cursor, 4) != 0)
        return false;
    *ret = (struct cie){0};
    uint64_t version = cursor_number(&cursor, 1);
    const uint8_t *letters = cursor.at;
    while (cursor_number(&cursor, 1) != 0)
        if (cursor.failed)
            return false;
    if (version != 1 && version != 3)
        return false;
    ret->code_factor = cursor_uleb(&cursor);
    ret->data_factor = cursor_sleb(&cursor);
    ret->return_register =
        (unsigned)(version == 1 ? cursor_number(&cursor, 1) : cursor_uleb(&cursor));
    if (*letters == 'z') {
        uint64_t size = cursor_uleb(&cursor);
        struct cursor data = cursor;
        ret->augmented = true;
        cursor_skip(&cursor, size);
        for (const uint8_t *letter = letters + 1; *letter; letter++) {
            if (*letter == 'R')
                ret->encoding = (uint8_t)cursor_number(&data, 1);
            else if (*letter == 'L')
                cursor_skip(&data, 1);
            else if (*letter == 'P') {
                uint8_t encoding = (uint8_t)cursor_number(&data, 1);
                encoded(module, &data, encoding & 0x0f);
            } else if (*letter == 'S')
                ret->signal = true;
            else if (*letter != 'B' && *letter != 'G')
                return false;
        }
        cursor.failed |= data.failed;
    } else if (*letters)
        return false;
    ret->program = cursor;
    return !cursor.failed && ret->return_register < REGISTER_COUNT;
}

struct fde {
    uint64_t start, end;
    struct cie cie;
    struct cursor program;
};

static bool read_fde(const struct module *module, const uint8_t *at, struct fde *ret)
{
    struct cursor cursor;
    if (!entry_at(module, at, &cursor))
        return false;
    const uint8_t *field = cursor.at;
    uint64_t back = cursor_number(&cursor, 4);
    if (back == 0 || back > (uint64_t)(field - module->frames.bytes) ||
        !read_cie(module, field - back, &ret->cie))
        return false;
    ret->start = encoded(module, &cursor, ret->cie.encoding);
    ret->end = ret->start + encoded(module, &cursor, ret->cie.encoding & 0x0f);
    if (ret->cie.augmented)
        cursor_skip(&cursor, cursor_uleb(&cursor));
    ret->program = cursor;
    return !cursor.failed;
}

static bool covers(const struct fde *fde, uint64_t address)
{
    return address >= fde->start && address < fde->end;
}

/* By the table of .eh_frame_hdr. */
static bool find_by_table(const struct module *module, uint64_t address, struct fde *ret)
{
    enum { COUNT_4 = 0x03, TABLE_RELATIVE_4 = 0x3b, HEAD = 12 };
    const struct blob *header = &module->frame_header;
    if (!header->bytes || header->size < HEAD || header->bytes[2] != COUNT_4 ||
        header->bytes[3] != TABLE_RELATIVE_4)
        return false;
    uint32_t count;
    memcpy(&count, header->bytes + 8, sizeof count);
    if (count > (header->size - HEAD) / 8)
        count = (uint32_t)((header->size - HEAD) / 8);
    uint32_t low = 0, high = count;
    int32_t pair[2];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        memcpy(pair, header->bytes + HEAD + 8 * (size_t)middle, sizeof pair);
        if (address >= header->address + (uint64_t)(int64_t)pair[0])
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    memcpy(pair, header->bytes + HEAD + 8 * (size_t)(low - 1), sizeof pair);
    uint64_t offset = header->address + (uint64_t)(int64_t)pair[1] - module->frames.address;
    return offset < module->frames.size && read_fde(module, module->frames.bytes + offset, ret) &&
           covers(ret, address);
}

static bool find_by_walk(const struct module *module, uint64_t address, struct fde *ret)
{
    const uint8_t *at = module->frames.bytes;
    struct cursor body;
    while (at && at < module->frames.bytes + module->frames.size && entry_at(module, at, &body)) {
        if (read_fde(module, at, ret) && covers(ret, address))
            return true;
        at = body.end;
    }
    return false;
}

/* A product that may be too large: tables that are wrong are no reason to stop. */
static int64_t scaled(uint64_t value, int64_t factor)
{
    return (int64_t)(value * (uint64_t)factor);
}

/* A program that runs. */
struct run {
    struct cfi_row *row, initial;
    struct cfi_row saved[REMEMBERED];
    int depth;
    const struct cie *cie;
    uint64_t place, wanted;
};

static void set_rule(struct run *run, uint64_t number, enum rule_how how, int64_t value)
{
    if (number < REGISTER_COUNT)
        run->row->rules[number] = (struct rule){.how = (uint8_t)how, .number = value};
}

static void set_expression(struct rule *rule, enum rule_how how, struct cursor *cursor)
{
    uint64_t size = cursor_uleb(cursor);
    *rule = (struct rule){.how = (uint8_t)how, .bytes = cursor->at, .size = (size_t)size};
    cursor_skip(cursor, size);
}

static void set_frame(struct run *run, uint64_t base, int64_t number)
{
    run->row->base = (unsigned)base;
    run->row->frame = (struct rule){.how = RULE_IS, .number = number};
}

/* The operations that set a rule. False if it is none of them. */
static bool run_rule(struct run *run, uint8_t code, struct cursor *cursor)
{
    int64_t factor = run->cie->data_factor;
    struct rule none;
    uint64_t number;
    switch (code) {
    case 0x05: /* offset_extended */
        number = cursor_uleb(cursor);
        set_rule(run, number, RULE_AT, scaled(cursor_uleb(cursor), factor));
        return true;
    case 0x06: /* restore_extended */
        number = cursor_uleb(cursor);
        if (number < REGISTER_COUNT)
            run->row->rules[number] = run->initial.rules[number];
        return true;
    case 0x07:
        set_rule(run, cursor_uleb(cursor), RULE_UNDEFINED, 0);
        return true;
    case 0x08:
        set_rule(run, cursor_uleb(cursor), RULE_SAME, 0);
        return true;
    case 0x09: /* register */
        number = cursor_uleb(cursor);
        set_rule(run, number, RULE_REGISTER, (int64_t)cursor_uleb(cursor));
        return true;
    case 0x10:
    case 0x16: /* expression, val_expression */
        number = cursor_uleb(cursor);
        set_expression(number < REGISTER_COUNT ? &run->row->rules[number] : &none,
                       code == 0x10 ? RULE_AT_EXPRESSION : RULE_IS_EXPRESSION, cursor);
        return true;
    case 0x11: /* offset_extended_sf */
        number = cursor_uleb(cursor);
        set_rule(run, number, RULE_AT, scaled((uint64_t)cursor_sleb(cursor), factor));
        return true;
    case 0x14: /* val_offset */
        number = cursor_uleb(cursor);
        set_rule(run, number, RULE_IS, scaled(cursor_uleb(cursor), factor));
        return true;
    case 0x15: /* val_offset_sf */
        number = cursor_uleb(cursor);
        set_rule(run, number, RULE_IS, scaled((uint64_t)cursor_sleb(cursor), factor));
        return true;
    case 0x2f: /* GNU_negative_offset_extended */
        number = cursor_uleb(cursor);
        set_rule(run, number, RULE_AT, scaled(0 - cursor_uleb(cursor), factor));
        return true;
    default:
        return false;
    }
}

/* The operations that set the frame's address, and those without effect here. */
static bool run_frame(struct run *run, uint8_t code, struct cursor *cursor)
{
    uint64_t number;
    switch (code) {
    case 0x00:
        return true; /* nop */
    case 0x0a:       /* remember_state */
        if (run->depth == REMEMBERED)
            return false;
        run->saved[run->depth++] = *run->row;
        return true;
    case 0x0b: /* restore_state */
        if (run->depth == 0)
            return false;
        *run->row = run->saved[--run->depth];
        return true;
    case 0x0c: /* def_cfa */
        number = cursor_uleb(cursor);
        set_frame(run, number, (int64_t)cursor_uleb(cursor));
        return true;
    case 0x0d:
        run->row->base = (unsigned)cursor_uleb(cursor);
        return true;
    case 0x0e:
        run->row->frame.number = (int64_t)cursor_uleb(cursor);
        return true;
    case 0x0f:
        set_expression(&run->row->frame, RULE_IS_EXPRESSION, cursor);
        return true;
    case 0x12: /* def_cfa_sf */
        number = cursor_uleb(cursor);
        set_frame(run, number, scaled((uint64_t)cursor_sleb(cursor), run->cie->data_factor));
        return true;
    case 0x13:
        run->row->frame.number = scaled((uint64_t)cursor_sleb(cursor), run->cie->data_factor);
        return true;
    case 0x2d:
        return true; /* AARCH64_negate_ra_state; GNU_window_save elsewhere */
    case 0x2e:
        cursor_uleb(cursor);
        return true; /* GNU_args_size */
    default:
        return false;
    }
}

static bool run_program(struct run *run, const struct module *module, struct cursor cursor)
{
    uint64_t factor = run->cie->code_factor;
    while (!cursor.failed && cursor.at < cursor.end) {
        uint8_t code = (uint8_t)cursor_number(&cursor, 1), low = code & 0x3f;
        uint64_t place = run->place;
        if (code >> 6 == 1)
            place += low * factor;
        else if (code >> 6 == 2)
            set_rule(run, low, RULE_AT, scaled(cursor_uleb(&cursor), run->cie->data_factor));
        else if (code >> 6 == 3) {
            if (low < REGISTER_COUNT)
                run->row->rules[low] = run->initial.rules[low];
        } else if (code == 0x01)
            place = encoded(module, &cursor, run->cie->encoding);
        else if (code >= 0x02 && code <= 0x04)
            place += cursor_number(&cursor, (size_t)1 << (code - 2)) * factor;
        else if (!run_rule(run, code, &cursor) && !run_frame(run, code, &cursor))
            return false;
        if (place > run->wanted)
            return true;
        run->place = place;
    }
    return !cursor.failed;
}

bool cfi_find(const struct module *module, uint64_t address, struct cfi_row *ret)
{
    struct fde fde;
    if (module->frame_header.bytes ? !find_by_table(module, address, &fde)
                                   : !find_by_walk(module, address, &fde))
        return false;
    *ret = (struct cfi_row){.return_register = fde.cie.return_register,
                            .signal = fde.cie.signal,
                            .start = fde.start,
                            .end = fde.end};
    struct run run = {.row = ret, .cie = &fde.cie, .place = fde.start, .wanted = ~(uint64_t)0};
    if (!run_program(&run, module, fde.cie.program))
        return false;
    run.initial = *ret;
    run.place = fde.start;
    run.wanted = address;
    return run_program(&run, module, fde.program);
}
