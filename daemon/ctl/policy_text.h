/* SPDX-License-Identifier: GPL-2.0-only */
/* policy_text.h: a policy as text. */
#pragma once

#include "policy.h"

/* The normalised policy as text; caller frees. NULL when out of memory. */
char *print_policy(const struct policy *policy);
