/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_bench.h: live sets over real tables of the kernel, pinned, with a state folder: as the daemon
 * has them, and without it. Helpers fail the test if what they do fails. All are about one set,
 * "banned".
 */
#pragma once

#include "build-policy.h"
#include "diag.h"
#include "live_maps.h"
#include "live_sets.h"
#include "pins.h"

struct live_bench {
	struct pins pins;
	struct live_maps *maps;
	struct live_sets *sets;
	char state_dir[64];
	struct diags diags;
};

/* cmocka test setup and teardown; *state is the bench. */
int live_bench_set_up(void **state);
int live_bench_tear_down(void **state);
void live_bench_open(struct live_bench *bench);
void live_bench_close(struct live_bench *bench);
/* Another daemon, whatever became of the first. */
void live_bench_restart(struct live_bench *bench);
/* The kernel forgets everything. */
void live_bench_reboot(struct live_bench *bench);

/* A live set of the policy, as the loader makes it. */
struct live_set *banned_set(struct policy *policy);
void take_policy(struct live_bench *bench, const struct policy *policy);
void take_banned(struct live_bench *bench, bool persist);

struct live_prefix prefix_of(const char *text);
struct live_result add_entry(struct live_bench *bench, const char *text, int64_t timeout,
			     const char *comment);
void must_add(struct live_bench *bench, const char *text, int64_t timeout, const char *comment);
uint64_t del_entry(struct live_bench *bench, const char *text); /* how many there were */

/* What a packet would find: as xdp/live.h asks. */
bool packet_holds(struct live_bench *bench, const char *address);
/* The same, by live_sets_test(), which must say the same. */
bool holds(struct live_bench *bench, const char *address);
struct live_list list_entries(struct live_bench *bench);
size_t count_entries(struct live_bench *bench);
