/* SPDX-License-Identifier: GPL-2.0-only */
/* explain_view.h: an explanation for people. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* answer: of wire_explanation(). path: of the policy file; NULL: of the policy in force. in: where the
 * packet was said to arrive; NULL: at the only interface. */
void explain_print(const json_t *answer, const char *path, const char *in, bool color);
