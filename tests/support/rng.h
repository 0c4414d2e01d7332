/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rng.h: random numbers for tests, repeatable from a seed that a failing test prints.
 * splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_u64(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* 0 .. n - 1; n > 0. The bias of % is far below what these tests could see. */
static inline uint32_t rng_below(struct rng *rng, uint32_t n)
{
	return (uint32_t)(rng_u64(rng) % n);
}

static inline uint32_t rng_between(struct rng *rng, uint32_t first, uint32_t last)
{
	return first + (uint32_t)(rng_u64(rng) % ((uint64_t)last - first + 1));
}

static inline bool rng_percent(struct rng *rng, unsigned int percent)
{
	return rng_below(rng, 100) < percent;
}
