/* Reads the prefixes and the opcode of an instruction that has accessed memory.
 *
 * Only one question matters: does it read the operand, and then write it? The processor tells whether it
 * writes; the address of the operand is that of the fault. An opcode that is not known here counts as one access.
 * Sources: Intel, "Software Developer's Manual", volume 2, appendix A.
 */
#include "instruction.h"

struct prefixes {
    bool lock, wide, narrow;
};

static const uint8_t *skip_prefixes(const uint8_t *code, struct prefixes *ret)
{
    for (;; code++)
        switch (*code) {
        case 0xf0:
            ret->lock = true;
            break;
        case 0x66:
            ret->narrow = true;
            break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
        case 0x64:
        case 0x65:
        case 0x67:
        case 0xf2:
        case 0xf3:
            break;
        default:
            if ((*code & 0xf0) == 0x40) /* REX is the last one */
                ret->wide = *code++ & 8;
            return code;
        }
}

static bool updates_plain(uint8_t opcode, uint8_t extension)
{
    if (opcode < 0x38) /* add, or, adc, sbb, and, sub, xor with a destination in memory */
        return (opcode & 7) < 2;
    switch (opcode) {
    case 0x80:
    case 0x81:
    case 0x83: /* the same with a constant, but for compare */
        return extension != 7;
    case 0xc0:
    case 0xc1:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: /* shifts */
        return true;
    case 0xf6:
    case 0xf7: /* not, neg */
        return extension == 2 || extension == 3;
    case 0xfe:
    case 0xff: /* inc, dec */
        return extension < 2;
    default:
        return false;
    }
}

static bool updates_long(uint8_t opcode, uint8_t extension)
{
    switch (opcode) {
    case 0xab: /* set, reset or complement a bit */
    case 0xb3:
    case 0xbb:
    case 0xa4: /* double shifts */
    case 0xa5:
    case 0xac:
    case 0xad:
    case 0xb0: /* compare and exchange; exchange and add */
    case 0xb1:
    case 0xc0:
    case 0xc1:
        return true;
    case 0xba:
        return extension > 4;
    default:
        return false;
    }
}

struct instruction thrum__instruction(const uint8_t *code)
{
    struct prefixes prefixes = {0};
    code = skip_prefixes(code, &prefixes);
    bool is_long = *code == 0x0f, bytes;
    uint8_t opcode = is_long ? code[1] : code[0];
    uint8_t extension = (is_long ? code[2] : code[1]) >> 3 & 7;
    bytes = is_long ? opcode == 0xb0 || opcode == 0xc0 : !(opcode & 1);
    bool exchanges = !is_long && (opcode == 0x86 || opcode == 0x87);
    return (struct instruction){
        .size = bytes             ? 1
                : prefixes.wide   ? 8
                : prefixes.narrow ? 2
                                  : 4,
        .updates = exchanges ||
                   (is_long ? updates_long(opcode, extension) : updates_plain(opcode, extension)),
        .atomic = exchanges || prefixes.lock,
        .jumps = !is_long && opcode == 0xff && extension == 4,
    };
}
