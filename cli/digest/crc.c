/* The polynomial is 0x04C11DB7, most significant bit first. Eight tables take eight bytes in one
 * step ("slicing by 8": Kounavis and Berry, 2005): table k is the effect of a byte that k more
 * bytes follow. */
#include "crc.h"

#include <thrum.h>

static const uint32_t polynomial = 0x04C11DB7;
static uint32_t tables[8][256];
static thrum_once made = THRUM_ONCE_INIT;

static int make_tables(void *context)
{
    (void)context;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i << 24;
        for (int bit = 0; bit < 8; bit++)
            crc = crc << 1 ^ (crc >> 31 ? polynomial : 0);
        tables[0][i] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int i = 0; i < 256; i++)
            tables[k][i] = tables[k - 1][i] << 8 ^ tables[0][tables[k - 1][i] >> 24];
    return 0;
}

static uint32_t add_byte(uint32_t crc, unsigned char byte)
{
    return crc << 8 ^ tables[0][crc >> 24 ^ byte];
}

uint32_t crc_add(uint32_t crc, const unsigned char *bytes, size_t size)
{
    (void)!thrum_once_run(&made, make_tables, NULL); /* cannot fail */
    for (; size >= 8; size -= 8, bytes += 8)
        crc = tables[7][crc >> 24 ^ bytes[0]] ^ tables[6][(crc >> 16 & 255) ^ bytes[1]] ^
              tables[5][(crc >> 8 & 255) ^ bytes[2]] ^ tables[4][(crc & 255) ^ bytes[3]] ^
              tables[3][bytes[4]] ^ tables[2][bytes[5]] ^ tables[1][bytes[6]] ^ tables[0][bytes[7]];
    while (size-- > 0)
        crc = add_byte(crc, *bytes++);
    return crc;
}

uint32_t crc_end(uint32_t crc, uint64_t size)
{
    (void)!thrum_once_run(&made, make_tables, NULL); /* cannot fail */
    for (; size > 0; size >>= 8)
        crc = add_byte(crc, (unsigned char)(size & 255));
    return ~crc;
}
