/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The methods that change live sets. What is wrong with an entry as such refuses the whole call;
 * what the set may not hold is refused by itself, and told in the answer.
 */
#include <string.h>

#include "answers.h"
#include "answers_sets.h"
#include "bounds.h"
#include "method_set.h"
#include "set_entries.h"
#include "util.h"
#include "wire.h"

static const struct live_prefix *prefix_of_request(const void *context, size_t index)
{
	return &((const struct live_request *)context)[index].prefix;
}

static const struct live_prefix *prefix_of_prefix(const void *context, size_t index)
{
	return &((const struct live_prefix *)context)[index];
}

/* --- rights and errors ------------------------------------------------------------------- */

bool method_may_change_set(const struct session *session, const char *set)
{
	return session->peer.right == RIGHT_CHANGE ||
	       gate_set_may_write(session->control->gate, set, session->peer.uid);
}

const char *method_set_name(struct session *session, const struct call *call)
{
	const char *set = string_of(call, "set");
	_cleanup_free_ char *text = NULL;

	if (!set) {
		method_invalid_parameter(session, "set");
		return NULL;
	}
	if (method_may_change_set(session, set))
		return set;
	if (asprintf(&text,
		     "only root may change set '%.*s', and users whom its 'writers' names in the "
		     "policy",
		     NAME_LEN, set) < 0)
		text = NULL;
	method_denied(session, text ? text : "only root may do this");
	return NULL;
}

void method_set_failed(struct session *session, const char *set, int r, struct diags *diags)
{
	_cleanup_json_ json_t *answer = NULL;

	method_explain(diags, "the request failed", r);
	answer = answer_diags(diags);
	if (json_object_set_new(answer, "set", wire_string(set)) < 0)
		json_decref(TAKE_PTR(answer));
	session_error(session, r == -ENOENT ? GATE ".NoSuchSet" : GATE ".SetFailed",
		      TAKE_PTR(answer));
}

void method_set_fails(struct session *session, const char *set, const char *text)
{
	struct diags diags = {};

	method_set_failed(session, set, diag_error(&diags, NULL, "%s", text), &diags);
	diags_free(&diags);
}

bool method_set_is_there(struct session *session, const char *set)
{
	struct live_set_states states = {};
	struct diags diags = {};
	int r = gate_set_status(session->control->gate, set, &states, &diags);

	live_set_states_done(&states);
	if (r < 0)
		method_set_failed(session, set, r, &diags);
	diags_free(&diags);
	return r >= 0;
}

static void invalid_entry(struct session *session, int r, const struct bad_entry *bad)
{
	if (r != -EINVAL) {
		session->failed = true; /* out of memory */
		return;
	}
	session_error(session, GATE ".InvalidEntry",
		      json_pack("{s:o, s:o, s:o}", "index", wire_uint(bad->index), "entry",
				bad->entry ? wire_bounded(bad->entry, REFUSAL_TEXT_MAX_BYTES)
					   : json_null(),
				"text", wire_string(bad->why)));
}

/* The answer to a change, and a word to the observer. */
static void conclude(struct session *session, const char *set, int r, struct live_result *result,
		     struct diags *diags, prefix_of_index *prefix_of, const void *items)
{
	if (r != -ENOENT)
		burst_add(session, set, r, result, diags);
	if (r < 0)
		method_set_failed(session, set, r, diags);
	else
		session_reply(session, answer_set_result(result, prefix_of, items), false);
	live_result_done(result);
	diags_free(diags);
}

/* False: the parameter is none, and the error was queued. */
static bool guard_of(struct session *session, const struct call *call, enum guard_level *ret)
{
	const char *name = string_of(call, "guard");

	*ret = GUARD_ALL;
	if (!name || guard_level_parse(name, ret))
		return true;
	method_invalid_parameter(session, "guard");
	return false;
}

/* --- the methods ------------------------------------------------------------------------- */

/* The array, or NULL after the error was queued. */
static const json_t *array_of(struct session *session, const struct call *call, const char *name)
{
	const json_t *array = parameter_of(call, name);

	if (!array)
		method_invalid_parameter(session, name);
	return array;
}

void run_set_add(struct session *session, const struct call *call)
{
	_cleanup_free_ struct live_request *items = NULL;
	const char *set = method_set_name(session, call);
	const json_t *entries = set ? array_of(session, call, "entries") : NULL;
	struct live_result result = {};
	struct diags diags = {};
	struct bad_entry bad;
	enum guard_level guard;
	int r;

	if (!entries || !guard_of(session, call, &guard))
		return;
	r = set_entries_parse(entries, &items, &bad);
	if (r < 0) {
		invalid_entry(session, r, &bad);
		return;
	}
	r = gate_set_add(session->control->gate, set, items, json_array_size(entries), guard,
			 &result, &diags);
	conclude(session, set, r, &result, &diags, prefix_of_request, items);
}

void run_set_delete(struct session *session, const struct call *call)
{
	_cleanup_free_ struct live_prefix *items = NULL;
	const char *set = method_set_name(session, call);
	const json_t *prefixes = set ? array_of(session, call, "prefixes") : NULL;
	struct live_result result = {};
	struct diags diags = {};
	struct bad_entry bad;
	int r;

	if (!prefixes)
		return;
	r = set_prefixes_parse(prefixes, &items, &bad);
	if (r < 0) {
		invalid_entry(session, r, &bad);
		return;
	}
	r = gate_set_del(session->control->gate, set, items, json_array_size(prefixes), &result,
			 &diags);
	conclude(session, set, r, &result, &diags, prefix_of_prefix, items);
}

void run_set_flush(struct session *session, const struct call *call)
{
	const char *set = method_set_name(session, call);
	struct live_result result = {};
	struct diags diags = {};
	int r;

	if (!set)
		return;
	r = gate_set_flush(session->control->gate, set, &result, &diags);
	conclude(session, set, r, &result, &diags, NULL, NULL);
}

/* --- SetReplace -------------------------------------------------------------------------- */

/* Does this part follow what is staged? An earlier part that was refused leaves nothing, so those
 * that were sent behind it, unknowing, do not become the whole. */
static bool part_follows(struct session *session, const char *set, json_int_t offset)
{
	const struct staging *staging = session->staging;
	_cleanup_free_ char *text = NULL;
	size_t n = staging && strcmp(staging->set, set) == 0 ? staging->n : 0;

	if (offset == 0) {
		staging_drop(session);
		/* now, rather than after a million entries */
		return method_set_is_there(session, set);
	}
	if (staging && offset > 0 && (size_t)offset == n)
		return true;
	staging_drop(session);
	if (asprintf(&text,
		     "this part begins at entry %lld, but %zu were taken so far: the set is as it "
		     "was; begin anew with offset 0",
		     (long long)offset, n) < 0)
		text = NULL;
	method_set_fails(session, set, text ? text : "out of memory");
	return false;
}

static void reply_staged(struct session *session)
{
	struct live_result none = {};
	_cleanup_json_ json_t *answer = answer_set_result(&none, NULL, NULL);

	if (json_object_set_new(answer, "staged", wire_uint(session->staging->n)) < 0)
		json_decref(TAKE_PTR(answer));
	session_reply(session, TAKE_PTR(answer), false);
}

static void put_in_force(struct session *session, const char *set, enum guard_level guard)
{
	const struct staging *staging = session->staging;
	struct live_result result = {};
	struct diags diags = {};
	int r = gate_set_replace(session->control->gate, set, staging->items, staging->n, guard,
				 &result, &diags);

	conclude(session, set, r, &result, &diags, prefix_of_request, staging->items);
	staging_drop(session);
}

static void refuse_part(struct session *session, const char *set, int r)
{
	_cleanup_free_ char *text = NULL;

	staging_drop(session);
	if (r != -ENOSPC) {
		session->failed = true; /* out of memory */
		return;
	}
	if (asprintf(&text,
		     "too many entries wait to replace others: at most %u of one client, in %u "
		     "MiB of all; the set is as it was",
		     STAGED_MAX_ENTRIES, STAGED_MAX_BYTES >> 20) < 0)
		text = NULL;
	method_set_fails(session, set, text ? text : "out of memory");
}

void run_set_replace(struct session *session, const struct call *call)
{
	_cleanup_free_ struct live_request *items = NULL;
	const char *set = method_set_name(session, call);
	const json_t *entries = set ? array_of(session, call, "entries") : NULL;
	const json_t *final = parameter_of(call, "final");
	enum guard_level guard;
	struct bad_entry bad;
	int r;

	/* what is refused here leaves a staging that the offset of the next part does not fit */
	if (!entries || !final || !guard_of(session, call, &guard)) {
		if (entries && !final)
			method_invalid_parameter(session, "final");
		staging_drop(session);
		return;
	}
	if (!part_follows(session, set, json_integer_value(parameter_of(call, "offset"))))
		return;
	r = set_entries_parse(entries, &items, &bad);
	if (r < 0) {
		staging_drop(session);
		invalid_entry(session, r, &bad);
		return;
	}
	r = staging_add(session, set, items, json_array_size(entries));
	if (r < 0)
		refuse_part(session, set, r);
	else if (json_is_true(final))
		put_in_force(session, set, guard);
	else
		reply_staged(session);
}
