/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * answers.h: what gate.h gives, as the JSON that org.xdpgate.gate.varlink describes. Each
 * returns a new object, NULL when out of memory.
 */
#pragma once

#include <jansson.h>

#include "gate.h"

json_t *answer_status(const struct gate_status *status);
json_t *answer_stats(const struct stats *stats);
json_t *answer_rules(const struct gate_rules *rules);
json_t *answer_history(const struct gate_history *history);
/* {changed, generation, history, deadline_usec, diagnostics, text} */
json_t *answer_changed(const struct gate_changed *changed, const struct diags *diags);
json_t *answer_diags(const struct diags *diags); /* {diagnostics, text} */
