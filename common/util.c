/* SPDX-License-Identifier: GPL-2.0-only */
#include "util.h"

#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define LARGE_BYTES ((size_t)4 << 20)
/* Beyond that malloc() always has memory of its own from the system, and realloc() moves its pages
 * instead of copying them; what was advised stays so. */
#define MOVED_BYTES ((size_t)32 << 20)

void *prefer_large_pages(void *memory, size_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	/* madvise() wants whole pages: from the first that begins in it to the last that ends. */
	size_t skip = -(uintptr_t)memory & (page - 1);
	int saved = errno;

	if (memory && bytes >= LARGE_BYTES) {
		madvise((char *)memory + skip, (bytes - skip) & ~(page - 1), MADV_HUGEPAGE);
		errno = saved; /* advice: a system without large pages refuses it */
	}
	return memory;
}

/* Like reallocarray(), but what is large is in large pages before anything is copied there. */
static void *grow(void *array, size_t n, size_t size)
{
	size_t old_bytes = malloc_usable_size(array), bytes;
	void *grown;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	if (bytes < LARGE_BYTES)
		return realloc(array, bytes);
	if (old_bytes > MOVED_BYTES)
		return prefer_large_pages(realloc(array, bytes), bytes);
	grown = prefer_large_pages(malloc(bytes), bytes);
	if (!grown)
		return NULL;
	if (array)
		memcpy(grown, array, old_bytes < bytes ? old_bytes : bytes);
	free(array);
	return grown;
}

int array_reserve(void **array, size_t *capacity, size_t needed, size_t size)
{
	size_t target = *capacity ? *capacity : 8;
	void *grown;

	if (needed <= *capacity)
		return 0;
	while (target < needed) {
		if (target > SIZE_MAX / 2)
			return -ENOMEM;
		target *= 2;
	}
	grown = grow(*array, target, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*capacity = target;
	return 0;
}

uint64_t realtime_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
}
