/* SPDX-License-Identifier: GPL-2.0-only */
#include "local.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <time.h>

#include "util.h"

#define DUMP_BYTES 32768
#define ATTEMPTS 5 /* at a dump that the kernel says was interrupted by a change */

/* Addresses while they are collected. */
struct collection {
	struct local_addresses addresses;
	size_t v4_capacity, v6_capacity;
};

void local_addresses_free(struct local_addresses *addresses)
{
	if (!addresses)
		return;
	free(addresses->v4);
	free(addresses->v6);
	*addresses = (struct local_addresses){};
}

/* --- the kernel's messages --------------------------------------------------------------- */

static int add_v4(struct collection *collection, const void *bytes)
{
	struct local_addresses *to = &collection->addresses;
	uint32_t address;

	if (array_reserve((void **)&to->v4, &collection->v4_capacity, to->n_v4 + 1,
			  sizeof(*to->v4)) < 0)
		return -ENOMEM;
	memcpy(&address, bytes, sizeof(address));
	to->v4[to->n_v4++] = (struct prefix_v4){ .addr = ntohl(address), .len = 32 };
	return 0;
}

static uint64_t read_be64(const uint8_t *bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

static int add_v6(struct collection *collection, const void *bytes)
{
	struct local_addresses *to = &collection->addresses;

	if (array_reserve((void **)&to->v6, &collection->v6_capacity, to->n_v6 + 1,
			  sizeof(*to->v6)) < 0)
		return -ENOMEM;
	to->v6[to->n_v6++] = (struct prefix_v6){
		.hi = read_be64(bytes),
		.lo = read_be64((const uint8_t *)bytes + 8),
		.len = 128,
	};
	return 0;
}

/* Of a link with two ends, IFA_ADDRESS is the other one's; IFA_LOCAL is ours, if it is there. */
static int on_address(const struct nlmsghdr *header, void *data)
{
	const struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);
	const struct nlattr *attribute, *local = NULL;
	struct collection *collection = data;
	size_t bytes = message->ifa_family == AF_INET ? 4 : 16;
	int r;

	if (header->nlmsg_type != RTM_NEWADDR ||
	    (message->ifa_family != AF_INET && message->ifa_family != AF_INET6))
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, header, sizeof(*message))
	{
		int type = mnl_attr_get_type(attribute);

		if (type == IFA_LOCAL || (type == IFA_ADDRESS && !local))
			local = attribute;
	}
	if (!local || mnl_attr_get_payload_len(local) != bytes)
		return MNL_CB_OK;
	r = message->ifa_family == AF_INET ? add_v4(collection, mnl_attr_get_payload(local))
					   : add_v6(collection, mnl_attr_get_payload(local));
	if (r < 0) {
		errno = -r;
		return MNL_CB_ERROR;
	}
	return MNL_CB_OK;
}

static int dump(struct mnl_socket *socket, struct collection *collection)
{
	char buffer[DUMP_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct rtgenmsg *request = mnl_nlmsg_put_extra_header(header, sizeof(*request));
	unsigned int sequence = (unsigned int)time(NULL);
	ssize_t n;
	int r;

	header->nlmsg_type = RTM_GETADDR;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = sequence;
	request->rtgen_family = AF_UNSPEC;
	if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		if (n < 0)
			return -errno;
		r = mnl_cb_run(buffer, (size_t)n, sequence, mnl_socket_get_portid(socket),
			       on_address, collection);
	} while (r > MNL_CB_STOP);
	return r < 0 ? -errno : 0; /* EINTR: the addresses have changed meanwhile */
}

/* --- order ------------------------------------------------------------------------------- */

static int compare_v4(const void *left, const void *right)
{
	const struct prefix_v4 *a = left, *b = right;

	return a->addr < b->addr ? -1 : a->addr > b->addr;
}

static int compare_v6(const void *left, const void *right)
{
	const struct prefix_v6 *a = left, *b = right;

	if (a->hi != b->hi)
		return a->hi < b->hi ? -1 : 1;
	return a->lo < b->lo ? -1 : a->lo > b->lo;
}

/* Sort; several interfaces may have the same one. Returns how many are left. */
static size_t tidy(void *array, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	char *items = array;
	size_t kept = 0;

	if (n)
		qsort(items, n, size, compare);
	for (size_t i = 0; i < n; i++) {
		if (kept && compare(items + (kept - 1) * size, items + i * size) == 0)
			continue;
		if (kept != i)
			memcpy(items + kept * size, items + i * size, size);
		kept++;
	}
	return kept;
}

int local_addresses_read(struct local_addresses *ret)
{
	struct collection collection = {};
	struct local_addresses *addresses = &collection.addresses;
	struct mnl_socket *socket;
	int r = -EINTR;

	socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		r = -errno;
	for (int i = 0; i < ATTEMPTS && r == -EINTR; i++) {
		addresses->n_v4 = addresses->n_v6 = 0;
		r = dump(socket, &collection);
	}
	mnl_socket_close(socket);
	if (r < 0) {
		local_addresses_free(addresses);
		return r;
	}
	addresses->n_v4 = tidy(addresses->v4, addresses->n_v4, sizeof(*addresses->v4), compare_v4);
	addresses->n_v6 = tidy(addresses->v6, addresses->n_v6, sizeof(*addresses->v6), compare_v6);
	*ret = *addresses;
	return 0;
}

bool local_addresses_equal(const struct local_addresses *a, const struct local_addresses *b)
{
	if (a->n_v4 != b->n_v4 || a->n_v6 != b->n_v6)
		return false;
	for (size_t i = 0; i < a->n_v4; i++)
		if (compare_v4(&a->v4[i], &b->v4[i]) != 0)
			return false;
	for (size_t i = 0; i < a->n_v6; i++)
		if (compare_v6(&a->v6[i], &b->v6[i]) != 0)
			return false;
	return true;
}
