/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trie.c: a binary trie with compressed paths. Each way down has at most one node a length, so 33 or
 * 129; nothing here recurs.
 */
#include "store_internal.h"

#include <endian.h>
#include <string.h>

#include "util.h"

/* References are 31 bits wide. */
#define MOST_ENTRIES (FORK - 2)

static size_t addr_bytes(enum family family)
{
	return family == FAMILY_V4 ? 4 : 16;
}

void trie_init(struct trie *trie, enum family family)
{
	*trie = (struct trie){ .root = NONE, .family = family };
	trie->entries.size =
		(uint32_t)((offsetof(struct entry, node.addr) + addr_bytes(family) + 3) & ~3U);
	trie->forks.size = (uint32_t)((offsetof(struct node, addr) + addr_bytes(family) + 3) & ~3U);
	trie->heap.items.size = sizeof(struct heap_item);
	trie->heap.entries = &trie->entries;
}

void trie_done(struct trie *trie)
{
	for (uint32_t i = 0; i < trie->entries.n; i++)
		free(entry_at(trie, i)->comment);
	pool_done(&trie->entries);
	pool_done(&trie->forks);
	pool_done(&trie->heap.items);
}

/* --- keys -------------------------------------------------------------------------------- */

static struct key make_key(enum family family, const uint8_t *addr, uint8_t len)
{
	struct key key = { .len = len };
	uint32_t upper;

	if (family == FAMILY_V4) {
		memcpy(&upper, addr, sizeof(upper));
		key.hi = (uint64_t)be32toh(upper) << 32;
		return key;
	}
	memcpy(&key.hi, addr, 8);
	memcpy(&key.lo, addr + 8, 8);
	key.hi = be64toh(key.hi);
	key.lo = be64toh(key.lo);
	return key;
}

struct key trie_key(const struct live_prefix *prefix)
{
	return make_key(prefix->family, prefix->addr, prefix->len);
}

struct key trie_node_key(const struct trie *trie, const struct node *node)
{
	return make_key(trie->family, node->addr, node->len);
}

unsigned int key_common(const struct key *a, const struct key *b)
{
	unsigned int most = a->len < b->len ? a->len : b->len, n = 128;

	if (a->hi != b->hi)
		n = (unsigned int)__builtin_clzll(a->hi ^ b->hi);
	else if (a->lo != b->lo)
		n = 64 + (unsigned int)__builtin_clzll(a->lo ^ b->lo);
	return n < most ? n : most;
}

/* --- looking ----------------------------------------------------------------------------- */

/* As far down as nodes cover the key and are shorter: what refers to the node where it ends, which
 * is the key's own, one that parts from it or lies within it, or NONE. */
static uint32_t *descend(struct trie *trie, const struct key *key)
{
	uint32_t *slot = &trie->root;

	while (*slot != NONE) {
		struct node *node = node_at(trie, *slot);
		struct key there = trie_node_key(trie, node);

		if (node->len >= key->len || key_common(&there, key) < node->len)
			break;
		slot = &node->child[key_bit(key, node->len)];
	}
	return slot;
}

uint32_t trie_within(const struct trie *trie, const struct key *key)
{
	uint32_t reference = *descend((struct trie *)trie, key);
	struct key there;

	if (reference == NONE)
		return NONE;
	there = trie_node_key(trie, node_at(trie, reference));
	return key_common(&there, key) == key->len ? reference : NONE;
}

uint32_t trie_find(const struct trie *trie, const struct key *key)
{
	uint32_t reference = trie_within(trie, key);

	if (reference == NONE || !is_entry(reference) || node_at(trie, reference)->len != key->len)
		return NONE;
	return reference;
}

/* --- adding ------------------------------------------------------------------------------ */

/* An entry may have to become a fork when it is removed, which must not fail: there is room for as
 * many forks as there are entries; more than that there never are. */
int trie_reserve(struct trie *trie)
{
	size_t n = (size_t)trie->entries.n + 1;

	if (n > MOST_ENTRIES || pool_reserve(&trie->entries, n) < 0 ||
	    pool_reserve(&trie->forks, n) < 0 || pool_reserve(&trie->heap.items, n) < 0)
		return -ENOMEM;
	return 0;
}

static uint32_t new_fork(struct trie *trie, const struct node *model, uint8_t len)
{
	uint32_t number = trie->forks.n++;
	struct node *fork = pool_at(&trie->forks, number);
	size_t n = addr_bytes(trie->family);

	*fork = (struct node){ .len = len };
	memcpy(fork->addr, model->addr, n);
	/* Bits beyond len are 0, as in prefixes. */
	if (len < 8 * n) {
		fork->addr[len / 8] &= (uint8_t)(0xff00 >> len % 8);
		memset(fork->addr + len / 8 + 1, 0, n - len / 8 - 1);
	}
	return number | FORK;
}

static void free_fork(struct trie *trie, uint32_t reference);

uint32_t trie_insert(struct trie *trie, const struct live_prefix *prefix)
{
	struct key key = trie_key(prefix), there;
	uint32_t *slot = descend(trie, &key);
	uint32_t number = trie->entries.n++, below = *slot;
	struct entry *entry = entry_at(trie, number);
	struct node *node;
	unsigned int common;

	*entry = (struct entry){ .end = LIVE_FOREVER, .place = NONE };
	entry->node.child[0] = entry->node.child[1] = NONE;
	entry->node.len = prefix->len;
	memcpy(entry->node.addr, prefix->addr, addr_bytes(trie->family));
	if (below == NONE) {
		*slot = number;
		return number;
	}
	node = node_at(trie, below);
	there = trie_node_key(trie, node);
	common = key_common(&there, &key);
	if (node->len == key.len && common == key.len) { /* in the place of a fork */
		memcpy(entry->node.child, node->child, sizeof(node->child));
		*slot = number;
		free_fork(trie, below);
	} else if (common == key.len) { /* between two nodes */
		entry->node.child[key_bit(&there, common)] = below;
		*slot = number;
	} else {
		uint32_t reference = new_fork(trie, &entry->node, (uint8_t)common);
		struct node *fork = node_at(trie, reference);

		fork->child[key_bit(&there, common)] = below;
		fork->child[key_bit(&key, common)] = number;
		*slot = reference;
	}
	return number;
}

/* --- removing ---------------------------------------------------------------------------- */

/* A node has another number: whoever refers to it. It is in the trie. */
static void refer_anew(struct trie *trie, const struct node *node, uint32_t old, uint32_t new)
{
	struct key key = trie_node_key(trie, node);
	uint32_t *slot = &trie->root;

	while (*slot != old) {
		struct node *above = node_at(trie, *slot);

		slot = &above->child[key_bit(&key, above->len)];
	}
	*slot = new;
}

/* Nothing refers to it any more. */
static void free_fork(struct trie *trie, uint32_t reference)
{
	uint32_t hole = reference & ~FORK, last = --trie->forks.n;

	if (hole != last) {
		struct node *moved = pool_at(&trie->forks, hole);

		memcpy(moved, pool_at(&trie->forks, last), trie->forks.size);
		refer_anew(trie, moved, last | FORK, reference);
	}
}

static void free_entry(struct trie *trie, uint32_t hole)
{
	uint32_t last = --trie->entries.n;

	if (hole != last) {
		struct entry *moved = entry_at(trie, hole);

		memcpy(moved, entry_at(trie, last), trie->entries.size);
		refer_anew(trie, &moved->node, last, hole);
		if (moved->place != NONE) {
			struct heap_item *item = pool_at(&trie->heap.items, moved->place);

			item->entry = hole;
		}
	}
	pool_trim(&trie->entries, last);
	pool_trim(&trie->forks, last);
	pool_trim(&trie->heap.items, last);
}

void trie_remove(struct trie *trie, uint32_t number)
{
	struct entry *entry = entry_at(trie, number);
	struct node *node = &entry->node;
	struct key key = trie_node_key(trie, node);
	uint32_t *slot = &trie->root, *above = NULL;
	uint32_t fork = NONE;

	if (entry->place != NONE)
		heap_remove(&trie->heap, entry->place);
	while (*slot != number) {
		struct node *parent = node_at(trie, *slot);

		above = slot;
		slot = &parent->child[key_bit(&key, parent->len)];
	}
	if (node->child[0] != NONE && node->child[1] != NONE) {
		uint32_t reference = new_fork(trie, node, node->len);

		memcpy(node_at(trie, reference)->child, node->child, sizeof(node->child));
		*slot = reference;
	} else {
		*slot = node->child[node->child[0] == NONE];
		/* A fork with one way is none. */
		if (*slot == NONE && above && !is_entry(*above)) {
			struct node *parent = node_at(trie, *above);

			fork = *above;
			*above = parent->child[parent->child[0] == NONE];
		}
	}
	if (fork != NONE)
		free_fork(trie, fork);
	free_entry(trie, number);
}
