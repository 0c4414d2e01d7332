/* SPDX-License-Identifier: GPL-2.0-only */
/* gate_trial.c: samples of packets, for somebody who tries another policy on them. */
#include "gate_internal.h"

#include <string.h>

#include "util.h"

int gate_trial_start(struct gate *gate, uint32_t seconds, uint32_t one_in, struct gate_trial *ret,
		     struct diags *diags)
{
	int r;

	if (gate->detached)
		return diag_error(diags, NULL, "xdpgate is detached, and about to stop");
	r = datapath_sample(gate->datapath, seconds, one_in, diags);
	if (r < 0)
		return r;
	*ret = (struct gate_trial){
		.generation = datapath_manifest(gate->datapath)->generation,
		.until_usec = realtime_usec() + seconds * UINT64_C(1000000),
	};
	return datapath_samples_path(gate->datapath, ret->ring);
}

int gate_trial_stop(struct gate *gate, struct diags *diags)
{
	return gate->detached ? 0 : datapath_sample_end(gate->datapath, diags);
}
