/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lpm.h: from an address to the row of rules that it satisfies, by longest prefix match in the
 * compiled tables; abi.h tells their layout. Callers know only lpm_row(); what is behind it is
 * free to change. The searches are bounded by constants and every index by the table's size.
 *
 * Indices have 64 bits, like the registers: of 32 bits, the compiler compares one copy and uses
 * another, and the verifier of Linux 6.1 does not see that they are equal.
 */
#pragma once

#include <bpf/bpf_helpers.h>

#include "config.h"
#include "packet.h"
#include "table.h"

TABLE_MAP(lpm4, sizeof(__u32));
TABLE_MAP(lpm6, sizeof(__u64));

/* 0 if a >= b, else all ones; as arithmetic, because a branch would be mispredicted half the
 * time, and opaque, so that neither compiler nor verifier makes one of it. */
static __always_inline __u64 lpm_below(__u64 a, __u64 b)
{
	__s64 difference = a - b;

	asm volatile("%0 s>>= 63" : "+r"(difference));
	return difference;
}

/* A word of the table, at an index that no packet can lead beyond it. The index is opaque to the
 * compiler, so that what is compared is what is used. */
static __always_inline __u32 lpm4_word(const __u32 *words, __u64 index)
{
	asm volatile("" : "+r"(index));
	if (index >= config.n_lpm4)
		return 0;
	return words[index];
}

/* The address has a chunk of intervals at index: the row of the last one that starts at or below
 * `low`. */
static __always_inline __u32 lpm4_chunk(const __u32 *words, __u64 index, __u32 low, __u32 width)
{
	__u64 left = (lpm4_word(words, index) >> LPM4_START_SHIFT) + 1;

	for (int i = 0; i < 17 && left > 1; i++) {
		__u64 half = left / 2;
		__u32 start = lpm4_word(words, index + half * width) >> LPM4_START_SHIFT;

		index += half * width & ~lpm_below(low, start);
		left -= half;
	}
	if (width > 1)
		return lpm4_word(words, index + 1);
	return lpm4_word(words, index) & (LPM4_MAX_ROWS - 1);
}

/* Judged once by the verifier, like parse_ipv6_chain(). */
__noinline __u32 lpm4_lookup(__u32 root, __u32 address, __u32 width)
{
	const __u32 *words = table(&lpm4);
	__u32 entry;

	if (!words)
		return 0;
	entry = lpm4_word(words, (__u64)root + (address >> 16));
	if (entry & LPM4_ROW)
		return entry & ~LPM4_ROW;
	return lpm4_chunk(words, entry, address & 0xffff, width);
}

/* See lpm4_word(). */
static __always_inline __u64 lpm6_word(const __u64 *words, __u64 index)
{
	asm volatile("" : "+r"(index));
	if (index >= config.n_lpm6)
		return 0;
	return words[index];
}

static __always_inline __u64 lpm6_count(__u64 entry)
{
	return entry >> LPM6_COUNT_SHIFT & LPM6_COUNT_MASK;
}

/* The value of the last start at or below the key, in a chunk. Past its upper half, a range is
 * the row outside it. */
static __always_inline __u32 lpm6_chunk(const __u64 *words, __u64 entry, __u64 key)
{
	__u64 base = entry & LPM6_INDEX_MASK, n = lpm6_count(entry), left = n, at = 0;
	__u32 value;

	for (int i = 0; i < 8 && left > 1; i++) {
		__u64 half = left / 2;

		if (lpm6_word(words, base + at + half) <= key)
			at += half;
		left -= half;
	}
	value = lpm6_word(words, base + n + at / 2) >> (at % 2 * 32);
	if (!(value & LPM6_VALUE_RANGE) || lpm6_word(words, base + at) == key)
		return value;
	return lpm6_word(words, (value & LPM6_VALUE_INDEX) + 2) >> 32;
}

/* From an entry to a value as in a chunk. Judged once by the verifier, like
 * parse_ipv6_chain(). */
__noinline __u32 lpm6_walk(__u64 entry, __u64 key)
{
	const __u64 *words = table(&lpm6);

	if (!words)
		return 0;
	for (int i = 0; i < LPM6_MAX_DEPTH; i++) {
		__u64 kind = entry >> LPM6_KIND_SHIFT, index;

		if (kind == LPM6_ROW || kind == LPM6_LOWER)
			return entry & LPM6_INDEX_MASK;
		if (kind == LPM6_CHUNK)
			return lpm6_chunk(words, entry, key);
		index = (entry & LPM6_INDEX_MASK) +
			(key >> (entry >> LPM6_SHIFT_SHIFT & LPM6_SHIFT_MASK) &
			 ((1ULL << (lpm6_count(entry) & 0x1f)) - 1));
		entry = lpm6_word(words, index);
	}
	return 0;
}

static __always_inline __u32 lpm6_lookup(__u64 entry, __u64 upper, __u64 lower)
{
	__u32 value = lpm6_walk(entry, upper);
	__u64 index = value & LPM6_VALUE_INDEX;
	const __u64 *words;

	if (!(value & LPM6_VALUE_LOWER))
		return value;
	words = table(&lpm6);
	if (!words)
		return 0;
	if (!(value & LPM6_VALUE_RANGE))
		return lpm6_walk(lpm6_word(words, index), lower);
	if (lower < lpm6_word(words, index) || lower > lpm6_word(words, index + 1))
		return lpm6_word(words, index + 2) >> 32;
	return lpm6_word(words, index + 2);
}

/* The row of the packet's source or destination. */
static __always_inline __u32 lpm_row(const struct packet *packet, enum address_field field)
{
	if (!packet->ip)
		return config.lpm_absent_row[field];
	if (packet->family == FAMILY_V4) {
		if (!(config.uses_address & USES_PREFIXES(field, FAMILY_V4)))
			return config.lpm_miss_row[field][FAMILY_V4];
		return lpm4_lookup(config.lpm4_root[field], packet->address[field][0],
				   config.lpm4_wide & 1U << field ? 2 : 1);
	}
	if (!(config.uses_address & USES_PREFIXES(field, FAMILY_V6)))
		return config.lpm_miss_row[field][FAMILY_V6];
	return lpm6_lookup(config.lpm6_entry[field], packet->address[field][0],
			   packet->address[field][1]);
}

static __always_inline bool lpm_used(enum address_field field)
{
	return config.uses_address & USES_ADDRESS(field);
}
