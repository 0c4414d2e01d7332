/* SPDX-License-Identifier: GPL-2.0-only */
#include "ruleset.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "kernel.h"
#include "util.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "pass.skel.h"
#include "ruleset.skel.h"
#include "vlans.skel.h"
#pragma GCC diagnostic pop

/* --- maps -------------------------------------------------------------------------------- */

static int create_redirects(size_t n, struct ruleset_maps *maps)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(maps->redirects); i++)
		r = maps->redirects[i] =
			bpf_map_create(BPF_MAP_TYPE_DEVMAP, "xdpgate_devices", sizeof(uint32_t),
				       sizeof(uint32_t), n ? n : 1, NULL);
	return r;
}

int ruleset_maps_create(const struct tables *tables, const struct rule_action *actions,
			uint32_t n_actions, const struct rule_extra *extras, size_t n_redirects,
			struct ruleset_maps *ret, struct diags *diags)
{
	_cleanup_(ruleset_maps_close) struct ruleset_maps maps = RULESET_MAPS_NONE;
	const struct {
		int *fd;
		const char *name;
		const void *data;
		size_t size;
	} plain[] = {
		{ &maps.rows, "xdpgate_rows", tables->rows,
		  tables->n_row_words * sizeof(*tables->rows) },
		{ &maps.scalars, "xdpgate_scalars", tables->scalars,
		  tables->n_scalars * sizeof(*tables->scalars) },
		{ &maps.macs, "xdpgate_macs", tables->macs,
		  tables->n_macs * sizeof(*tables->macs) },
		{ &maps.lpm4, "xdpgate_lpm4", tables->lpm4,
		  tables->n_lpm4 * sizeof(*tables->lpm4) },
		{ &maps.lpm6, "xdpgate_lpm6", tables->lpm6,
		  tables->n_lpm6 * sizeof(*tables->lpm6) },
		{ &maps.actions, "xdpgate_actions", actions, n_actions * sizeof(*actions) },
		{ &maps.extras, "xdpgate_extras", extras, tables->n_extras * sizeof(*extras) },
	};
	int r;

	kernel_forget();
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		*plain[i].fd = kernel_table_create(plain[i].name, plain[i].data, plain[i].size);
		if (*plain[i].fd < 0)
			return kernel_error(diags, *plain[i].fd,
					    "cannot create the map %s of %zu bytes", plain[i].name,
					    plain[i].size);
	}
	r = create_redirects(n_redirects, &maps);
	if (r < 0)
		return kernel_error(diags, r, "cannot create the map of redirect targets");
	*ret = maps;
	maps = RULESET_MAPS_NONE;
	return 0;
}

void ruleset_maps_close(struct ruleset_maps *maps)
{
	close_fd(&maps->rows);
	close_fd(&maps->scalars);
	close_fd(&maps->actions);
	close_fd(&maps->extras);
	close_fd(&maps->macs);
	close_fd(&maps->lpm4);
	close_fd(&maps->lpm6);
	for (size_t i = 0; i < ARRAY_SIZE(maps->redirects); i++)
		close_fd(&maps->redirects[i]);
}

int ruleset_maps_set_redirect(const struct ruleset_maps *maps, uint32_t redirect, int ifindex)
{
	uint32_t target = ifindex;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(maps->redirects); i++) {
		if (target)
			r = bpf_map_update_elem(maps->redirects[i], &redirect, &target, BPF_ANY);
		else
			r = bpf_map_delete_elem(maps->redirects[i], &redirect);
		if (r == -ENOENT && !target)
			r = 0;
	}
	return r;
}

/* --- programs ---------------------------------------------------------------------------- */

static int reuse_maps(struct ruleset_bpf *skeleton, const struct ruleset_maps *maps,
		      const struct counters *counters, const struct ruleset_config *config,
		      bool frags)
{
	const struct {
		struct bpf_map *map;
		int fd;
	} reused[] = {
		{ skeleton->maps.rows, maps->rows },
		{ skeleton->maps.scalars, maps->scalars },
		{ skeleton->maps.actions, maps->actions },
		{ skeleton->maps.extras, maps->extras },
		{ skeleton->maps.redirects, maps->redirects[frags] },
		{ skeleton->maps.macs, maps->macs },
		{ skeleton->maps.lpm4, maps->lpm4 },
		{ skeleton->maps.lpm6, maps->lpm6 },
		{ skeleton->maps.counter_pages, counters_pages_fd(counters) },
		{ skeleton->maps.home_page, counters_page_fd(counters, config->interface_block) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(reused); i++) {
		int r = bpf_map__reuse_fd(reused[i].map, reused[i].fd);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Where the policy names no live set, there need be no maps; where the maps have none, libbpf makes
 * empty ones. */
static int reuse_live_maps(struct ruleset_bpf *skeleton, const struct live_maps *live,
			   const struct ruleset_config *config)
{
#define X(id, array, type, key_size) skeleton->maps.array,
	struct bpf_map *const maps[] = { LIVE_TABLES(X) skeleton->maps.live_state };
#undef X
	int r = 0;

	for (size_t i = 0; r >= 0 && !config->uses_live && i < ARRAY_SIZE(maps); i++)
		r = bpf_map__set_autocreate(maps[i], false);
	if (r < 0 || !config->uses_live || !live)
		return r;
	for (enum live_table table = 0; r >= 0 && table < N_LIVE_TABLES; table++)
		r = bpf_map__reuse_fd(maps[table], live_maps_tables_fd(live, table));
	if (r >= 0)
		r = bpf_map__reuse_fd(skeleton->maps.live_state, live_maps_state_fd(live));
	return r;
}

static void ruleset_destroyp(struct ruleset_bpf **skeleton)
{
	ruleset_bpf__destroy(*skeleton);
}

int ruleset_load(const struct ruleset_maps *maps, const struct counters *counters,
		 const struct ruleset_config *config, bool frags, int *ret_fd, int *ret_traces_fd,
		 struct diags *diags)
{
	_cleanup_(ruleset_destroyp) struct ruleset_bpf *skeleton = NULL;
	_cleanup_close_ int fd = -1;
	int traces_fd = -1, r;

	kernel_forget();
	skeleton = ruleset_bpf__open();
	if (!skeleton)
		return kernel_error(diags, -errno, "cannot open the ruleset program");
	/* Constant for the program, writable until it is loaded. */
	memcpy((void *)&skeleton->rodata->config, config, sizeof(*config));
	kernel_prepare_program(skeleton->progs.xdpgate_ruleset, frags);
	r = reuse_maps(skeleton, maps, counters, config, frags);
	if (r >= 0)
		r = reuse_live_maps(skeleton, maps->live, config);
	if (r >= 0)
		r = ruleset_bpf__load(skeleton);
	if (r < 0)
		return kernel_error(diags, r, "the kernel refused the ruleset program");
	fd = kernel_dup_fd(bpf_program__fd(skeleton->progs.xdpgate_ruleset));
	if (fd < 0)
		return kernel_error(diags, fd, "cannot keep the ruleset program");
	if (ret_traces_fd) {
		traces_fd = kernel_dup_fd(bpf_map__fd(skeleton->maps.traces));
		if (traces_fd < 0)
			return kernel_error(diags, traces_fd, "cannot keep the trace");
		*ret_traces_fd = traces_fd;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static void vlans_destroyp(struct vlans_bpf **skeleton)
{
	vlans_bpf__destroy(*skeleton);
}

int vlans_load(const struct vlans_config *config, int array_fd, const struct counters *counters,
	       bool frags, int *ret_fd, struct diags *diags)
{
	_cleanup_(vlans_destroyp) struct vlans_bpf *skeleton = NULL;
	int r;

	kernel_forget();
	skeleton = vlans_bpf__open();
	if (!skeleton)
		return kernel_error(diags, -errno, "cannot open the program for VLANs");
	memcpy((void *)&skeleton->rodata->config, config, sizeof(*config));
	kernel_prepare_program(skeleton->progs.xdpgate_vlans, frags);
	r = bpf_map__reuse_fd(skeleton->maps.members, array_fd);
	if (r >= 0)
		r = bpf_map__reuse_fd(skeleton->maps.home_page,
				      counters_page_fd(counters, config->other_slot));
	if (r >= 0)
		r = vlans_bpf__load(skeleton);
	if (r >= 0)
		r = kernel_dup_fd(bpf_program__fd(skeleton->progs.xdpgate_vlans));
	if (r < 0)
		return kernel_error(diags, r, "the kernel refused the program for VLANs");
	*ret_fd = r;
	return 0;
}

int pass_load(bool frags, struct diags *diags)
{
	struct pass_bpf *skeleton;
	int r;

	kernel_forget();
	skeleton = pass_bpf__open();
	if (!skeleton)
		return kernel_error(diags, -errno, "cannot open the pass program");
	kernel_prepare_program(skeleton->progs.xdpgate_pass, frags);
	r = pass_bpf__load(skeleton);
	if (r >= 0)
		r = kernel_dup_fd(bpf_program__fd(skeleton->progs.xdpgate_pass));
	pass_bpf__destroy(skeleton);
	return r < 0 ? kernel_error(diags, r, "cannot load the pass program") : r;
}

bool pass_is(int fd)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) == 0 &&
	       strcmp(info.name, "xdpgate_pass") == 0;
}
