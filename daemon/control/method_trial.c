/* SPDX-License-Identifier: GPL-2.0-only */
/* The methods Trial and TrialEnd: packets are sampled, for a command that judges them. */
#include "answers.h"
#include "bounds.h"
#include "method_runs.h"
#include "util.h"
#include "wire.h"

static bool number_in(const struct call *call, const char *name, json_int_t otherwise,
		      json_int_t most, uint32_t *ret)
{
	const json_t *value = parameter_of(call, name);
	json_int_t number = value ? json_integer_value(value) : otherwise;

	if (number < 1 || number > most)
		return false;
	*ret = (uint32_t)number;
	return true;
}

static void start(struct session *session, uint32_t seconds, uint32_t one_in)
{
	struct control_event event = { .method = "Trial" };
	struct gate_trial trial = {};
	struct diags diags = {};
	int r;

	method_tell(session, &event);
	r = gate_trial_start(session->control->gate, seconds, one_in, &trial, &diags);
	if (r < 0)
		method_explain(&diags, "packets cannot be sampled", r);
	method_tell_result(session, &event, r, &diags);
	if (r < 0)
		session_error(session, GATE ".TrialFailed", answer_diags(&diags));
	else
		session_reply(session,
			      json_pack("{s:o, s:o, s:o}", "generation",
					wire_uint(trial.generation), "until_usec",
					wire_uint(trial.until_usec), "ring",
					wire_string(trial.ring)),
			      false);
	diags_free(&diags);
}

void run_trial(struct session *session, const struct call *call)
{
	uint32_t seconds, one_in;

	if (!number_in(call, "seconds", 0, TRIAL_MAX_SECONDS, &seconds))
		method_invalid_parameter(session, "seconds");
	else if (!number_in(call, "one_in", 1, TRIAL_MAX_ONE_IN, &one_in))
		method_invalid_parameter(session, "one_in");
	else
		start(session, seconds, one_in);
}

void run_trial_end(struct session *session, const struct call *call)
{
	struct control_event event = { .method = "TrialEnd" };
	struct diags diags = {};
	int r;

	method_tell(session, &event);
	r = gate_trial_stop(session->control->gate, &diags);
	if (r < 0)
		method_explain(&diags, "the sampling of packets cannot be ended", r);
	method_tell_result(session, &event, r, &diags);
	if (r < 0)
		session_error(session, GATE ".TrialFailed", answer_diags(&diags));
	else
		session_reply(session, answer_diags(&diags), false);
	diags_free(&diags);
}
