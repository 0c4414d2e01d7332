/* SPDX-License-Identifier: GPL-2.0-only */
/* trial_daemon.h: what a trial asks the daemon. */
#pragma once

#include "trial.h"

#define MAX_ONE_IN (1U << 30)

/* Of how many packets one is to be sampled, so that there are about rate a second. An exit code. */
int trial_daemon_measure(const struct options *options, uint32_t rate, uint32_t *ret_one_in);

/* Have packets sampled. *ret_ring: where the ring is pinned; the caller's to free. An exit code. */
int trial_daemon_begin(struct trial *trial, uint32_t seconds, char **ret_ring);

/* Another one_in from now on, for so many seconds. False: the daemon refused, or did not answer; then
 * all is as it was. */
bool trial_daemon_adapt(const struct options *options, uint32_t seconds, uint32_t one_in);

/* Does the policy judge that did, and is it sampled? If not, trial->end says why. */
bool trial_daemon_goes_on(struct trial *trial);

/* No more; what fails ends by itself. */
void trial_daemon_end(const struct options *options);
