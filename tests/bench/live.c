/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xg-bench-live: what tests/bench/live.py needs for the live path: made-up lists, plain
 * programs on an interface, and a sender that never waits for user space.
 */
#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "harness.h"
#include "kernel.h"
#include "list.h"
#include "peers.h"
#include "util.h"

static const char usage[] =
	"Usage: xg-bench-live list KIND N       print N made-up prefixes: v4-routes, v4-hosts, …\n"
	"       xg-bench-live hold IFACE drop   attach a bare XDP_DROP until standard input ends\n"
	"       xg-bench-live hold IFACE lpm FILE    likewise, a program over an LPM_TRIE\n"
	"       xg-bench-live send N            prepare N frames (a power of two), then obey:\n"
	"           traffic FILE FLOWS    frames of FLOWS different flows (0: all different) from\n"
	"                                 prefixes, each maybe with a UDP port behind a blank\n"
	"           send IFACE N          send N frames; answers the nanoseconds for one\n";

static int fail(int r, const char *what)
{
	fprintf(stderr, "xg-bench-live: %s: %s %s\n", what, strerror(-r), kernel_words());
	return 1;
}

static int print_list(const char *kind, size_t n)
{
	struct prefix_list list = {};
	int r = -EINVAL;

	for (int i = 0; i < N_LIST_KINDS; i++)
		if (strcmp(kind, list_kind_name(i)) == 0)
			r = prefix_list_make(&list, i, n, 1);
	if (r < 0)
		return fail(r, kind);
	prefix_list_print(&list, stdout);
	prefix_list_free(&list);
	return 0;
}

/* --- a program on an interface ------------------------------------------------------------ */

static int load_peer(const char *what, const char *path, struct peer **ret)
{
	struct prefix_list list = {};
	const char *refused = NULL;
	int r;

	if (!path)
		return strcmp(what, "drop") == 0 ? peer_drop(ret) : -EINVAL;
	r = prefix_list_read(&list, path);
	if (r >= 0)
		r = prefix_list_finish(&list);
	if (r >= 0)
		r = peer_lpm(&list, ret, &refused);
	prefix_list_free(&list);
	return r;
}

static int hold(const char *ifname, const char *what, const char *path)
{
	int ifindex = (int)if_nametoindex(ifname);
	struct peer *peer = NULL;
	int r = ifindex ? load_peer(what, path, &peer) : -errno;

	if (r >= 0)
		r = bpf_xdp_attach(ifindex, peer_fd(peer), XDP_FLAGS_DRV_MODE, NULL);
	if (r < 0) {
		peer_free(peer);
		return fail(r, ifname);
	}
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, NULL);
	peer_free(peer);
	return 0;
}

/* --- sending ------------------------------------------------------------------------------ */

struct traffic {
	struct prefix_list prefixes;
	uint16_t *ports; /* by prefix; 0: any */
};

/* Lines of "PREFIX [PORT]", in order. */
static int read_traffic(const char *path, struct traffic *traffic)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0, i = 0;
	int r = prefix_list_read(&traffic->prefixes, path);

	if (r < 0)
		return r;
	traffic->ports = calloc(traffic->prefixes.n + 1, sizeof(*traffic->ports));
	if (!traffic->ports)
		return -ENOMEM;
	file = fopen(path, "re");
	while (file && i < traffic->prefixes.n && getline(&line, &size, file) >= 0) {
		const char *blank = strchr(line, ' ');

		traffic->ports[i++] = blank ? (uint16_t)strtoul(blank, NULL, 10) : 0;
	}
	return traffic->prefixes.n ? 0 : -EINVAL;
}

static void draw_flow(const struct traffic *traffic, struct rng *rng, struct flow *ret)
{
	uint32_t i = rng_below(rng, (uint32_t)traffic->prefixes.n);
	const struct list_prefix *prefix = &traffic->prefixes.prefixes[i];
	address host = (address)rng_u64(rng) << 64 | rng_u64(rng);

	*ret = (struct flow){
		.family = prefix->family,
		.src = prefix->addr | (prefix->len >= 128 ? 0 : host << prefix->len >> prefix->len),
		.dst = prefix->family == FAMILY_V4 ? ADDRESS_V4(0xcb007101)
						   : (address)0x20010db800000000 << 64 | 1,
		.proto = IPPROTO_UDP,
		.sport = (uint16_t)(1024 + rng_below(rng, 64512)),
		.dport = traffic->ports[i] ? traffic->ports[i] : (uint16_t)rng_u64(rng),
	};
}

static int make_traffic(struct harness *harness, const char *path, uint32_t flows)
{
	struct traffic traffic = {};
	struct rng rng = { .state = 1 };
	int r = read_traffic(path, &traffic);

	for (uint32_t i = 0; r >= 0 && i < harness_n_frames(harness); i++) {
		struct rng one = { .state = flows ? rng_below(&rng, flows) : rng_u64(&rng) };
		struct flow flow;

		draw_flow(&traffic, &one, &flow);
		frame_write(harness_frame(harness, i), &flow);
	}
	prefix_list_free(&traffic.prefixes);
	free(traffic.ports);
	return r;
}

static int obey(struct harness *harness, const char *line)
{
	char name[4096];
	unsigned int n;
	double ns = 0;
	int r;

	if (sscanf(line, "traffic %4095s %u", name, &n) == 2) {
		r = make_traffic(harness, name, n);
	} else if (sscanf(line, "send %4095s %u", name, &n) == 2) {
		uint32_t ifindex = if_nametoindex(name);

		r = ifindex ? harness_send(harness, ifindex, n, &ns) : -ENODEV;
	} else {
		r = -EINVAL;
	}
	if (r < 0)
		return fail(r, line);
	printf("%.1f\n", ns);
	fflush(stdout);
	return 0;
}

static int send_frames(uint32_t n_frames)
{
	_cleanup_free_ char *line = NULL;
	struct harness *harness;
	size_t size = 0;
	int r = harness_pin_cpu();

	if (r >= 0)
		r = harness_open(n_frames, &harness);
	if (r < 0)
		return fail(r, "the sender");
	r = 0;
	while (r == 0 && getline(&line, &size, stdin) >= 0)
		r = obey(harness, line);
	harness_close(harness);
	return r;
}

int main(int argc, char **argv)
{
	kernel_listen(NULL);
	if (argc == 4 && strcmp(argv[1], "list") == 0)
		return print_list(argv[2], strtoul(argv[3], NULL, 10));
	if ((argc == 4 || argc == 5) && strcmp(argv[1], "hold") == 0)
		return hold(argv[2], argv[3], argv[4]);
	if (argc == 3 && strcmp(argv[1], "send") == 0)
		return send_frames((uint32_t)strtoul(argv[2], NULL, 10));
	fputs(usage, stderr);
	return 2;
}
