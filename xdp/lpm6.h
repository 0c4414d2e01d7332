/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lpm6.h: from an IPv6 address to its row: down a B+-tree of upper halves, and, only where an
 * upper half is cut in many pieces, down one of lower halves; abi.h tells the layout. Indices
 * have 64 bits for the reason that lpm4.h gives.
 */
#pragma once

#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "config.h"
#include "table.h"

TABLE_MAP(lpm6, sizeof(__u64));

/* See lpm4_word() and lpm4_chunk(). */
static __always_inline __u64 lpm6_word(const __u64 *words, __u64 index)
{
	asm volatile("" : "+r"(index));
	if (index >= config.n_lpm6)
		return 0;
	return words[index];
}

static __always_inline const __u64 *lpm6_block(const __u64 *words, __u64 index)
{
	asm volatile("" : "+r"(index));
	if (config.n_lpm6 < LPM6_LEAF_WORDS || index > config.n_lpm6 - LPM6_LEAF_WORDS)
		return NULL;
	return words + index;
}

/* Fields of a tree's reference, see abi.h. */
static __always_inline __u64 lpm6_index(__u64 tree)
{
	return tree & 0xffffffff;
}

static __always_inline __u64 lpm6_depth(__u64 tree)
{
	return tree >> LPM6_DEPTH_SHIFT & 0xff;
}

static __always_inline __u64 lpm6_value_size(__u64 tree)
{
	return tree >> LPM6_VALUE_SHIFT & 0x3;
}

static __always_inline __u64 lpm6_leaf_words(__u64 tree)
{
	return tree >> LPM6_LEAF_SHIFT & 0xff;
}

static __always_inline bool lpm6_wide(__u64 tree)
{
	if (!(config.lpm6_uses & LPM6_USES_NARROW))
		return true;
	return config.lpm6_uses & LPM6_USES_WIDE && tree >> LPM6_WIDE_SHIFT & 1;
}

/* Where a search ended. */
struct lpm6_found {
	const __u64 *leaf;
	__u64 base; /* the leaf's first key */
	__u64 at;   /* the entry's place in the leaf */
	__u64 key;  /* the entry's */
	__u64 value;
};

/* The leaf that has the key. All keys of a node are compared, at no branch's price: 1 for each
 * child that begins behind the key. */
static __always_inline bool lpm6_descend(const __u64 *words, __u64 tree, __u64 key,
					 struct lpm6_found *found)
{
	__u64 index = lpm6_index(tree), child = 0, half = key >> 1;

	found->base = 0;
	for (__u64 level = 0; level < LPM6_MAX_DEPTH && level < lpm6_depth(tree); level++) {
		const __u64 *node;
		__u64 k = LPM6_NODE_WORDS - 1;

		node = lpm6_block(words,
				  lpm6_word(words, index + 1 + level) + child * LPM6_NODE_WORDS);
		if (!node)
			return false;
#pragma unroll
		for (int i = 1; i < LPM6_NODE_WORDS; i++)
			k -= (half - node[i]) >> 63;
		k &= LPM6_NODE_WORDS - 1;
		found->base = node[k] << 1;
		child = child * LPM6_NODE_WORDS + k;
	}
	if (lpm6_depth(tree))
		index = lpm6_word(words, index) + child * LPM6_LEAF_WORDS;
	found->leaf = lpm6_block(words, index);
	return found->leaf;
}

/* 1 if a < b. */
static __always_inline __u64 lpm6_less(__u64 a, __u64 b)
{
	return ((~a & b) | ((~a | b) & (a - b))) >> 63;
}

static __always_inline __u64 lpm6_places(const struct lpm6_found *found)
{
	return found->leaf[0] >> LPM6_PLACES_SHIFT;
}

/* Keys are compared first at the beginning of each group of four, then within one. What lies
 * behind the last place is no key, but costs less to compare than not to; so do the others. */
#define GROUP 4

static __always_inline void lpm6_search_wide(__u64 key, struct lpm6_found *found)
{
	const __u64 *keys = found->leaf + 1;
	__u64 places = lpm6_places(found), at = 0;

#pragma unroll
	for (__u64 i = 1; i < LPM6_MAX_WIDE_PLACES / GROUP; i++)
		at += ~lpm6_less(key, keys[i * GROUP]) & (i * GROUP - places) >> 63;
	if (at >= LPM6_MAX_WIDE_PLACES / GROUP)
		at = 0; /* no key gets here */
	at *= GROUP;
	keys += at;
	places -= at;
	found->at = at;
	at = GROUP - 1;
#pragma unroll
	for (__u64 i = 1; i < GROUP; i++)
		at -= lpm6_less(key, keys[i]) | (places - 1 - i) >> 63;
	at &= GROUP - 1;
	found->at += at;
	found->key = keys[at];
}

static __always_inline void lpm6_search_narrow(__u64 key, struct lpm6_found *found)
{
	const __u32 *keys = (const __u32 *)(found->leaf + 1);
	__u64 shift = found->leaf[0] >> LPM6_SHIFT_SHIFT & 0x3f, places = lpm6_places(found);
	__u64 near = (key - found->base) >> shift, at = 0;

	if (near > 0xffffffff)
		near = 0xffffffff;
#pragma unroll
	for (__u64 i = 1; i < LPM6_MAX_PLACES / GROUP; i++)
		at += (~(near - keys[i * GROUP]) & (i * GROUP - places)) >> 63;
	if (at >= LPM6_MAX_PLACES / GROUP)
		at = 0; /* no key gets here */
	at *= GROUP;
	keys += at;
	places -= at;
	found->at = at;
	at = GROUP - 1;
#pragma unroll
	for (__u64 i = 1; i < GROUP; i++)
		at -= ((near - keys[i]) | (places - 1 - i)) >> 63;
	at &= GROUP - 1;
	found->at += at;
	found->key = found->base + ((__u64)keys[at] << shift);
}

/* Find the entry that holds the key. False if there is none, which no tree says. */
static __always_inline bool lpm6_search(const __u64 *words, __u64 tree, __u64 values, __u64 key,
					struct lpm6_found *found)
{
	__u64 size = lpm6_value_size(tree), bit, value;

	if (!lpm6_descend(words, tree, key, found))
		return false;
	/* Fetch the other line of the leaf while this one is searched. */
	value = found->leaf[LPM6_LEAF_WORDS / 2];
	asm volatile("" : : "r"(value));
	bit = 64 + (lpm6_places(found) << (lpm6_wide(tree) ? 6 : 5));
	if (lpm6_wide(tree))
		lpm6_search_wide(key, found);
	else
		lpm6_search_narrow(key, found);
	bit += found->at << (size + 3);
	value = found->leaf[bit / 64 % LPM6_LEAF_WORDS] >> bit % 64;
	found->value = lpm6_word(words, values + (value & ((1ULL << (8 << size)) - 1)));
	return true;
}

/* The word of the entry found: behind as many halves, from the leaf's end, as the entries ahead of
 * it have. Of one that has a single half, the rest is anything. */
static __always_inline __u64 lpm6_entry_word(__u64 tree, const struct lpm6_found *found)
{
	const __u32 *halves = (const __u32 *)found->leaf;
	__u64 ahead = (1ULL << found->at) - 1, at;

	ahead = found->leaf[0] & (ahead | ahead << LPM6_SECOND_SHIFT);
	ahead -= ahead >> 1 & 0x5555555555555555;
	ahead = (ahead & 0x3333333333333333) + (ahead >> 2 & 0x3333333333333333);
	ahead = (ahead + (ahead >> 4)) & 0x0f0f0f0f0f0f0f0f;
	ahead = ahead * 0x0101010101010101 >> 56;
	at = 2 * lpm6_leaf_words(tree) - 1 - ahead;
	return (__u64)halves[at % (2 * LPM6_LEAF_WORDS)] << 32 |
	       halves[(at - 1) % (2 * LPM6_LEAF_WORDS)];
}

/* Judged once by the verifier, like parse_ipv6_chain(). */
__noinline __u32 lpm6_lookup(__u64 tree, __u32 values, __u64 upper, __u64 lower)
{
	const __u64 *words = table(&lpm6);
	struct lpm6_found found;
	__u64 kind, word;
	bool inside;

	if (!words)
		return 0;
	if (!lpm6_search(words, tree, values, upper, &found))
		return 0;
	kind = found.value >> LPM6_KIND_SHIFT;
	inside = found.key == upper;
	if (config.lpm6_uses & (LPM6_USES_PREFIX | LPM6_USES_LOWER) && inside &&
	    kind != LPM6_POINT && kind != LPM6_PLAIN) {
		word = lpm6_entry_word(tree, &found);
		if (config.lpm6_uses & LPM6_USES_LOWER && kind == LPM6_LOWER) {
			if (!lpm6_search(words, word, values, lower, &found))
				return 0;
			kind = found.value >> LPM6_KIND_SHIFT;
			inside = found.key == lower;
		} else {
			word >>= (kind & LPM6_LOW) / 4;
			inside = (word ^ lower) >> (kind & 0x3f) == 0;
		}
	}
	if (kind == LPM6_PLAIN || inside)
		return found.value & LPM6_ROW_MASK;
	return found.value >> LPM6_ROW_BITS & LPM6_ROW_MASK;
}
