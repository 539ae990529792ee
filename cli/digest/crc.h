/* The checksum of POSIX's cksum: a CRC of 32 bits over the bytes and their number. */
#ifndef CLI_DIGEST_CRC_H
#define CLI_DIGEST_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Adds bytes to a checksum. The first checksum is 0. */
uint32_t crc_add(uint32_t crc, const unsigned char *bytes, size_t size);

/* The final checksum, after `size` bytes in all. */
uint32_t crc_end(uint32_t crc, uint64_t size);

#endif
