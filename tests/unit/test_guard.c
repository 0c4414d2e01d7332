/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the lock-out guard works with: how frames come in through devices that stand on others, the
 * frames themselves, the addresses that somebody is logged in from.
 */
#include <linux/if_ether.h>
#include <linux/neighbour.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <utmpx.h>

#include <cmocka.h>

#include "logins.h"
#include "network_internal.h"
#include "rtnetlink.h"
#include "oracle.h"
#include "util.h"
#include "vital.h"

enum { ETH0 = 1, ETH1, BOND0, BOND0_100, BOND0_100_7, BR0, LO, BOND0_DEEP };

static struct link links[] = {
	{ .device = ETH0, .master = BOND0, .mac = { 2, 0, 0, 0, 0, 1 } },
	{ .device = ETH1, .master = BOND0, .mac = { 2, 0, 0, 0, 0, 1 } },
	{ .device = BOND0, .kind = LINK_GROUP, .mac = { 2, 0, 0, 0, 0, 1 } },
	{ .device = BOND0_100,
	  .lower = BOND0,
	  .kind = LINK_VLAN,
	  .vid = 100,
	  .tpid = ETH_P_8021AD },
	{ .device = BOND0_100_7,
	  .lower = BOND0_100,
	  .kind = LINK_VLAN,
	  .vid = 7,
	  .tpid = ETH_P_8021Q },
	{ .device = BOND0_DEEP, .lower = BOND0_100_7, .kind = LINK_VLAN, .vid = 9 },
	{ .device = LO, .no_arp = true },
};

static struct endpoint address(const char *text)
{
	struct endpoint endpoint;

	assert_true(endpoint_parse(text, &endpoint));
	return endpoint;
}

/* Outwards: each device once, with the tags that frames have there. */
static void approaches(void **state)
{
	struct network network = { .links = links, .n_links = ARRAY_SIZE(links) };
	const struct endpoint peer = address("192.0.2.1");
	struct approach found[MAX_APPROACHES];

	assert_int_equal(network_approaches(&network, BOND0_100_7, &peer, found), 5);
	assert_int_equal(found[0].device, BOND0_100_7);
	assert_int_equal(found[0].n_vids, 0);
	assert_int_equal(found[1].device, BOND0_100);
	assert_int_equal(found[1].n_vids, 1);
	assert_int_equal(found[1].vids[0], 7);
	for (int i = 2; i < 5; i++) {
		assert_int_equal(found[i].n_vids, 2);
		assert_int_equal(found[i].vids[0], 100);
		assert_int_equal(found[i].tpids[0], ETH_P_8021AD);
		assert_int_equal(found[i].vids[1], 7);
		assert_int_equal(found[i].tpids[1], ETH_P_8021Q);
	}
	assert_int_equal(found[2].device, BOND0);
	assert_int_equal(found[3].device, ETH0);
	assert_int_equal(found[4].device, ETH1);
	/* A third tag: no such frame is judged. */
	assert_int_equal(network_approaches(&network, BOND0_DEEP, &peer, found), 3);
	assert_int_equal(network_approaches(&network, 99, &peer, found), 0);
}

/* Of a bridge only the member behind which the neighbour was seen; all, if none is known. */
static void bridges(void **state)
{
	struct link bridged[] = {
		{ .device = ETH0, .master = BR0 },
		{ .device = ETH1, .master = BR0 },
		{ .device = BR0, .kind = LINK_BRIDGE },
	};
	struct neighbour neighbour = {
		.device = BR0,
		.address = address("2001:db8::1"),
		.has_mac = true,
		.mac = { 2, 0, 0, 0, 0, 9 },
	};
	struct bridged seen = { .member = ETH1, .mac = { 2, 0, 0, 0, 0, 9 } };
	struct network network = {
		.links = bridged,
		.n_links = ARRAY_SIZE(bridged),
		.neighbours = &neighbour,
		.n_neighbours = 1,
		.bridged_read = true,
		.bridged = &seen,
		.n_bridged = 1,
	};
	struct approach found[MAX_APPROACHES];

	assert_int_equal(network_approaches(&network, BR0, &neighbour.address, found), 2);
	assert_int_equal(found[1].device, ETH1);
	assert_memory_equal(found[1].mac[MAC_SRC], neighbour.mac, MAC_BYTES);
	network.n_bridged = 0;
	assert_int_equal(network_approaches(&network, BR0, &neighbour.address, found), 3);
}

/* A device that stands on itself, as a table that is read while it changes may say. */
static void circles(void **state)
{
	struct link circle[] = {
		{ .device = ETH0, .lower = ETH1, .kind = LINK_STACKED },
		{ .device = ETH1, .lower = ETH0, .kind = LINK_STACKED, .master = BOND0 },
		{ .device = BOND0, .kind = LINK_GROUP, .master = BOND0 },
	};
	struct network network = { .links = circle, .n_links = ARRAY_SIZE(circle) };
	struct approach found[MAX_APPROACHES];
	const struct endpoint peer = address("192.0.2.1");

	assert_in_range(network_approaches(&network, ETH0, &peer, found), 1, MAX_APPROACHES);
	assert_in_range(network_approaches(&network, BOND0, &peer, found), 1, MAX_APPROACHES);
}

static void resolving(void **state)
{
	struct neighbour neighbours[] = {
		{ .device = ETH0, .address = address("192.0.2.1"), .state = NUD_PERMANENT },
		{ .device = ETH0, .address = address("192.0.2.2"), .state = NUD_STALE },
	};
	struct network network = {
		.links = links,
		.n_links = ARRAY_SIZE(links),
		.neighbours = neighbours,
		.n_neighbours = ARRAY_SIZE(neighbours),
	};

	assert_false(network_resolves(&network, ETH0, &neighbours[0].address));
	assert_true(network_resolves(&network, ETH0, &neighbours[1].address));
	assert_true(network_resolves(&network, ETH1, &neighbours[0].address));
	assert_false(network_resolves(&network, LO, &neighbours[1].address));
}

/* The oracle reads the frames as what they are meant to be. */
static void frames(void **state)
{
	const struct connection bgp = {
		.peer = address("2001:db8::1"),
		.local = address("2001:db8::2"),
		.peer_port = 4711,
		.local_port = 179,
		.trust = TRUST_BGP,
	};
	struct vital vital = {
		.connection = &bgp,
		.approach = { .n_vids = 2, .vids = { 100, 7 }, .tpids = { 0x88a8, 0x8100 } },
	};
	uint8_t frame[VITAL_FRAME_MAX];
	struct trace trace = {};
	char text[VITAL_TEXT];

	oracle_trace(frame, vital_frame(&vital, frame), &trace);
	assert_int_equal(trace.scalar[FIELD_VLAN], 100 + 1);
	assert_int_equal(trace.scalar[FIELD_SPORT], 4711 + 1);
	assert_int_equal(trace.scalar[FIELD_DPORT], 179 + 1);
	assert_int_equal(trace.scalar[FIELD_TTL], 255 + 1);
	assert_int_equal(trace.scalar[FIELD_TCP_FLAGS], 0x10 + 1);
	assert_string_equal(vital_format(&vital, text), "the connection from [2001:db8::1]:4711 to "
							"[2001:db8::2]:179 (bgp)");
	vital = (struct vital){ .kind = VITAL_SOLICITATION,
				.neighbour = address("fe80::1"),
				.own = address("fe80::2:3:4") };
	oracle_trace(frame, vital_frame(&vital, frame), &trace);
	assert_int_equal(trace.scalar[FIELD_ICMP], (1 << 16 | 135 << 8) + 1);
	assert_int_equal(trace.scalar[FIELD_TTL], 255 + 1);
	assert_memory_equal(frame, "\x33\x33\xff\x03\x00\x04", 6);
	vital.kind = VITAL_ARP;
	oracle_trace(frame, vital_frame(&vital, frame), &trace);
	assert_int_equal(trace.scalar[FIELD_ETHERTYPE], ETH_P_ARP + 1);
}

static void add_login(const char *host, const char *binary, pid_t pid)
{
	struct utmpx entry = { .ut_type = USER_PROCESS, .ut_pid = pid };
	static char id = 'a';

	entry.ut_id[0] = id++;
	strncpy(entry.ut_host, host, sizeof(entry.ut_host));
	if (binary) {
		struct endpoint from = address(binary);

		memcpy(entry.ut_addr_v6, from.addr, endpoint_bytes(&from));
	}
	assert_non_null(pututxline(&entry));
}

/* With the device that a link-local address is of, as services that log somebody in may write it. */
static void scopes(void **state)
{
	const struct endpoint expected = address("fe80::1");
	struct endpoint found;

	found = address("fe80::1%eth0");
	assert_int_equal(endpoint_compare(&found, &expected), 0);
	assert_false(endpoint_parse("192.0.2.1%eth0", &found));
	assert_false(endpoint_parse("%eth0:", &found));
	assert_false(
		endpoint_parse("a-name-that-is-longer-than-any-address-can-be.example:22", &found));
}

/* --- a table that changes while it is read ------------------------------------------------- */

static unsigned int interruptions; /* so many answers are still to be marked so */

/* In the place of libmnl's. */
ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t bytes)
{
	ssize_t n = recv(mnl_socket_get_fd(socket), buffer, bytes, 0);
	struct nlmsghdr *message = buffer;

	if (n > 0 && interruptions && message->nlmsg_type != NLMSG_DONE) {
		message->nlmsg_flags |= NLM_F_DUMP_INTR;
		interruptions--;
	}
	return n;
}

/* It is read again, on the same socket, without what is left of the first reading. */
static void interrupted(void **state)
{
	struct network *whole = NULL, *again = NULL;

	assert_int_equal(network_read(&whole), 0);
	assert_true(whole->n_links);
	interruptions = 3;
	assert_int_equal(network_read(&again), 0);
	assert_int_equal(interruptions, 0);
	assert_int_equal(again->n_links, whole->n_links);
	network_free(again);
	again = NULL;
	interruptions = 1000;
	assert_int_equal(network_read(&again), -EINTR);
	interruptions = 0;
	network_free(whole);
}

/* utmp: by its binary address, or by its text; dead sessions, names and this machine are none. */
static void logged_in(void **state)
{
	char path[] = "/tmp/xdpgate-utmp-XXXXXX";
	struct logins logins = {};
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	utmpxname(path);
	setutxent();
	add_login("admin.example.net", "198.51.100.9", getpid());
	add_login("2001:db8::9", NULL, getpid());
	add_login("admin.example.net", NULL, getpid());
	add_login("::ffff:198.51.100.9", NULL, getpid());
	add_login("127.0.0.1", NULL, getpid());
	add_login("203.0.113.1", NULL, INT32_MAX);
	endutxent();
	assert_int_equal(logins_read(path, &logins), 0);
	unlink(path);
	/* Whoever runs this may be logged in, too. */
	for (size_t i = 0; i < logins.n; i++) {
		char text[ENDPOINT_TEXT];

		endpoint_format(&logins.items[i], 0, text);
		assert_string_not_equal(text, "203.0.113.1");
		assert_string_not_equal(text, "127.0.0.1");
	}
	assert_true(logins.n >= 2);
	const struct endpoint v4 = address("198.51.100.9"), v6 = address("2001:db8::9");
	size_t found = 0;

	for (size_t i = 0; i < logins.n; i++)
		found += endpoint_compare(&logins.items[i], &v4) == 0 ||
			 endpoint_compare(&logins.items[i], &v6) == 0;
	assert_int_equal(found, 2);
	logins_done(&logins);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(approaches), cmocka_unit_test(bridges),
		cmocka_unit_test(circles),    cmocka_unit_test(resolving),
		cmocka_unit_test(frames),     cmocka_unit_test(logged_in),
		cmocka_unit_test(scopes),     cmocka_unit_test(interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
