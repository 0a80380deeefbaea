// A checksum for large files, to notice damage; no protection against intent.

#ifndef CK_CHECKSUM_H
#define CK_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t ck_checksum(const void *bytes, size_t count);

#endif
