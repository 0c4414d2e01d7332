/* SPDX-License-Identifier: GPL-2.0-only */
#include "probe.h"

#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/mman.h>

#include "counters.h"
#include "kernel.h"
#include "live_slots.h"
#include "ruleset.h"
#include "util.h"

#define LOOPBACK_IFINDEX 1

struct probe {
	struct counters *counters; /* private */
	struct ruleset_maps maps;  /* its own, unless borrowed */
	struct live_maps *live;    /* private; NULL: the policy has no live sets, or it has none */
	int program_fd;
	struct trace *trace; /* the program's, mapped */
};

struct probe *probe_close(struct probe *probe)
{
	if (!probe)
		return NULL;
	close_fd(&probe->program_fd);
	if (probe->trace)
		munmap(probe->trace, sizeof(*probe->trace));
	ruleset_maps_close(&probe->maps);
	counters_close(probe->counters);
	live_maps_close(probe->live);
	free(probe);
	return NULL;
}

static void probe_closep(struct probe **probe)
{
	probe_close(*probe);
}

/* Private counters whose first slots are the interface's block and its rules, in order. */
static int open_counters(struct probe *probe, uint32_t n_rules, struct diags *diags)
{
	struct counter_identity identity = { .interface = "probe" };
	uint32_t slot;
	int r;

	r = counters_open(NULL, &probe->counters, diags);
	if (r >= 0)
		r = counters_assign(probe->counters, &identity, &slot, diags);
	for (uint32_t i = 0; r >= 0 && i < n_rules; i++) {
		snprintf(identity.rule, sizeof(identity.rule), "%u", i);
		r = counters_assign(probe->counters, &identity, &slot, diags);
		if (r >= 0 && slot != INTERFACE_BLOCK + i)
			r = -EINVAL;
	}
	return r;
}

static int load_probe(struct probe *probe, const struct ruleset_maps *maps,
		      const struct ruleset_config *settings, struct diags *diags)
{
	struct ruleset_config config = *settings;
	_cleanup_close_ int traces_fd = -1;
	void *trace;
	int r;

	config.interface_block = 0;
	config.probe = 1;
	r = ruleset_load(maps, probe->counters, &config, true, &probe->program_fd, &traces_fd,
			 diags);
	if (r < 0)
		return r;
	trace = mmap(NULL, sizeof(*probe->trace), PROT_READ | PROT_WRITE, MAP_SHARED, traces_fd, 0);
	if (trace == MAP_FAILED)
		return kernel_error(diags, -errno, "cannot map the trace of a probe");
	probe->trace = trace;
	return 0;
}

static struct probe *probe_new(void)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	if (probe) {
		probe->program_fd = -1;
		probe->maps = RULESET_MAPS_NONE;
	}
	return probe;
}

int probe_open(const struct policy *policy, const struct tables *tables, size_t interface,
	       bool redirects_exist, struct probe **ret, struct diags *diags)
{
	return probe_open_live(policy, tables, interface, redirects_exist, NULL, ret, diags);
}

int probe_open_live(const struct policy *policy, const struct tables *tables, size_t interface,
		    bool redirects_exist, struct live_maps *live, struct probe **ret,
		    struct diags *diags)
{
	_cleanup_(probe_closep) struct probe *probe = probe_new();
	size_t n_rules = policy->rulesets[policy->interfaces[interface].ruleset].n_rules;
	_cleanup_free_ struct rule_action *actions = calloc(n_rules + 1, sizeof(*actions));
	_cleanup_free_ struct rule_extra *extras = NULL;
	struct ruleset_config config = tables->configs[interface];
	uint32_t slots[MAX_LIVE_SETS];
	int r = 0;

	if (!probe || !actions)
		return -ENOMEM;
	for (uint32_t i = 0; i < n_rules; i++) {
		actions[i] = tables->actions[config.first_word * ROW_WORD_BITS + i];
		actions[i].slot = INTERFACE_BLOCK + i;
	}
	config.n_actions = n_rules;
	if (policy->n_live_sets && !live) {
		r = live_maps_open(NULL, &probe->live, diags);
		live = probe->live;
	}
	if (r >= 0)
		r = live_slots_assign(policy, live, slots, diags);
	if (r >= 0)
		r = live_slots_in_extras(slots, tables, &extras);
	if (r >= 0)
		r = open_counters(probe, n_rules, diags);
	if (r >= 0)
		r = ruleset_maps_create(tables, actions, n_rules, extras, policy->n_redirects,
					&probe->maps, diags);
	if (r < 0)
		return r;
	probe->maps.live = live;
	live_slots_in_config(slots, &config);
	for (size_t i = 0; r >= 0 && redirects_exist && i < policy->n_redirects; i++)
		r = ruleset_maps_set_redirect(&probe->maps, i, LOOPBACK_IFINDEX);
	if (r >= 0)
		r = load_probe(probe, &probe->maps, &config, diags);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(probe);
	return 0;
}

int probe_open_over(const struct ruleset_maps *maps, const struct ruleset_config *config,
		    bool with_live_sets, struct probe **ret, struct diags *diags)
{
	_cleanup_(probe_closep) struct probe *probe = probe_new();
	struct ruleset_maps own = *maps;
	int r;

	if (!probe)
		return -ENOMEM;
	if (!with_live_sets) /* what is banned just now has no say in what the policy is to do */
		own.live = NULL;
	r = open_counters(probe, 0, diags);
	if (r >= 0)
		r = load_probe(probe, &own, config, diags);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(probe);
	return 0;
}

struct live_maps *probe_live(struct probe *probe)
{
	return probe->live;
}

int probe_program_fd(const struct probe *probe)
{
	return probe->program_fd;
}

int probe_run(struct probe *probe, const uint8_t *frame, size_t len, struct probe_answer *answer,
	      uint8_t *out)
{
	return probe_run_through(probe, probe->program_fd, frame, len, answer, out);
}

int probe_run_through(struct probe *probe, int program_fd, const uint8_t *frame, size_t len,
		      struct probe_answer *answer, uint8_t *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = len,
		    .data_out = out, .data_size_out = out ? len : 0, .repeat = 1);
	int r;

	if (len < ETH_HLEN)
		return -EINVAL;
	*probe->trace = (struct trace){
		.verdict = VERDICT_NONE,
		.rule = TRACE_NO_RULE,
		.reason = REASON_NONE,
	};
	r = bpf_prog_test_run_opts(program_fd, &options);
	if (r < 0)
		return r;
	answer->trace = *probe->trace;
	answer->xdp_action = options.retval;
	return 0;
}

int probe_run_many(struct probe *probe, const uint8_t *frame, size_t len,
		   const struct trace **ret_trace)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = len, .repeat = 1);
	int r;

	if (len < ETH_HLEN)
		return -EINVAL;
	r = bpf_prog_test_run_opts(probe->program_fd, &options);
	if (r < 0)
		return r;
	*ret_trace = probe->trace;
	return 0;
}

int probe_counter(struct probe *probe, uint32_t slot, struct counter *ret)
{
	counters_snapshot(probe->counters);
	return counters_read(probe->counters, slot, ret);
}
