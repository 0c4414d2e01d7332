/* SPDX-License-Identifier: GPL-2.0-only */
/* The method Explain: one frame through what is in force. */
#include <string.h>

#include "answers.h"
#include "bounds.h"
#include "method_runs.h"
#include "policy_tests.h"
#include "util.h"
#include "wire.h"

/* Two digits a byte; 0: it is not that, or too long. */
static size_t decode(const char *hex, uint8_t *frame)
{
	size_t n = strlen(hex) / 2;

	if (!n || strlen(hex) % 2 || n > EXPLAIN_MAX_BYTES)
		return 0;
	for (size_t i = 0; i < n; i++) {
		int high = wire_hex_digit(hex[2 * i]), low = wire_hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return 0;
		frame[i] = (uint8_t)(high << 4 | low);
	}
	return n;
}

static void explain(struct session *session, const char *interface, const uint8_t *frame,
		    size_t len)
{
	struct explanation explanation = {};
	struct diags diags = {};
	int r = gate_explain(session->control->gate, interface, frame, len, &explanation, &diags);

	if (r < 0)
		method_explain(&diags, "the packet cannot be explained", r);
	if (r == -ENOENT) {
		_cleanup_json_ json_t *answer = answer_diags(&diags);

		if (json_object_set_new(answer, "interface", wire_string(interface)) < 0)
			json_decref(TAKE_PTR(answer));
		session_error(session, GATE ".NoSuchInterface", TAKE_PTR(answer));
	} else if (r < 0) {
		session_error(session, GATE ".ExplainFailed", answer_diags(&diags));
	} else {
		session_reply(session, wire_explanation(&explanation), false);
	}
	explanation_done(&explanation);
	diags_free(&diags);
}

void run_explain(struct session *session, const struct call *call)
{
	const char *interface = string_of(call, "interface"), *hex = string_of(call, "frame");
	const json_t *length = parameter_of(call, "length");
	_cleanup_free_ uint8_t *frame = calloc(1, TEST_FRAME_MAX);
	json_int_t len;
	size_t n;

	if (!frame) {
		session->failed = true;
		return;
	}
	n = hex ? decode(hex, frame) : 0;
	len = length ? json_integer_value(length) : (json_int_t)n;
	if (!interface)
		method_invalid_parameter(session, "interface");
	else if (!n)
		method_invalid_parameter(session, "frame");
	else if (len < (json_int_t)n || len > TEST_FRAME_MAX)
		method_invalid_parameter(session, "length");
	else
		explain(session, interface, frame, (size_t)len);
}
