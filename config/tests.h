/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tests.h: a test of the policy while it is read: tests.c reads its keys, test_packet.c makes one
 * packet of them.
 */
#pragma once

#include "loader.h"

struct test_draft {
	struct policy_test *test;
	const struct node *node;
	const struct node *fields[MAX_SCHEMA_KEYS]; /* values, by place in schema_test */
	enum family families[N_ADDRESS_FIELDS];     /* of the addresses that are there */
	uint32_t icmp[N_FAMILIES];                  /* what `icmp` means; TEST_ABSENT: nothing */
};

/* The value of a key that the test has, or NULL. */
const struct node *test_field(const struct test_draft *draft, const char *key);

/* The interface's VLAN, if it has one. -EINVAL, reported, if the test names another. */
int test_check_vlan(struct loader *loader, struct test_draft *draft);

/* Defaults for what the test leaves out. -EINVAL, reported, if what it says is no packet. */
int test_packet_finish(struct loader *loader, struct test_draft *draft);
