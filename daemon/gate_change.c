/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate_change.c: what people ask for: another policy, for good or until a deadline; to keep it, or to
 * go back. The datapath undoes what is not confirmed (pending.h); the history has what is gone back to.
 */
#include "gate_internal.h"

#include <string.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "util.h"

static unsigned long long number_of(uint64_t number)
{
	return number;
}

void gate_set_aside(struct gate *gate, char *why)
{
	free(gate->set_aside);
	gate->set_aside = why;
}

/* "21:07:12", local time, when CLOCK_REALTIME is so many microseconds. */
static const char *clock_time(uint64_t usec, char buffer[static 16])
{
	time_t seconds = (time_t)(usec / 1000000);
	struct tm time;

	if (!localtime_r(&seconds, &time) || !strftime(buffer, 16, "%H:%M:%S", &time))
		snprintf(buffer, 16, "?");
	return buffer;
}

static uint64_t realtime_of(uint64_t monotonic_ns)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return realtime_usec() + (monotonic_ns - ((uint64_t)now.tv_sec * UINT64_C(1000000000) +
						  (uint64_t)now.tv_nsec)) /
					 1000;
}

uint64_t gate_deadline_realtime(const struct gate *gate)
{
	uint64_t deadline = gate->detached ? 0 : datapath_deadline(gate->datapath);

	return deadline ? realtime_of(deadline) : 0;
}

/* --- the history ------------------------------------------------------------------------- */

const struct history_entry *gate_history_find(const struct gate *gate, uint64_t number)
{
	return gate->history && number ? history_find(gate->history, number) : NULL;
}

static void set_state(struct gate *gate, uint64_t number, enum history_state state,
		      struct diags *diags)
{
	if (gate_history_find(gate, number))
		history_set_state(gate->history, number, state, diags);
}

/* NULL: of none. */
static bool is_text_of(const struct history_entry *entry, const struct policy *policy)
{
	return entry && memcmp(entry->text_hash, policy->text_hash, sizeof(policy->text_hash)) == 0;
}

/* What a start is to begin with, if nobody has asked for anything else: what waits goes on waiting; a
 * daemon that has died comes back with what was in force; and after a boot nobody is there to look at
 * what is new. NULL: whatever the policy file holds. */
static const struct history_entry *expected_at_start(const struct gate *gate)
{
	bool died = datapath_manifest(gate->datapath) && !datapath_was_left(gate->datapath);

	if (datapath_deadline(gate->datapath) || died)
		return gate_history_find(gate, gate->history_in_force);
	return history_is_first_since_boot(gate->history) ? history_last_confirmed(gate->history)
							  : NULL;
}

int gate_admits(const struct gate *gate, const struct policy *policy, const struct gate_load *how,
		struct diags *diags)
{
	const struct history_entry *entry;

	if (!gate->history || how->again || how->entry || (how->change && how->change->force))
		return 0;
	entry = history_refuses(gate->history, policy->text_hash);
	/* A candidate that was undone may have had the text of what is good. */
	if (entry && !is_text_of(gate_history_find(gate, gate->history_in_force), policy) &&
	    !is_text_of(history_last_confirmed(gate->history), policy)) {
		diag_error(
			diags, &(struct diag_place){ .file = gate->config_path },
			"this is policy %llu of the history, which was undone: edit the file, or "
			"'xdpgate reload --force'",
			number_of(entry->id));
		return -ECANCELED;
	}
	if (!how->starting)
		return 0;
	entry = expected_at_start(gate);
	if (!entry || is_text_of(entry, policy))
		return 0;
	diag_error(
		diags, &(struct diag_place){ .file = gate->config_path },
		"it was edited, and not put in force before %s: 'xdpgate diff' shows what it would "
		"change, 'xdpgate reload' puts it in force",
		datapath_manifest(gate->datapath) ? "the daemon died" : "the machine was booted");
	return -ECANCELED;
}

/* The policy is that which has the number, and nothing is new about it. */
static bool is_known(const struct gate *gate, const struct policy *policy,
		     const struct gate_load *how)
{
	const struct history_entry *entry = gate_history_find(gate, gate->history_in_force);

	if (!entry || (how->change && how->change->confirm_sec))
		return false;
	if (how->starting && entry->state == HISTORY_PENDING)
		return true;
	return entry->state == HISTORY_CONFIRMED &&
	       memcmp(entry->hash, policy->hash, sizeof(policy->hash)) == 0;
}

uint64_t gate_history_number(const struct gate *gate, const struct policy *policy,
			     const struct gate_load *how)
{
	if (!gate->history)
		return 0;
	if (how->again || is_known(gate, policy, how))
		return gate->history_in_force;
	if (how->starting && how->entry)
		return how->entry;
	return history_next_id(gate->history);
}

void gate_history_note(struct gate *gate, const struct policy *policy, const struct gate_load *how,
		       uint64_t number, struct diags *diags)
{
	bool waits = datapath_deadline(gate->datapath) != 0;
	const struct history_origin origin = {
		.who = how->change ? how->change->who : "a start of the daemon",
		.why = how->change ? how->change->why : NULL,
		.state = waits ? HISTORY_PENDING : HISTORY_CONFIRMED,
	};
	const struct manifest *before = datapath_before(gate->datapath);
	const struct history_entry *left = gate_history_find(gate, gate->history_in_force);
	int r;

	if (!how->again && !how->entry) {
		gate_set_aside(gate, NULL);
		free(TAKE_PTR(gate->set_aside_before));
	}
	gate->history_before = before ? before->history : 0;
	gate->history_is_old = how->again && (gate->history_is_old || how->refreshed);
	if (!number || number == gate->history_in_force)
		return;
	if (gate_history_find(gate, number)) { /* a start out of the history */
		gate->history_in_force = number;
		return;
	}
	/* One candidate in the place of another, that nobody confirmed. */
	if (left && left->state == HISTORY_PENDING)
		set_state(gate, left->id, HISTORY_REVERTED, diags);
	r = how->entry ? history_repeat(gate->history, how->entry, &origin, &number, diags)
		       : history_add(gate->history, policy, &origin, &number, diags);
	if (r < 0) /* it keeps the number that the pins have */
		history_skip(gate->history, number);
	gate->history_in_force = r < 0 ? 0 : number;
}

void gate_history_refresh(struct gate *gate, struct diags *diags)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_(diags_free) struct diags unsaid = {};

	if (!gate->history_is_old || !gate->loaded ||
	    !gate_history_find(gate, gate->history_in_force))
		return;
	if (gate_load_again(gate, &policy, &unsaid) >= 0 &&
	    history_refresh(gate->history, gate->history_in_force, policy, diags) >= 0)
		gate->history_is_old = false;
	else
		diag_warning(diags, NULL,
			     "the history has policy %llu with its lists as they were before they "
			     "changed",
			     number_of(gate->history_in_force));
}

void gate_history_settle(struct gate *gate, struct diags *diags)
{
	bool waits = datapath_deadline(gate->datapath) != 0;
	const struct history_entry *entry;

	for (size_t i = 0; gate->history && (entry = history_at(gate->history, i)); i++) {
		bool live = entry->id == gate->history_in_force;

		if (entry->state != HISTORY_PENDING || (live && waits))
			continue;
		if (!live)
			log_warning("policy %llu was not confirmed, and is not in force",
				    number_of(entry->id));
		set_state(gate, entry->id, live ? HISTORY_CONFIRMED : HISTORY_REVERTED, diags);
	}
}

static int copy_entry(const struct gate *gate, const struct history_entry *entry,
		      struct gate_history_entry *ret)
{
	*ret = (struct gate_history_entry){
		.id = entry->id,
		.when_usec = entry->when_usec,
		.who = strdup(entry->who),
		.why = entry->why ? strdup(entry->why) : NULL,
		.state = entry->state,
		.in_force = gate_manifest(gate) && entry->id == gate->history_in_force,
		.boots = entry == history_last_confirmed(gate->history),
		.n_rules = entry->n_rules,
		.n_sets = entry->n_sets,
		.n_prefixes = entry->n_prefixes,
	};
	gate_format_hash(entry->hash, ret->policy_hash);
	return ret->who && (!entry->why || ret->why) ? 0 : -ENOMEM;
}

int gate_get_history(struct gate *gate, struct gate_history *ret)
{
	_cleanup_(gate_history_free) struct gate_history made = {};
	size_t n = 0;
	int r = 0;

	if (!gate->history)
		return -EOPNOTSUPP;
	while (history_at(gate->history, n))
		n++;
	made.items = calloc(n + 1, sizeof(*made.items));
	if (!made.items)
		return -ENOMEM;
	while (r >= 0 && made.n < n) {
		r = copy_entry(gate, history_at(gate->history, n - 1 - made.n),
			       &made.items[made.n]);
		made.n++;
	}
	if (r < 0)
		return r;
	*ret = made;
	made = (struct gate_history){};
	return 0;
}

void gate_history_free(struct gate_history *history)
{
	for (size_t i = 0; history->items && i < history->n; i++) {
		free(history->items[i].who);
		free(history->items[i].why);
	}
	free(history->items);
	*history = (struct gate_history){};
}

/* --- another policy ---------------------------------------------------------------------- */

static void tell(const struct gate *gate, bool changed, struct gate_changed *ret)
{
	const struct manifest *manifest = gate_manifest(gate);

	*ret = (struct gate_changed){
		.changed = changed,
		.generation = manifest ? manifest->generation : 0,
		.history = manifest ? gate->history_in_force : 0,
		.deadline_usec = gate_deadline_realtime(gate),
	};
}

static int refuse_while_waiting(const struct gate *gate, struct diags *diags)
{
	char at[16];

	diag_error(
		diags, NULL,
		"generation %llu waits to be confirmed until %s: 'xdpgate confirm' keeps it, "
		"'xdpgate rollback' undoes it; 'reload --confirm TIME' puts another in its place",
		number_of(datapath_manifest(gate->datapath)->generation),
		clock_time(gate_deadline_realtime(gate), at));
	return -EBUSY;
}

int gate_reload(struct gate *gate, const struct gate_change *change, struct gate_changed *ret,
		struct diags *diags)
{
	const struct gate_load how = {
		.accept_shrink = change->accept_shrink,
		.how = INSTALL_STRICT,
		.change = change,
	};
	int r;

	if (!gate->detached) {
		gate_history_settle(gate, diags);
		gate_history_refresh(gate, diags);
	}
	if (!gate->detached && datapath_deadline(gate->datapath) && !change->confirm_sec)
		r = refuse_while_waiting(gate, diags);
	else
		r = gate_install(gate, &how, diags);
	gate->n_reloads++;
	gate->n_failed_reloads += r < 0;
	gate_note_outcome(gate, r, diags);
	if (r < 0)
		return r;
	tell(gate, r > 0, ret);
	return 0;
}

/* The policy file still holds what was undone. */
static void say_set_aside(struct gate *gate, const char *why)
{
	char *text = NULL;

	if (asprintf(&text,
		     "%s %s: what it holds is refused until it is edited, or by 'xdpgate reload "
		     "--force'",
		     gate->config_path, why) < 0)
		text = NULL;
	gate_set_aside(gate, text);
}

/* It was gone back to what is confirmed now: so what was in force before is undone. */
static void leave_before(struct gate *gate, struct diags *diags)
{
	const struct history_entry *entry = gate_history_find(gate, gate->history_in_force);

	free(TAKE_PTR(gate->set_aside_before));
	if (!entry || !entry->again)
		return;
	set_state(gate, gate->history_before, HISTORY_REVERTED, diags);
	say_set_aside(gate, "was undone");
}

int gate_confirm(struct gate *gate, const char *who, struct gate_changed *ret, struct diags *diags)
{
	int r;

	if (gate->detached)
		return diag_error(diags, NULL, "xdpgate is detached, and about to stop");
	r = datapath_confirm(gate->datapath, diags);
	if (r < 0)
		return r;
	log_notice("%s has confirmed generation %llu", who,
		   number_of(datapath_manifest(gate->datapath)->generation));
	set_state(gate, gate->history_in_force, HISTORY_CONFIRMED, diags);
	leave_before(gate, diags);
	gate->history_before = 0;
	gate_await_sets(gate);
	tell(gate, true, ret);
	return 0;
}

/* --- back -------------------------------------------------------------------------------- */

int gate_install_entry(struct gate *gate, const struct gate_load *how, struct diags *diags)
{
	_cleanup_(diags_free) struct diags found = {};
	int r = gate_install(gate, how, &found);

	if (r < 0)
		diags_repeat(diags, &found, false);
	else
		gate_say_warnings(diags, &found);
	return r;
}

/* What was loaded last is not in force any more: it is not to be made again, whatever changes. */
static void forget_loaded(struct gate *gate)
{
	gate->loaded = false;
	gate->next_expiry = 0;
	gate_feeds_done(gate);
	gate_adopt_sets(gate);
}

int gate_undone(struct gate *gate, const char *why, struct diags *diags)
{
	uint64_t left = gate->history_in_force, number = gate->history_before;
	const struct history_entry *entry = gate_history_find(gate, left);
	int r = 0;

	if (entry &&
	    entry->again) /* not out of the policy file, which may well be in force again */
		gate_set_aside(gate, TAKE_PTR(gate->set_aside_before));
	else
		say_set_aside(gate, why);
	gate->history_in_force = number;
	gate->history_before = 0;
	set_state(gate, left, HISTORY_REVERTED, diags);
	forget_loaded(gate);
	if (!datapath_manifest(gate->datapath)) {
		log_set_generation(0);
		log_warning("no policy was in force before: every packet passes");
		return 0;
	}
	log_set_generation(datapath_manifest(gate->datapath)->generation);
	/* It judges packets already. Made again, it follows addresses, lists and devices, too. */
	if (gate_history_find(gate, number))
		r = gate_install_entry(
			gate, &(struct gate_load){ .entry = number, .starting = true }, diags);
	if (r < 0 || !gate->loaded)
		diag_warning(diags, NULL,
			     "the policy in force again cannot be made again from the history: it "
			     "filters as it was built, until a reload succeeds");
	return 0;
}

static int undo(struct gate *gate, const char *why, struct diags *diags)
{
	int r = datapath_undo(gate->datapath, diags);

	if (r >= 0)
		return gate_undone(gate, why, diags);
	if (!datapath_deadline(gate->datapath))
		forget_loaded(gate);
	return r;
}

int gate_deadline(struct gate *gate, struct diags *diags)
{
	uint64_t deadline = gate->detached ? 0 : datapath_deadline(gate->datapath);
	unsigned long long generation;
	int r;

	if (!deadline || clock_monotonic_usec() * 1000 < deadline)
		return 0;
	generation = datapath_manifest(gate->datapath)->generation;
	r = undo(gate, "was not confirmed in time", diags);
	if (r < 0)
		return r;
	log_warning("generation %llu was not confirmed in time: what was in force before is again",
		    generation);
	return 1;
}

uint64_t gate_next_deadline(const struct gate *gate)
{
	uint64_t deadline = gate->detached ? 0 : datapath_deadline(gate->datapath);

	/* Timers have microseconds: not before it has come. */
	return deadline ? deadline / 1000 + 1 : 0;
}

/* The last one before that was in force for good, and is another policy. 0: there is none. */
static uint64_t find_before(const struct gate *gate)
{
	const struct history_entry *in_force = gate_history_find(gate, gate->history_in_force);
	const struct history_entry *entry;
	uint64_t found = 0;

	for (size_t i = 0; (entry = history_at(gate->history, i)); i++)
		if (entry->state == HISTORY_CONFIRMED &&
		    (!in_force ||
		     (entry->id < in_force->id &&
		      memcmp(entry->hash, in_force->hash, sizeof(in_force->hash)) != 0)))
			found = entry->id;
	return found;
}

static int find_target(const struct gate *gate, uint64_t id, uint64_t *ret, struct diags *diags)
{
	if (!gate->history) {
		diag_error(diags, NULL,
			   "no history of policies is kept: xdpgated was started "
			   "without a state folder, or it cannot be used");
		return -ENOENT;
	}
	*ret = id ? id : find_before(gate);
	if (gate_history_find(gate, *ret))
		return 0;
	if (id)
		diag_error(diags, NULL,
			   "there is no policy %llu in the history; 'xdpgate history' "
			   "has those that are",
			   number_of(id));
	else
		diag_error(diags, NULL, "no other policy was in force before");
	return -ENOENT;
}

static int back_to(struct gate *gate, uint64_t number, const struct gate_change *change,
		   struct diags *diags)
{
	_cleanup_free_ char *why = NULL;
	struct gate_change told = *change;
	const struct gate_load how = { .how = INSTALL_STRICT, .entry = number, .change = &told };
	uint64_t left = gate->history_in_force;
	int r;

	if (asprintf(&why, "back to %llu%s%s", number_of(number), change->why ? ": " : "",
		     change->why ? change->why : "") < 0)
		return -ENOMEM;
	told.why = why;
	r = gate_install_entry(gate, &how, diags);
	if (r < 0)
		return r;
	/* While it waits to be confirmed, what was left may come back. */
	if (change->confirm_sec) {
		free(gate->set_aside_before);
		gate->set_aside_before = TAKE_PTR(gate->set_aside);
	} else if (left != gate->history_in_force) {
		set_state(gate, left, HISTORY_REVERTED, diags);
	}
	say_set_aside(gate, "was undone");
	return 0;
}

static int refuse_what_waits(uint64_t number, struct diags *diags)
{
	return diag_error(diags, NULL,
			  "policy %llu is the one that waits to be confirmed: 'xdpgate rollback' "
			  "undoes it, 'xdpgate confirm' keeps it",
			  number_of(number));
}

/* number: 0: to that before what waits. */
static int go_back(struct gate *gate, bool waits, uint64_t number, const struct gate_change *change,
		   struct diags *diags)
{
	int r = waits ? undo(gate, "was undone", diags) : 0;

	if (r < 0 || !number || number == gate->history_in_force)
		return r;
	r = back_to(gate, number, change, diags);
	if (r < 0 && waits)
		diag_warning(diags, NULL,
			     "what waited to be confirmed is undone all the same: in force is what "
			     "was before it");
	return r;
}

int gate_rollback(struct gate *gate, uint64_t id, const struct gate_change *change,
		  struct gate_changed *ret, struct diags *diags)
{
	const struct manifest *manifest = gate_manifest(gate);
	uint64_t number = 0, generation = manifest ? manifest->generation : 0;
	bool waits;
	int r = 0;

	if (gate->detached)
		return diag_error(diags, NULL, "xdpgate is detached, and about to stop");
	gate_history_settle(gate, diags);
	gate_history_refresh(gate, diags);
	waits = datapath_deadline(gate->datapath) != 0;
	if (id || !waits)
		r = find_target(gate, id, &number, diags);
	if (r >= 0 && waits && number && number == gate->history_in_force)
		r = refuse_what_waits(number, diags);
	else if (r >= 0)
		r = go_back(gate, waits, number, change, diags);
	gate_note_outcome(gate, r, diags);
	if (r < 0)
		return r;
	manifest = gate_manifest(gate);
	tell(gate, generation != (manifest ? manifest->generation : 0), ret);
	return 0;
}
