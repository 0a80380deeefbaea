#define _GNU_SOURCE
#include "ck_memory.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t huge_page = (size_t)2 << 20;

static size_t round_up(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

void *ck_allocate(size_t bytes) {
    if (bytes == 0 || bytes > SIZE_MAX / 2) return NULL;
    // Room to begin on a huge page, where there is at least one of them.
    size_t spare = bytes < huge_page ? 0 : huge_page;
    size_t kept = round_up(bytes, (size_t)sysconf(_SC_PAGESIZE));
    char *mapped = mmap(NULL, kept + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return NULL;
    if (spare == 0) return mapped;
    // What lies outside of the aligned part is given back at once, so that `ck_free` needs no more than the address.
    char *memory = (char *)round_up((size_t)mapped, huge_page);
    size_t before = (size_t)(memory - mapped);
    if (before > 0) munmap(mapped, before);
    if (before < spare) munmap(memory + kept, spare - before);
#if defined(MADV_HUGEPAGE)
    madvise(memory, kept, MADV_HUGEPAGE);
#endif
    return memory;
}

void ck_free(void *memory, size_t bytes) {
    if (memory != NULL) munmap(memory, bytes);
}
