/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * datapath.h: the whole of what is in the kernel, as the daemon (and offline.h) sees it: the
 * ports we stand on, the live generation, the counters. Everything above asks only this.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compile.h"
#include "counters.h"
#include "diag.h"
#include "guard.h"
#include "live_maps.h"
#include "manifest.h"
#include "policy.h"
#include "port.h"

struct datapath;

/*
 * datapath_open() - open the pin directory, take its lock, finish an interrupted swap, and
 * adopt the ports, the generation and the counters that are there. No packet's fate changes
 * but where a swap is finished.
 */
int datapath_open(const char *pin_dir, bool create, struct datapath **ret, struct diags *diags);
/* The ports alone, whatever else is pinned: enough, and only good, for datapath_detach(). */
int datapath_open_ports(const char *pin_dir, struct datapath **ret, struct diags *diags);
struct datapath *datapath_close(struct datapath *datapath); /* NULL is fine; returns NULL */

/*
 * datapath_install() - put a policy in force: attach where its ports are present, build and
 * swap in a generation. On failure everything is as before, and diags says why. An interface
 * that cannot be attached fails the whole only if it is required and INSTALL_STRICT; else it is
 * warned of, and tried again by datapath_links_changed(). INSTALL_KNOWN: the policy differs from the
 * one in force by addresses alone, so its programs need not prove themselves again; half the time
 * that it takes to put it in force would be spent on that.
 */
enum install_how { INSTALL_STRICT = 1, INSTALL_KNOWN = 2 };
struct install_options {
	unsigned int how; /* enum install_how */
	/* CLOCK_MONOTONIC when it is undone unless it is confirmed; 0: never. */
	uint64_t deadline_ns;
	uint64_t history; /* number of the policy in the history; 0: none */
	/* What it must not cut, see guard.h: -EPERM; NULL: that is not asked. */
	struct guard_request *guard;
};
int datapath_install(struct datapath *datapath, const struct policy *policy,
		     const struct tables *tables, const struct install_options *options,
		     struct diags *diags);

/* When what is in force is undone; 0: never. While it waits, another that is installed with a deadline
 * takes its place, and what is gone back to stays the same. */
uint64_t datapath_deadline(const struct datapath *datapath);
/* What is gone back to; NULL: nothing waits to be confirmed, or nothing was in force before. */
const struct manifest *datapath_before(const struct datapath *datapath);
/* It stays in force. -ENOENT, -ETIMEDOUT: reported. */
int datapath_confirm(struct datapath *datapath, struct diags *diags);
/* Back to what was in force before; if that was nothing, every packet passes. -ENOENT: nothing waits
 * to be confirmed; -ENOMEM. What else fails is a warning. */
int datapath_undo(struct datapath *datapath, struct diags *diags);
/* The generation that was found to be overdue, and undone, when the datapath was opened; 0: none. */
uint64_t datapath_undone(const struct datapath *datapath);

/* For so many seconds, put copies of about one packet in one_in into the ring that is pinned as
 * PIN_DIR/samples (struct sample). Called again: for so many from now on. A swap ends it. */
int datapath_sample(struct datapath *datapath, uint32_t seconds, uint32_t one_in,
		    struct diags *diags);
int datapath_sample_end(struct datapath *datapath, struct diags *diags);
/* The path of the ring. 0, or -ENAMETOOLONG. */
int datapath_samples_path(const struct datapath *datapath, char ret[static PATH_MAX]);

/* Devices came, went or were renamed: forget what is gone, attach what has come. */
int datapath_links_changed(struct datapath *datapath, struct diags *diags);

/* The daemon is about to stop and to be started again by somebody's wish, with all left as it is. */
int datapath_leave(struct datapath *datapath, struct diags *diags);
/* What was found in force was left so, by datapath_leave(): else the one before us died. */
bool datapath_was_left(const struct datapath *datapath);

/* The pass program in every slot. */
int datapath_disarm(struct datapath *datapath, struct diags *diags);

/* See gate_set_off(). */
int datapath_set_off(struct datapath *datapath, const char *interface, bool off,
		     struct diags *diags);

/* See gate_detach(). */
int datapath_detach(struct datapath *datapath, struct diags *diags);

/* What is in force, or NULL. */
const struct manifest *datapath_manifest(const struct datapath *datapath);

/* A program of the live generation stands in some slot. */
bool datapath_is_armed(const struct datapath *datapath);

/* State of interface `index` of the manifest. */
struct datapath_interface {
	const struct port *port; /* NULL: not attached */
	bool absent;             /* no such device */
	bool off;
	bool filtering;      /* the live generation's program stands in the slot */
	uint32_t program_id; /* in the slot */
	uint32_t jited_bytes;
	const char *error; /* why it could not be attached, or NULL */
};
void datapath_interface(const struct datapath *datapath, uint32_t index,
			struct datapath_interface *ret);

/*
 * datapath_explain() - one frame (14 bytes at least) through the program of interface `index` of what
 * is in force, as a probe: the live sets are as they are, no live counter moves.
 * @ret_first_bit: of the interface's rules in trace->matched.
 * -EOPNOTSUPP: what is in force was adopted, so its maps are not at hand.
 */
int datapath_explain(struct datapath *datapath, uint32_t index, const uint8_t *frame, size_t len,
		     struct trace *ret, uint32_t *ret_first_bit, struct diags *diags);

/* What the kernel holds of live sets; the datapath's. */
struct live_maps *datapath_live_maps(const struct datapath *datapath);

/* See counters_snapshot(). */
void datapath_snapshot_counters(struct datapath *datapath);
int datapath_read_counter(struct datapath *datapath, uint32_t slot, struct counter *ret);
