/* SPDX-License-Identifier: GPL-2.0-only */
/* policy_text.h: what the commands that read policy files share. */
#pragma once

#include "ctl.h"
#include "policy.h"

/* As wants_color(), for diagnostics. */
bool wants_color_on_stderr(const struct options *options);
/* What `$self` holds: by --self, or of this machine. -EINVAL: --self is wrong, which was said. */
int read_self(const struct options *options, struct local_addresses *self);
/* The normalised policy as text; caller frees. NULL when out of memory. */
char *print_policy(const struct policy *policy);
