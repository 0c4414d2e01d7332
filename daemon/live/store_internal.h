/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * store_internal.h: the parts of a live store: pools of elements, a heap by end, a trie.
 *
 * An element is known by its number in its pool. Pools have no holes: the last element moves into
 * the place of one that goes, and whoever knew its number is told the new one. So memory follows the
 * number of entries both ways, in chunks, and nothing is copied when a pool grows.
 */
#pragma once

#include "store.h"

#define NONE UINT32_MAX

/* --- pools (pool.c) ---------------------------------------------------------------------- */

#define POOL_CHUNK 1024U /* elements */

struct pool {
	char **chunks;
	size_t n_chunks, capacity; /* that there are, that `chunks` has room for */
	uint32_t n;                /* elements in use: 0 .. n - 1 */
	uint32_t size;             /* bytes of an element */
};

static inline void *pool_at(const struct pool *pool, uint32_t i)
{
	return pool->chunks[i / POOL_CHUNK] + (size_t)(i % POOL_CHUNK) * pool->size;
}

/* Memory for n elements in all; 0 or -ENOMEM. What is reserved stays, as long as pool_trim() is
 * not called with less. */
int pool_reserve(struct pool *pool, size_t n);
/* Give memory back, but for n elements and a chunk or two, so that an entry that comes and goes
 * does not take and return one each time. */
void pool_trim(struct pool *pool, size_t n);
void pool_done(struct pool *pool);
size_t pool_bytes(const struct pool *pool);

/* --- nodes and entries ------------------------------------------------------------------- */

/* A place in the trie: all below agree in the first len bits of addr. A reference to it is the
 * number of an entry, or FORK and the number of a fork; or NONE. */
#define FORK 0x80000000U

struct node {
	uint32_t child[2];
	uint8_t len;
	uint8_t addr[]; /* 4 or 16 bytes, as on the wire */
} __attribute__((packed, aligned(4)));

/* Where paths part and no entry is: two children always. A pool of plain struct node. */

/* Packed: its pools have a million of them. */
struct entry {
	char *comment;
	uint32_t end, since;
	uint32_t place; /* in the heap; NONE: it has no end */
	struct node node;
} __attribute__((packed, aligned(4)));

/* --- the heap (heap.c) ------------------------------------------------------------------- */

struct heap_item {
	uint32_t end;
	uint32_t entry;
};

/* Binary (Williams 1964). The earliest end is at 0. Keeps the entries' `place`. */
struct heap {
	struct pool items; /* of struct heap_item */
	struct pool *entries;
};

/* Room for one more must have been reserved in items. */
void heap_insert(struct heap *heap, uint32_t entry, uint32_t end);
/* The item at this place has another end. */
void heap_change(struct heap *heap, uint32_t place, uint32_t end);
void heap_remove(struct heap *heap, uint32_t place);

/* --- the trie (trie.c) ------------------------------------------------------------------- */

struct trie {
	struct pool entries, forks;
	struct heap heap;
	uint32_t root;
	enum family family;
};

/* A prefix as numbers: bits from the top of hi downward. Those beyond len are 0. */
struct key {
	uint64_t hi, lo;
	uint8_t len;
};

static inline struct entry *entry_at(const struct trie *trie, uint32_t i)
{
	return pool_at(&trie->entries, i);
}

static inline struct node *node_at(const struct trie *trie, uint32_t reference)
{
	if (reference & FORK)
		return pool_at(&trie->forks, reference & ~FORK);
	return &entry_at(trie, reference)->node;
}

static inline bool is_entry(uint32_t reference)
{
	return !(reference & FORK);
}

static inline unsigned int key_bit(const struct key *key, unsigned int i)
{
	return i < 64 ? key->hi >> (63 - i) & 1 : key->lo >> (127 - i) & 1;
}

void trie_init(struct trie *trie, enum family family);
void trie_done(struct trie *trie); /* comments, too */

struct key trie_key(const struct live_prefix *prefix);
struct key trie_node_key(const struct trie *trie, const struct node *node);
/* In how many bits they agree, at most the length of the shorter. */
unsigned int key_common(const struct key *a, const struct key *b);

/* The entry of this prefix, or NONE. */
uint32_t trie_find(const struct trie *trie, const struct key *key);
/* The topmost node that is the prefix or within it, or NONE. */
uint32_t trie_within(const struct trie *trie, const struct key *key);
/* Add it, with no comment and no end, in no heap; it must not be there. So that this and the heap
 * cannot fail, trie_reserve() first. */
int trie_reserve(struct trie *trie);
uint32_t trie_insert(struct trie *trie, const struct live_prefix *prefix);
/* Out of trie, heap and pool. Cannot fail. */
void trie_remove(struct trie *trie, uint32_t entry);
