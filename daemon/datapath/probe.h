/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe.h: a probe instance: the real ruleset program over the real tables, on private
 * counters and with the trace switched on, run by BPF_PROG_TEST_RUN. It never sees traffic
 * and never moves a live counter. Smoke tests, and the tests' view of the program.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "compile.h"
#include "diag.h"
#include "live_maps.h"
#include "policy.h"

struct probe;

struct probe_answer {
	uint32_t xdp_action; /* what the program returned: XDP_DROP, … */
	struct trace trace;
};

/* A probe of one interface of the policy. A redirect's target is ifindex 1 (lo) if
 * redirects_exist, else absent. 0, or negative errno with the reason in diags. */
int probe_open(const struct policy *policy, const struct tables *tables, size_t interface,
	       bool redirects_exist, struct probe **ret, struct diags *diags);

/* The same, with these live sets, which must outlive it, instead of empty ones of its own; NULL: those. */
int probe_open_live(const struct policy *policy, const struct tables *tables, size_t interface,
		    bool redirects_exist, struct live_maps *live, struct probe **ret,
		    struct diags *diags);

struct ruleset_maps;

/* A probe over maps that live elsewhere and must outlive it: a smoke test of what is about to
 * go live, whose live sets are empty; or what is live, with its live sets as they are. Its rules'
 * counters are meaningless. */
int probe_open_over(const struct ruleset_maps *maps, const struct ruleset_config *config,
		    bool with_live_sets, struct probe **ret, struct diags *diags);

/*
 * probe_run() - judge one frame (len >= 14: the kernel refuses less), as if it arrived.
 * @out: at least len bytes for the frame as the program left it, or NULL.
 */
int probe_run(struct probe *probe, const uint8_t *frame, size_t len, struct probe_answer *answer,
	      uint8_t *out);

/*
 * The same at less than half the cost, for many frames: no copy of the trace, but the program's own,
 * until the next run. Of trace->matched nothing is cleared, so it tells of all frames so far.
 */
int probe_run_many(struct probe *probe, const uint8_t *frame, size_t len,
		   const struct trace **ret_trace);

/* The largest frame that is given to a run: the kernel takes a page and 17 fragments of one, less than
 * 73152 bytes in all. No IP packet is as large. */
#define PROBE_MAX_FRAME 70000

/* The same, the frame going through another program first, which may jump to this one: without an
 * answer of the probe, answer->trace.verdict is VERDICT_NONE. */
int probe_run_through(struct probe *probe, int program_fd, const uint8_t *frame, size_t len,
		      struct probe_answer *answer, uint8_t *out);

/* For an array that such a program jumps through. Still the probe's; takes frags. */
int probe_program_fd(const struct probe *probe);

/* The live sets of a probe of probe_open(), under the policy's names; empty at first. NULL: the
 * policy has none. Still the probe's. */
struct live_maps *probe_live(struct probe *probe);

/*
 * Private counters, summed over CPUs. Slots 0 .. INTERFACE_BLOCK - 1 are the interface's
 * block; rule r of the interface's ruleset is slot INTERFACE_BLOCK + r.
 */
int probe_counter(struct probe *probe, uint32_t slot, struct counter *ret);

struct probe *probe_close(struct probe *probe); /* NULL is fine; returns NULL */
