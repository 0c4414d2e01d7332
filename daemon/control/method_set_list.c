/* SPDX-License-Identifier: GPL-2.0-only */
/* The methods that look at live sets. */
#include <string.h>

#include "answers_sets.h"
#include "bounds.h"
#include "live_prefix.h"
#include "method_set.h"
#include "util.h"
#include "wire.h"

static bool may_look(const struct session *session, const char *set)
{
	return session->peer.right >= RIGHT_LOOK ||
	       gate_set_may_write(session->control->gate, set, session->peer.uid);
}

static bool check_look(struct session *session, const char *set)
{
	_cleanup_free_ char *text = NULL;

	if (may_look(session, set))
		return true;
	if (asprintf(&text,
		     "only root and members of the group " CONTROL_GROUP
		     " may look at set '%.*s', and users whom its 'writers' names in the policy",
		     NAME_LEN, set) < 0)
		text = NULL;
	method_denied(session, text ? text : "only root may do this");
	return false;
}

/* The parameter `set`, NULL after the error was queued. */
static const char *set_to_look_at(struct session *session, const struct call *call)
{
	const char *set = string_of(call, "set");

	if (!set)
		method_invalid_parameter(session, "set");
	return set && check_look(session, set) ? set : NULL;
}

/* A parameter that is one prefix. False after the error was queued. */
static bool prefix_parameter(struct session *session, const char *text, struct live_prefix *ret)
{
	char why[LIVE_PREFIX_WHY];

	if (live_prefix_parse(text, ret, why) == 0)
		return true;
	session_error(session, GATE ".InvalidEntry",
		      json_pack("{s:i, s:o, s:o}", "index", 0, "entry",
				wire_bounded(text, REFUSAL_TEXT_MAX_BYTES), "text",
				wire_string(why)));
	return false;
}

void run_set_test(struct session *session, const struct call *call)
{
	const char *set = set_to_look_at(session, call);
	const char *text = set ? string_of(call, "prefix") : NULL;
	struct live_listed entry = {};
	struct live_prefix prefix;
	struct diags diags = {};
	int r;

	if (!set)
		return;
	if (!text) {
		method_invalid_parameter(session, "prefix");
		return;
	}
	if (!prefix_parameter(session, text, &prefix))
		return;
	r = gate_set_test(session->control->gate, set, &prefix, &entry, &diags);
	if (r < 0)
		method_set_failed(session, set, r, &diags);
	else
		session_reply(session,
			      json_pack("{s:b, s:o}", "found", r > 0, "entry",
					r > 0 ? answer_set_entry(&entry) : json_null()),
			      false);
	diags_free(&diags);
}

/* One page. after NULL: the first. 1: there are others; 0: this was the last; or an error, queued. */
static int reply_page(struct session *session, const struct live_prefix *after, bool stream)
{
	struct set_listing *listing = &session->listing;
	struct live_list list = {};
	struct diags diags = {};
	int r;

	if (!check_look(session, listing->set))
		return -EACCES;
	r = gate_set_list(session->control->gate, listing->set, after, listing->limit, &list,
			  &diags);
	if (r < 0) {
		method_set_failed(session, listing->set, r, &diags);
	} else {
		r = list.more && list.n;
		if (list.n)
			listing->after = list.items[list.n - 1].prefix;
		session_reply(session, answer_set_page(&list), stream && r);
		live_list_done(&list);
	}
	diags_free(&diags);
	return r;
}

static void stream_pages(struct session *session)
{
	if (reply_page(session, &session->listing.after, true) <= 0)
		session->streaming = false;
}

void run_set_list(struct session *session, const struct call *call)
{
	const char *set = set_to_look_at(session, call);
	const json_t *limit = parameter_of(call, "limit");
	json_int_t n = limit ? json_integer_value(limit) : SET_PAGE_MAX;
	const char *text = string_of(call, "after");
	struct live_prefix after;

	if (!set)
		return;
	if (n < 1 || n > SET_PAGE_MAX) {
		method_invalid_parameter(session, "limit");
		return;
	}
	if (text && !prefix_parameter(session, text, &after))
		return;
	session->listing = (struct set_listing){ .limit = (size_t)n };
	if (!method_set_is_there(session, set))
		return;
	snprintf(session->listing.set, sizeof(session->listing.set), "%s", set);
	if (reply_page(session, text ? &after : NULL, call->more) > 0 && call->more)
		session_stream(session, stream_pages, 0);
}

static bool wanted(const void *context, const char *set)
{
	return may_look(context, set);
}

void run_set_stats(struct session *session, const struct call *call)
{
	const char *set = string_of(call, "set");
	struct live_set_states states = {};
	struct diags diags = {};
	int r;

	if (set && !check_look(session, set))
		return;
	r = gate_set_status(session->control->gate, set, &states, &diags);
	if (r < 0)
		method_set_failed(session, set ? set : "", r, &diags);
	else
		session_reply(session, answer_set_states(&states, wanted, session), false);
	live_set_states_done(&states);
	diags_free(&diags);
}
