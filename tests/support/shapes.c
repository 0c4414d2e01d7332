/* SPDX-License-Identifier: GPL-2.0-only */
/* shapes.c: large sets of prefixes, see shapes.h. */
#include "shapes.h"

#include "build-policy.h"
#include "util.h"

#define FOR_EACH_PREFIX(set, i, n)                                                                 \
	for (uint32_t set = 0; set < SHAPE_SETS; set++)                                            \
		for (uint32_t i = 0; i < (n); i++)

static uint32_t random_v4(struct rng *rng)
{
	return (uint32_t)rng_u64(rng);
}

static uint8_t random_len(struct rng *rng, uint32_t first, uint32_t last)
{
	return (uint8_t)rng_between(rng, first, last);
}

/* --- IPv4 --------------------------------------------------------------------------------- */

static void all_24(struct rng *rng, struct policy *policy, uint32_t n)
{
	FOR_EACH_PREFIX(set, i, n)
	build_prefix_v4(policy, set, random_v4(rng), 24);
}

static void all_32(struct rng *rng, struct policy *policy, uint32_t n)
{
	FOR_EACH_PREFIX(set, i, n)
	build_prefix_v4(policy, set, random_v4(rng), 32);
}

static void mixed_v4(struct rng *rng, struct policy *policy, uint32_t n)
{
	FOR_EACH_PREFIX(set, i, n)
	build_prefix_v4(policy, set, random_v4(rng),
			rng_percent(rng, 1) ? random_len(rng, 1, 32) : random_len(rng, 12, 32));
}

static void one_slash16(struct rng *rng, struct policy *policy, uint32_t n)
{
	FOR_EACH_PREFIX(set, i, n)
	build_prefix_v4(policy, set, 0x0a0b0000 | rng_below(rng, 65536), random_len(rng, 16, 32));
}

/* Hosts alternate between two sets, so each is a range: 65535, 65536, and 65537 of them, counted
 * from the beginning of a /16; and every smaller size up to some. The ends are there twice: once
 * more where a sweep meets them. */
static void ranges_in_slash16(struct rng *rng, struct policy *policy, uint32_t n)
{
	static const uint32_t most[] = { 65535, 65536, 65537 };

	for (uint32_t i = 0; i < ARRAY_SIZE(most); i++) {
		for (uint32_t host = 0; host < most[i]; host++)
			build_prefix_v4(policy, host % 2, 0x0a000000 + (i << 17) + host, 32);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(most); i++) {
		for (uint32_t host = 0; host < most[i]; host = host == 3 ? most[i] - 4 : host + 1)
			build_prefix_v4(policy, host % 2, 0x0a000000 + (i << 17) + host, 32);
	}
	for (uint32_t size = 1; size <= 260; size++) {
		for (uint32_t host = 0; host < size; host++)
			build_prefix_v4(policy, 2 + host % 2,
					(0x0b000000 + (size << 16)) | (host * 7 + 1), 32);
	}
}

/* --- IPv6 --------------------------------------------------------------------------------- */

/* As in the global table: 2000::/3, mostly /48, /32 and what is between. */
static void bgp_v6(struct rng *rng, struct policy *policy, uint32_t n)
{
	static const uint8_t lens[] = { 29, 32, 32, 32, 36, 40, 44, 46, 48, 48, 48, 48, 48, 64 };

	FOR_EACH_PREFIX(set, i, n)
	build_prefix_v6(policy, set,
			0x2000000000000000 | rng_below(rng, 0x0e00) * 0x0001000100000000 |
				rng_u64(rng) >> 20,
			0, lens[rng_below(rng, ARRAY_SIZE(lens))]);
}

static void lower_half(struct rng *rng, struct policy *policy, uint32_t n)
{
	FOR_EACH_PREFIX(set, i, n)
	build_prefix_v6(policy, set, rng_u64(rng), rng_u64(rng), random_len(rng, 64, 128));
}

static void mixed_v6(struct rng *rng, struct policy *policy, uint32_t n)
{
	FOR_EACH_PREFIX(set, i, n)
	build_prefix_v6(policy, set, rng_u64(rng), rng_u64(rng),
			rng_percent(rng, 1) ? random_len(rng, 1, 128) : random_len(rng, 16, 128));
}

/* 64 upper halves, all cut into thousands of pieces. */
static void one_slash58(struct rng *rng, struct policy *policy, uint32_t n)
{
	FOR_EACH_PREFIX(set, i, n)
	build_prefix_v6(policy, set, 0x20010db8deadbe00 | rng_below(rng, 64),
			rng_u64(rng) >> (rng_percent(rng, 50) ? 48 : 0), random_len(rng, 40, 128));
}

/* One piece in each upper half, some neighbours, now and then two pieces. */
static void hosts_v6(struct rng *rng, struct policy *policy, uint32_t n)
{
	static const uint64_t lower[] = { 0, 1, ~0ULL, 0x8000000000000000, 0x7fffffffffffffff };

	FOR_EACH_PREFIX(set, i, n)
	{
		uint64_t hi = rng_percent(rng, 20) ? 0x20010db800000000 | rng_below(rng, n)
						   : rng_u64(rng) >> 3 | 0x2000000000000000;
		uint64_t lo = rng_percent(rng, 50) ? rng_u64(rng)
						   : lower[rng_below(rng, ARRAY_SIZE(lower))];

		build_prefix_v6(policy, set, hi, lo,
				rng_percent(rng, 80) ? 128 : random_len(rng, 63, 128));
	}
}

/* Groups of neighbours that alternate between two sets, so each is a piece: of /64s, of hosts in
 * one /64, and of single hosts in /64s side by side; sizes around those of leaves. */
static void add_groups(struct policy *policy, uint32_t size)
{
	uint64_t base = 0x2001000000000000 | (uint64_t)size << 32;

	for (uint32_t i = 0; i < size; i++) {
		uint32_t set = i % 2;

		build_prefix_v6(policy, set, base + i, 0, 64);
		build_prefix_v6(policy, set, base | 1ULL << 24, i * 3 + 1, 128);
		build_prefix_v6(policy, set, (base | 2ULL << 24) + i, i, 128);
		build_prefix_v6(policy, set, base | 3ULL << 24, ~0ULL - i, 128);
		/* a few in one corner, the others far away */
		build_prefix_v6(policy, 2 + set, base | 4ULL << 24 | (i < 3 ? i << 16 : i), 0, 64);
	}
}

static void leaves_v6(struct rng *rng, struct policy *policy, uint32_t n)
{
	/* around the entries of a leaf, and of a node of eight leaves */
	static const uint32_t middles[] = { 32, 48, 64, 96, 128, 192, 256 };

	for (uint32_t size = 1; size <= 28; size++)
		add_groups(policy, size);
	for (size_t i = 0; i < ARRAY_SIZE(middles); i++)
		for (uint32_t size = middles[i] - 2; size <= middles[i] + 2; size++)
			add_groups(policy, size);
}

/* --- the ends ----------------------------------------------------------------------------- */

static void ends_v4(struct rng *rng, struct policy *policy, uint32_t n)
{
	build_prefix(policy, 0, "0.0.0.0/0");
	build_prefix(policy, 1, "0.0.0.0/32");
	build_prefix(policy, 1, "255.255.255.255/32");
	build_prefix(policy, 2, "0.0.0.0/16");
	build_prefix(policy, 2, "255.255.0.0/16");
	build_prefix(policy, 2, "127.255.255.255/32");
	build_prefix(policy, 3, "128.0.0.0/1");
	build_prefix(policy, 3, "0.0.255.255/32");
	build_prefix(policy, 3, "255.255.0.0/32");
}

static void ends_v6(struct rng *rng, struct policy *policy, uint32_t n)
{
	build_prefix(policy, 0, "::/0");
	build_prefix(policy, 1, "::/128");
	build_prefix(policy, 1, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	build_prefix(policy, 2, "::/64");
	build_prefix(policy, 2, "ffff:ffff:ffff:ffff::/64");
	build_prefix(policy, 2, "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	build_prefix(policy, 3, "8000::/1");
	build_prefix(policy, 3, "::ffff:ffff:ffff:ffff/128");
	build_prefix(policy, 3, "ffff:ffff:ffff:ffff::/128");
}

const struct shape shapes[] = {
	{ "v4 /24", FAMILY_V4, 200000, all_24 },
	{ "v4 /32", FAMILY_V4, 200000, all_32 },
	{ "v4 mixed", FAMILY_V4, 100000, mixed_v4 },
	{ "v4 in one /16", FAMILY_V4, 100000, one_slash16 },
	{ "v4 65535, 65536, 65537 ranges", FAMILY_V4, 0, ranges_in_slash16, .sweep = true },
	{ "v4 ends", FAMILY_V4, 0, ends_v4, .sweep = true },
	{ "v6 BGP-like", FAMILY_V6, 100000, bgp_v6 },
	{ "v6 /64 to /128", FAMILY_V6, 200000, lower_half },
	{ "v6 mixed", FAMILY_V6, 100000, mixed_v6 },
	{ "v6 in one /58", FAMILY_V6, 100000, one_slash58 },
	{ "v6 hosts", FAMILY_V6, 100000, hosts_v6 },
	{ "v6 sizes of leaves", FAMILY_V6, 0, leaves_v6, .sweep = true },
	{ "v6 ends", FAMILY_V6, 0, ends_v6, .sweep = true },
};
const size_t n_shapes = ARRAY_SIZE(shapes);
