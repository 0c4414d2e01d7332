/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate_guard.c: the lock-out guard as the gate's changes meet it: how much each of them is to heed,
 * and who is logged in.
 */
#include <string.h>

#include "gate_internal.h"
#include "log.h"
#include "util.h"

/* Who is logged in, for the request. Without memory for that, nobody is. */
static void begin(struct gate_guard *guard, enum guard_level level, bool warn)
{
	*guard = (struct gate_guard){ .request = { .level = level, .warn = warn } };
	if (level != GUARD_OFF && logins_read(NULL, &guard->logins) < 0)
		log_warning("out of memory: the lock-out guard does not know who is logged in");
	guard->request.logins = guard->logins.items;
	guard->request.n_logins = guard->logins.n;
}

/* Where nobody is there to say --force, a stranger who holds a connection open must not keep a
 * blocklist from coming in force. */
void gate_guard_begin(const struct gate_load *how, const struct policy *policy,
		      struct gate_guard *ret)
{
	enum guard_level level = policy->guard;

	if (!how->change && !how->starting && level == GUARD_ALL)
		level = GUARD_TRUSTED;
	begin(ret, level, how->starting || (how->change && how->change->force));
}

void gate_guard_end(struct gate_guard *guard, int result)
{
	const struct guard_request *request = &guard->request;

	if (result >= 0 && request->n_strangers)
		log_notice(
			"the policy that came in force cuts %zu TCP connection%s of others: %s%s",
			request->n_strangers, request->n_strangers == 1 ? "" : "s",
			request->stranger, request->n_strangers == 1 ? "" : ", ...");
	logins_done(&guard->logins);
}

/* --- live sets --------------------------------------------------------------------------- */

static bool set_holds(void *context, const char *set, const struct live_prefix *host)
{
	_cleanup_(diags_free) struct diags ignored = {};
	const struct gate *gate = context;
	struct live_listed listed;

	return live_sets_test(gate->live, set, host, &listed, &ignored) > 0;
}

static int judge(void *context, const char *set, const struct live_prefix *prefix, char **why)
{
	struct gate *gate = context;

	return guard_live_judge(gate->guard, set, prefix, set_holds, gate, why);
}

const struct live_guard *gate_guard_entries(struct gate *gate, enum guard_level level,
					    struct live_guard *guard, struct diags *diags)
{
	struct gate_guard own;

	if (level < gate->guard_level) /* it is the most that the policy asks for */
		level = gate->guard_level;
	if (level == GUARD_OFF)
		return NULL;
	if (!gate->guard)
		gate->guard = guard_live_new();
	if (!gate->guard) {
		diag_warning(diags, NULL,
			     "out of memory: the lock-out guard did not look whether "
			     "the entries cut a connection");
		return NULL;
	}
	begin(&own, level, false);
	guard_live_begin(gate->guard, gate->datapath, &own.request, diags);
	gate_guard_end(&own, 0);
	*guard = (struct live_guard){ judge, gate };
	return guard;
}
