/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * list.h: lists of prefixes, made up after the shapes that real ones have, or read from files;
 * and addresses drawn from within them and from without.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "frame.h"
#include "policy.h"
#include "rng.h"

/* X(identifier, name, what it is) */
#define LIST_KINDS(X)                                                                              \
	X(LIST_V4_ROUTES, "v4-routes", "IPv4, mostly /24, as in a full routing table")             \
	X(LIST_V4_HOSTS, "v4-hosts", "IPv4 /32, half of them crowded in few /16")                  \
	X(LIST_V6_ROUTES, "v6-routes", "IPv6, /29 to /48 under allocations, as in a full table")   \
	X(LIST_V6_HOSTS, "v6-hosts", "IPv6, /64 to /128, as blocklists have them")

enum list_kind {
#define X(id, name, text) id,
	LIST_KINDS(X)
#undef X
		N_LIST_KINDS
};

struct list_prefix {
	enum family family;
	uint8_t len;  /* of the family's address */
	address addr; /* bits beyond len are 0 */
};

struct list_span {
	address first, last;
};

struct prefix_list {
	struct list_prefix *prefixes;
	size_t n, capacity;
	/* All that the prefixes cover, ascending and disjoint; made by prefix_list_finish(). */
	struct list_span *spans[N_FAMILIES];
	size_t n_spans[N_FAMILIES];
};

const char *list_kind_name(enum list_kind kind);

/* "100k v4-routes" */
void prefix_list_title(char *ret, size_t size, enum list_kind kind, size_t n);

/* All return 0 or -ENOMEM; -EINVAL or another errno where a file cannot be read. */
int prefix_list_add(struct prefix_list *list, enum family family, address addr, uint8_t len);
/* n different prefixes of a kind: the same for the same seed. */
int prefix_list_make(struct prefix_list *list, enum list_kind kind, size_t n, uint64_t seed);
/* Append a file of one prefix a line; what follows a blank or # is not looked at. */
int prefix_list_read(struct prefix_list *list, const char *path);
/* The list is complete: it may be asked and drawn from. */
int prefix_list_finish(struct prefix_list *list);
void prefix_list_free(struct prefix_list *list);

bool prefix_list_contains(const struct prefix_list *list, enum family family, address addr);
/* A random address within a random prefix. */
void prefix_list_draw_hit(const struct prefix_list *list, struct rng *rng, enum family *family,
			  address *ret);
/* A random address outside all prefixes, but in the parts of the space where they are. */
void prefix_list_draw_miss(const struct prefix_list *list, struct rng *rng, enum family *family,
			   address *ret);

void prefix_list_print(const struct prefix_list *list, FILE *stream);
/* The prefixes as a set of a policy. */
void prefix_list_to_set(const struct prefix_list *list, struct policy *policy, uint32_t set);
