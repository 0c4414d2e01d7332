/* SPDX-License-Identifier: GPL-2.0-only */
/* gate-load.c: a policy in the kernel, and its cost, see gate-load.h. */
#include "gate-load.h"

#include <bpf/bpf.h>
#include <string.h>
#include <time.h>

#include "compile.h"
#include "counters.h"
#include "diag.h"
#include "generation.h"
#include "ruleset.h"
#include "util.h"

#define MAX_MAPS 64

struct gate_kernel {
	struct tables *tables;
	struct counters *counters;
	struct live_maps *live;
	struct generation *generation;
};

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* The kernel's own word on a map's memory. */
static size_t map_bytes(int fd)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[128];
	size_t bytes = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %zu", &bytes) == 1)
			break;
	return bytes;
}

/* Memory of all maps that the program uses; those of the counters go by their pages. */
static int measure_memory(struct gate_load *load)
{
	uint32_t ids[MAX_MAPS];
	struct bpf_prog_info info = { .nr_map_ids = MAX_MAPS, .map_ids = (uintptr_t)ids };
	__u32 len = sizeof(info);
	int r = bpf_obj_get_info_by_fd(load->program_fd, &info, &len);

	if (r < 0)
		return r;
	load->cost.jited_bytes = info.jited_prog_len;
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAX_MAPS; i++) {
		_cleanup_close_ int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd >= 0)
			load->cost.table_bytes += map_bytes(fd);
	}
	return 0;
}

static int load_kernel(struct gate_load *load, const struct policy *policy, struct diags *diags)
{
	struct gate_kernel *kernel = load->kernel;
	double start = now_ms();
	int r = tables_compile(policy, &kernel->tables, diags);

	load->cost.compile_ms = now_ms() - start;
	if (r < 0)
		return r;
	r = counters_open(NULL, &kernel->counters, diags);
	if (r >= 0 && policy->n_live_sets)
		r = live_maps_open(NULL, &kernel->live, diags);
	start = now_ms();
	if (r >= 0)
		r = generation_build(policy, kernel->tables, 1, true, kernel->counters,
				     kernel->live, &kernel->generation, diags);
	if (r >= 0)
		r = ruleset_load(&kernel->generation->maps, kernel->counters,
				 &kernel->generation->configs[0], true, &load->program_fd, NULL,
				 diags);
	load->cost.load_ms = now_ms() - start;
	return r;
}

int gate_load(const struct policy *policy, struct gate_load *ret)
{
	struct diags diags = {};
	int r;

	*ret = (struct gate_load){ .program_fd = -1, .kernel = calloc(1, sizeof(*ret->kernel)) };
	if (!ret->kernel)
		return -ENOMEM;
	r = load_kernel(ret, policy, &diags);
	if (r < 0) {
		ret->refused = strdup(diags.n ? diags.items[0].message : strerror(-r));
		r = ret->refused ? 0 : -ENOMEM;
	} else {
		r = measure_memory(ret);
	}
	diags_free(&diags);
	return r;
}

struct live_maps *gate_load_live(const struct gate_load *load)
{
	return load->kernel->live;
}

void gate_unload(struct gate_load *load)
{
	double start = now_ms();

	close_fd(&load->program_fd);
	free(TAKE_PTR(load->refused));
	if (!load->kernel)
		return;
	generation_free(load->kernel->generation);
	load->cost.remove_ms = now_ms() - start;
	counters_close(load->kernel->counters);
	live_maps_close(load->kernel->live);
	tables_free(load->kernel->tables);
	free(TAKE_PTR(load->kernel));
}
