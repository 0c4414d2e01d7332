/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate_internal.h: what the parts of the gate share: gate.c loads and installs, gate_interfaces.c
 * is about what it stands on, gate_status.c, gate_stats.c and gate_rules.c tell of it.
 */
#pragma once

#include "config.h"
#include "datapath.h"
#include "gate.h"

struct gate {
	char *config_path;
	struct datapath *datapath;
	struct live_sets *live;             /* NULL once detached */
	struct list_cache *lists;           /* of the policy in force */
	struct gate_list_copy *list_copies; /* of the policy in force */
	size_t n_list_copies;
	bool loaded;                 /* the policy in force was loaded here: it can be made again */
	struct local_addresses self; /* that it was made of */
	uint64_t self_changed_usec, n_self_changes;
	char *self_error;
	bool detached;
	uint64_t next_expiry; /* of the policy that was loaded last; 0: none */
	uint64_t started_usec;
	uint64_t n_reloads, n_failed_reloads;
	bool last_reload_failed;
	char *last_reload_error;
};

/* --- gate.c --- */

/* What is in force; NULL: nothing, or no longer. */
const struct manifest *gate_manifest(const struct gate *gate);
void gate_list_copies_free(struct gate_list_copy *copies, size_t n); /* NULL is fine */

/* --- gate_interfaces.c --- */

/* One of the manifest's interfaces. 0, or -ENOMEM: ret->error is not given then. */
int gate_interface_status(const struct gate *gate, const struct manifest *manifest, uint32_t index,
			  struct gate_interface_status *ret);
