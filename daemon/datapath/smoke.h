/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * smoke.h: a last look before a generation goes live: a few frames through a probe of what
 * is about to be swapped in, against the oracle; and the policy's own tests.
 */
#pragma once

#include "compile.h"
#include "diag.h"
#include "policy.h"
#include "ruleset.h"

/*
 * smoke_test() - of one interface.
 * @ret_failed: set to true, with an error in diags for each, if tests of the policy failed; else
 * untouched. That is no error yet: those of the other interfaces are worth running, too.
 * 0, or -EBADMSG (with the frame and both answers in diags) if program and oracle differ, or
 * another negative errno if the probe could not be loaded or run.
 */
int smoke_test(const struct policy *policy, const struct tables *tables, size_t interface,
	       const struct ruleset_maps *maps, const struct ruleset_config *config,
	       bool *ret_failed, struct diags *diags);
