// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_vlans.c: several interfaces on one port, the dispatcher and the ruleset programs behind it,
 * against the oracle: which interface judges a frame, and how; see trial.h. In the end the counters
 * of all interfaces, of those too that a frame was not for, and of the port.
 */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <string.h>

#include "build-policy.h"
#include "counters.h"
#include "manifest.h"
#include "members.h"
#include "oracle.h"
#include "random-policy.h"
#include "ruleset.h"
#include "sandbox.h"
#include "trial.h"
#include "util.h"

#define MAX_MEMBERS 24
#define PACKETS 3000

struct port_trial {
	struct policy *policy;
	struct manifest *manifest;
	struct trial *trials[MAX_MEMBERS];
	struct counters *counters; /* of what no interface judges */
	uint32_t slot;
	struct counter unjudged; /* expected there */
	uint64_t judged;         /* packets that an interface judged */
	int array_fd, dispatcher_fd;
};

static void port_trial_close(struct port_trial *port)
{
	for (size_t i = 0; i < MAX_MEMBERS; i++)
		trial_close(port->trials[i]);
	close_fd(&port->array_fd);
	close_fd(&port->dispatcher_fd);
	counters_close(port->counters);
	manifest_free(port->manifest);
	policy_free(port->policy);
}

static uint16_t random_vid(struct rng *rng)
{
	static const uint16_t vids[] = { 1, 2, 3, 99, 100, 101, 2047, 2048, 4093, 4094 };

	return rng_percent(rng, 80) ? vids[rng_below(rng, ARRAY_SIZE(vids))]
				    : (uint16_t)(VLAN_FIRST + rng_below(rng, 40));
}

/* All interfaces on one port, each with a VLAN of its own, but for one that may have none. */
static struct policy *policy_of_port(struct rng *rng, size_t n_interfaces)
{
	struct policy *policy = random_policy(rng);
	bool taken[VLAN_LAST + 1] = {};
	char name[NAME_LEN];

	while (policy->n_interfaces < n_interfaces) {
		snprintf(name, sizeof(name), "added%zu", policy->n_interfaces);
		build_interface(policy, name, rng_below(rng, (uint32_t)policy->n_rulesets));
	}
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		struct interface *interface = &policy->interfaces[i];

		snprintf(interface->port, sizeof(interface->port), "port");
		do
			interface->vlan = random_vid(rng);
		while (taken[interface->vlan]);
		taken[interface->vlan] = true;
	}
	if (rng_percent(rng, 60))
		policy->interfaces[rng_below(rng, (uint32_t)policy->n_interfaces)].vlan = 0;
	return policy;
}

static int open_dispatcher(struct port_trial *port, struct diags *diags)
{
	const struct counter_identity identity = { .rule = "unjudged", .interface = ":port" };
	struct members members = {};
	struct vlans_config config;
	int r;

	r = counters_open(NULL, &port->counters, diags);
	if (r >= 0)
		r = counters_assign(port->counters, &identity, &port->slot, diags);
	if (r >= 0)
		r = manifest_from_policy(port->policy, &port->manifest);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < port->policy->n_interfaces; i++) {
		port->manifest->interfaces[i].unjudged = port->slot;
		members.items[members.n++] = i;
	}
	members_settings(port->manifest, &members, &config);
	port->array_fd =
		bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "members", 4, 4, (uint32_t)members.n, NULL);
	for (uint32_t i = 0; i < members.n && port->array_fd >= 0 && r >= 0; i++) {
		int fd = trial_program_fd(port->trials[i]);

		r = bpf_map_update_elem(port->array_fd, &i, &fd, BPF_ANY);
	}
	if (port->array_fd < 0 || r < 0)
		return port->array_fd < 0 ? port->array_fd : r;
	return vlans_load(&config, port->array_fd, port->counters, true, &port->dispatcher_fd,
			  diags);
}

static int port_trial_open(struct rng *rng, size_t n_interfaces, struct port_trial *port)
{
	_cleanup_(diags_free) struct diags diags = {};
	bool redirects_exist = rng_percent(rng, 50);
	int r = 0;

	*port = (struct port_trial){ .array_fd = -1, .dispatcher_fd = -1 };
	port->policy = policy_of_port(rng, n_interfaces);
	for (size_t i = 0; r >= 0 && i < port->policy->n_interfaces; i++)
		r = trial_open(port->policy, i, redirects_exist, &port->trials[i]);
	if (r >= 0)
		r = open_dispatcher(port, &diags);
	for (size_t i = 0; r >= 0 && i < port->policy->n_interfaces; i++)
		trial_through(port->trials[i], port->dispatcher_fd);
	if (r < 0)
		diags_print(&diags, stderr, false);
	return r;
}

/* A frame that some interface may be for: with a tag more, of a VID that one has or nearly has. */
static void random_frame(struct rng *rng, const struct port_trial *port, struct packet *packet)
{
	size_t interface = rng_below(rng, (uint32_t)port->policy->n_interfaces);
	uint16_t vid = port->policy->interfaces[interface].vlan;
	uint16_t tci = (uint16_t)(rng_below(rng, 16) << 12);

	random_packet(rng, port->policy, interface, packet);
	if (rng_percent(rng, 25) || packet->len + 4 > PACKET_MAX)
		return;
	if (rng_percent(rng, 20))
		vid = (uint16_t)(vid + rng_below(rng, 3) - 1);
	else if (rng_percent(rng, 10))
		vid = rng_percent(rng, 50) ? 0 : 4095;
	memmove(packet->data + 16, packet->data + 12, packet->len - 12);
	packet_set16(packet, 12, rng_percent(rng, 50) ? 0x8100 : 0x88a8);
	packet_set16(packet, 14, (uint16_t)(tci | (vid & 0xfff)));
	packet->len += 4;
	if (rng_percent(rng, 5)) /* cut in the tag */
		packet->len = 14 + rng_below(rng, 5);
}

static int check_unjudged(struct port_trial *port, const struct packet *packet)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet->data,
		    .data_size_in = (uint32_t)packet->len, .repeat = 1);
	int r = bpf_prog_test_run_opts(port->dispatcher_fd, &options);

	port->unjudged.packets++;
	port->unjudged.bytes += packet->len;
	if (r < 0)
		return r;
	if (options.retval == XDP_PASS)
		return 0;
	fprintf(stderr, "a frame that is for no interface: XDP action %u\n", options.retval);
	return -EINVAL;
}

static int check_frame(struct port_trial *port, const struct packet *packet)
{
	size_t interface = oracle_interface(port->policy, 0, packet->data, packet->len);
	int r;

	if (interface == ORACLE_NO_INTERFACE)
		return check_unjudged(port, packet);
	port->judged++;
	r = trial_packet(port->trials[interface], packet, NULL);
	if (r < 0)
		fprintf(stderr, "the frame is for interface %zu, VLAN %u\n", interface,
			port->policy->interfaces[interface].vlan);
	return r;
}

/* Of each interface to the byte: so nobody judged what was for another. */
static int check_counters(const struct port_trial *port)
{
	struct counter actual = {};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < port->policy->n_interfaces; i++)
		r = trial_counters(port->trials[i]);
	counters_snapshot(port->counters);
	if (r >= 0)
		r = counters_read(port->counters, port->slot, &actual);
	if (r < 0 ||
	    (actual.packets == port->unjudged.packets && actual.bytes == port->unjudged.bytes))
		return r;
	fprintf(stderr, "unjudged: %llu packets, %llu bytes; counted %llu, %llu\n",
		port->unjudged.packets, port->unjudged.bytes, actual.packets, actual.bytes);
	return -EINVAL;
}

static int check_port(uint64_t seed, size_t n_interfaces, uint64_t *judged, uint64_t *unjudged)
{
	struct rng rng = { seed };
	_cleanup_(port_trial_close) struct port_trial port;
	static struct packet packet;
	int r = port_trial_open(&rng, n_interfaces, &port);

	for (int i = 0; r >= 0 && i < PACKETS; i++) {
		random_frame(&rng, &port, &packet);
		r = check_frame(&port, &packet);
	}
	if (r >= 0)
		r = check_counters(&port);
	*judged += port.judged;
	*unjudged += port.unjudged.packets;
	return r;
}

int main(void)
{
	static const size_t sizes[] = {
		1, 2, 3, VLANS_INLINE, VLANS_INLINE + 1, VLANS_INLINE + 2, 2, 4, 2, 3, 2, 20
	};
	uint64_t judged = 0, unjudged = 0;

	if (!can_load_programs())
		return 1;
	printf("1..%zu\n", ARRAY_SIZE(sizes));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int r = check_port(i * 7919 + 1, sizes[i], &judged, &unjudged);

		printf("%s %zu - %zu or more interfaces on one port\n", r < 0 ? "not ok" : "ok",
		       i + 1, sizes[i]);
		fflush(stdout);
		if (r < 0)
			return 1;
	}
	printf("# %llu frames judged, %llu for nobody\n", (unsigned long long)judged,
	       (unsigned long long)unjudged);
	return judged > 1000 && unjudged > 1000 ? 0 : 1;
}
