/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pool.c: elements of one size, in chunks that never move.
 */
#include "store_internal.h"

#include "util.h"

static size_t chunks_for(size_t n)
{
	return (n + POOL_CHUNK - 1) / POOL_CHUNK;
}

int pool_reserve(struct pool *pool, size_t n)
{
	size_t wanted = chunks_for(n);

	if (wanted <= pool->n_chunks)
		return 0;
	if (array_reserve((void **)&pool->chunks, &pool->capacity, wanted, sizeof(*pool->chunks)) <
	    0)
		return -ENOMEM;
	while (pool->n_chunks < wanted) {
		char *chunk = malloc((size_t)POOL_CHUNK * pool->size);

		if (!chunk)
			return -ENOMEM;
		pool->chunks[pool->n_chunks++] = chunk;
	}
	return 0;
}

void pool_trim(struct pool *pool, size_t n)
{
	size_t kept = n ? chunks_for(n) + 1 : 0;

	while (pool->n_chunks > kept)
		free(pool->chunks[--pool->n_chunks]);
	if (!kept) {
		free(pool->chunks);
		pool->chunks = NULL;
		pool->capacity = 0;
	}
}

void pool_done(struct pool *pool)
{
	pool->n = 0;
	pool_trim(pool, 0);
}

size_t pool_bytes(const struct pool *pool)
{
	return pool->n_chunks * POOL_CHUNK * pool->size + pool->capacity * sizeof(*pool->chunks);
}
