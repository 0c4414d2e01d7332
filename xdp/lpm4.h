/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lpm4.h: from an IPv4 address to its row: in a small table by a tree; else by an entry, and mostly
 * one line of the chunk that it leads to; abi.h tells the layout.
 *
 * Indices have 64 bits, like the registers: of 32 bits, the compiler compares one copy and uses
 * another, and the verifier of Linux 6.1 does not see that they are equal.
 */
#pragma once

#include <bpf/bpf_helpers.h>

#include "config.h"
#include "table.h"

TABLE_MAP(lpm4, sizeof(__u64));

/* A word of the table, at an index that no packet can lead beyond it. The index is opaque to the
 * compiler, so that what is compared is what is used. */
static __always_inline __u64 lpm4_word(const __u64 *words, __u64 index)
{
	asm volatile("" : "+r"(index));
	if (index >= config.n_lpm4)
		return 0;
	return words[index];
}

/* The words from index on, of which LPM4_LINE_WORDS may be read; or NULL. */
static __always_inline const __u64 *lpm4_chunk(const __u64 *words, __u64 index)
{
	asm volatile("" : "+r"(index));
	if (config.n_lpm4 < LPM4_LINE_WORDS || index > config.n_lpm4 - LPM4_LINE_WORDS)
		return NULL;
	return words + index;
}

/* Fields of an entry, see abi.h. */
static __always_inline __u64 lpm4_id(__u64 entry)
{
	return entry >> LPM4_ID_SHIFT & 0xff;
}

static __always_inline __u64 lpm4_shift(__u64 entry)
{
	return entry >> LPM4_SHIFT_SHIFT & 0xf;
}

static __always_inline __u64 lpm4_n(__u64 entry)
{
	return entry >> LPM4_N_SHIFT & 0xffff;
}

static __always_inline __u64 lpm4_index(__u64 entry)
{
	return entry >> LPM4_INDEX_SHIFT;
}

/* Where the chunk's line is that has the address. */
static __always_inline __u64 lpm4_line(__u64 entry, __u64 low)
{
	return lpm4_index(entry) + (low * lpm4_n(entry) >> 16) * LPM4_LINE_WORDS;
}

/*
 * Several numbers of 16 bits are compared at once: spread over a word, two of them with room for
 * the borrow. No branch depends on an address, because it would be mispredicted half the time.
 */
#define LANES16 0x0001000100010001ULL
#define LANES32 0x0000000100000001ULL
#define BORROWS (LANES32 << 16)
#define EVEN_LANES 0x0000ffff0000ffffULL

/* 1 if the number of starts above the address is odd. */
static __always_inline __u64 lpm4_starts8(__u64 entry, __u64 low)
{
	__u64 at = low >> lpm4_shift(entry) & 0xff, parity = 0;

#pragma unroll
	for (int i = 0; i < 6; i++)
		parity ^= at - (entry >> (LPM4_N_SHIFT + 8 * i) & 0xff);
	return parity >> 63;
}

/* The id of the row of the last start at or below the address. */
static __always_inline __u64 lpm4_rows8(__u64 entry, __u64 low)
{
	__u64 at = low >> lpm4_shift(entry) & 0xff, id = lpm4_id(entry);

#pragma unroll
	for (int i = 0; i < 3; i++) {
		__u64 start = entry >> (LPM4_N_SHIFT + 16 * i);
		__s64 below = at - (start & 0xff);

		asm volatile("%0 s>>= 63" : "+r"(below));
		id = (id & below) | (start >> 8 & 0xff & ~below);
	}
	return id;
}

/* 1 if the address is one of the points. */
static __always_inline __u64 lpm4_points3(__u64 entry, __u64 low)
{
	__u64 equal = 0;

#pragma unroll
	for (int i = 0; i < 3; i++)
		equal |= (low ^ (entry >> (LPM4_N_SHIFT + 16 * i) & 0xffff)) - 1;
	return equal >> 63;
}

static __always_inline __u64 lpm4_points(const __u64 *words, __u64 entry, __u64 low)
{
	const __u64 *chunk = lpm4_chunk(words, lpm4_line(entry, low));
	__u64 address = low * LANES16, equal = 0;

	if (!chunk)
		return 0;
		/* A lane is 0 just if its highest bit turns up, but for those above one that is. */
#define COMPARE(i)                                                                                 \
	({                                                                                         \
		__u64 _lanes = chunk[i] ^ address;                                                 \
		equal |= (_lanes - LANES16) & ~_lanes;                                             \
	})
	COMPARE(0);
	COMPARE(1);
	if (lpm4_shift(entry) > 2) {
		COMPARE(2);
		COMPARE(3);
		if (lpm4_shift(entry) > 4) {
			COMPARE(4);
			COMPARE(5);
			COMPARE(6);
			COMPARE(7);
		}
	}
#undef COMPARE
	equal &= LANES16 << 15;
	asm volatile("" : "+r"(equal));
	return (equal | -equal) >> 63;
}

/* 1 if the number of starts above the address is odd; as the number of lanes is even, so is that
 * of the others. */
static __always_inline __u64 lpm4_starts(const __u64 *words, __u64 entry, __u64 low)
{
	const __u64 *chunk = lpm4_chunk(words, lpm4_line(entry, low));
	__u64 address = low * LANES32 | BORROWS, parity = 0;

	if (!chunk)
		return 0;
#define COMPARE(i)                                                                                 \
	parity ^= (address - (chunk[i] & EVEN_LANES)) ^ (address - (chunk[i] >> 16 & EVEN_LANES))
	COMPARE(0);
	COMPARE(1);
	if (lpm4_shift(entry) > 2) {
		COMPARE(2);
		COMPARE(3);
		if (lpm4_shift(entry) > 4) {
			COMPARE(4);
			COMPARE(5);
			COMPARE(6);
			COMPARE(7);
		}
	}
#undef COMPARE
	return (parity >> 16 ^ parity >> 48) & 1;
}

/* Number of starts at or below the address in the first n words of the chunk. */
static __always_inline __u64 lpm4_count(const __u64 *chunk, int n, __u64 low)
{
	__u64 address = low * LANES32 | BORROWS, sum = 0;

#pragma unroll
	for (int i = 0; i < n; i++)
		sum += ((address - (chunk[i] & EVEN_LANES)) & BORROWS) +
		       ((address - (chunk[i] >> 16 & EVEN_LANES)) & BORROWS);
	return (sum >> 16 & 0xffff) + (sum >> 48);
}

/* The id of a row. */
static __always_inline __u64 lpm4_list8(const __u64 *words, __u64 entry, __u64 low)
{
	__u64 index = lpm4_line(entry, low), at;
	const __u64 *chunk = lpm4_chunk(words, index);

	if (!chunk)
		return 0;
	if (lpm4_shift(entry) > 2) {
		at = lpm4_count(chunk, 5, low) - 1;
		index += 5;
	} else {
		at = lpm4_count(chunk, 2, low) - 1;
		index += 2;
	}
	return lpm4_word(words, index + at / 8) >> at % 8 * 8 & 0xff;
}

/* The row itself. */
static __always_inline __u32 lpm4_list32(const __u64 *words, __u64 entry, __u64 low)
{
	__u64 index = lpm4_line(entry, low), at;
	const __u64 *chunk = lpm4_chunk(words, index);

	if (!chunk)
		return 0;
	if (lpm4_shift(entry) > 1) {
		at = lpm4_count(chunk, 3, low) - 3;
		index += 3;
	} else {
		at = lpm4_count(chunk, 1, low) - 1;
		index += 1;
	}
	return lpm4_word(words, index + at / 2) >> at % 2 * 32;
}

static __always_inline __u64 lpm4_bitmap(const __u64 *words, __u64 entry, __u64 low)
{
	__u64 at = low >> lpm4_shift(entry);

	return lpm4_word(words, lpm4_index(entry) + at / 64) >> at % 64 & 1;
}

static __always_inline __u64 lpm4_bytes(const __u64 *words, __u64 entry, __u64 low)
{
	__u64 at = low >> lpm4_shift(entry);

	return lpm4_word(words, lpm4_index(entry) + at / 8) >> at % 8 * 8 & 0xff;
}

static __always_inline __u32 lpm4_row(const __u64 *words, __u64 root, __u64 id)
{
	return lpm4_word(words, root + LPM4_ROWS + id);
}

#define LPM4_USES(kind) (config.lpm4_kinds & 1U << (kind))

/* Judged once by the verifier, like parse_ipv6_chain(). */
__noinline __u32 lpm4_lookup(__u32 root, __u32 address)
{
	const __u64 *words = table(&lpm4);
	__u64 low = address & 0xffff, entry, kind, upper;

	if (!words)
		return 0;
	entry = lpm4_word(words, (__u64)root + (address >> 16));
	if (LPM4_USES(LPM4_TABLE)) {
		for (int i = 0; i < LPM4_MAX_DEPTH; i++) {
			__u64 bits = lpm4_shift(entry);

			if ((entry & LPM4_KIND_MASK) != LPM4_TABLE)
				break;
			entry = lpm4_word(words, lpm4_index(entry) + (low << bits >> 16));
			low = low << bits & 0xffff;
		}
	}
	kind = entry & LPM4_KIND_MASK;
	if (kind == LPM4_ROW)
		return lpm4_index(entry);
	if (LPM4_USES(LPM4_ROWS8) && kind == LPM4_ROWS8)
		return lpm4_row(words, root, lpm4_rows8(entry, low));
	if (LPM4_USES(LPM4_BYTES) && kind == LPM4_BYTES)
		return lpm4_row(words, root, lpm4_bytes(words, entry, low));
	if (LPM4_USES(LPM4_LIST8) && kind == LPM4_LIST8)
		return lpm4_row(words, root, lpm4_list8(words, entry, low));
	if (LPM4_USES(LPM4_LIST32) && kind == LPM4_LIST32)
		return lpm4_list32(words, entry, low);

	if (LPM4_USES(LPM4_BITMAP) && kind == LPM4_BITMAP)
		upper = lpm4_bitmap(words, entry, low);
	else if (LPM4_USES(LPM4_STARTS8) && kind == LPM4_STARTS8)
		upper = lpm4_starts8(entry, low);
	else if (LPM4_USES(LPM4_POINTS3) && kind == LPM4_POINTS3)
		upper = lpm4_points3(entry, low);
	else if (LPM4_USES(LPM4_POINTS) && kind == LPM4_POINTS)
		upper = lpm4_points(words, entry, low);
	else if (LPM4_USES(LPM4_STARTS) && kind == LPM4_STARTS)
		upper = lpm4_starts(words, entry, low);
	else
		return 0;
	return lpm4_word(words, root + LPM4_PAIRS + lpm4_id(entry)) >> upper * 32;
}

/* A word of a tree. A bad index, which no packet leads to, gets a value instead of a way out: so
 * all that the verifier knows of the word is the same either way, and the steps behind it are
 * walked once. */
static __always_inline __u64 lpm4_tree_word(const __u64 *words, __u64 index)
{
	asm volatile("" : "+r"(index));
	if (index >= config.n_lpm4)
		index = 0;
	return words[index];
}

/* In a tree. */
static __always_inline __u32 lpm4_tree(enum address_field field, __u32 address)
{
	const __u64 *words = table(&lpm4);
	__u32 stride = config.lpm4_stride[field], shift = 32 - LPM4_TREE_ROOT_BITS;
	__u64 word;

	if (!words)
		return 0;
	word = lpm4_tree_word(words, config.lpm4_root[field] + (address >> shift));
#pragma unroll
	for (int i = 0; i < LPM4_TREE_MAX_STEPS; i++) {
		if (i >= config.lpm4_steps[field])
			break;
		shift -= stride;
		word = lpm4_tree_word(words, (word >> LPM4_TREE_INDEX_SHIFT) +
						     (address >> (shift & 31) & word & 0xff));
	}
	return word >> LPM4_TREE_ROW_SHIFT & LPM4_TREE_ROW_MASK;
}
