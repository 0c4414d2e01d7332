/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * network_tables.c: the kernel's tables of devices, neighbours, addresses and gateways, over one
 * netlink socket.
 */
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "network_internal.h"
#include "rtnetlink.h"
#include "util.h"

#define DUMPS 5           /* at a table that changes while it is read */
#define MAX_GATEWAYS 1024 /* a machine with more has its routes from a routing protocol */

static int out_of_memory(void)
{
	errno = ENOMEM;
	return MNL_CB_ERROR;
}

#define ADD(network, array, item)                                                                  \
	({                                                                                         \
		int _r = array_reserve((void **)&(network)->array, &(network)->array##_capacity,   \
				       (network)->n_##array + 1, sizeof(item));                    \
		if (_r >= 0)                                                                       \
			(network)->array[(network)->n_##array++] = (item);                         \
		_r < 0 ? out_of_memory() : MNL_CB_OK;                                              \
	})

/* --- devices ----------------------------------------------------------------------------- */

static void note_vlan(const struct nlattr *data, struct link *link)
{
	const struct nlattr *attribute;

	link->tpid = ETH_P_8021Q;
	mnl_attr_for_each_nested(attribute, data)
	{
		if (mnl_attr_get_type(attribute) == IFLA_VLAN_ID)
			link->vid = mnl_attr_get_u16(attribute);
		else if (mnl_attr_get_type(attribute) == IFLA_VLAN_PROTOCOL)
			link->tpid = ntohs(mnl_attr_get_u16(attribute));
	}
}

static void note_kind(const struct nlattr *info, struct link *link)
{
	static const struct {
		const char *name;
		enum link_kind kind;
	} kinds[] = {
		{ "vlan", LINK_VLAN },       { "macvlan", LINK_STACKED },
		{ "macvtap", LINK_STACKED }, { "ipvlan", LINK_STACKED },
		{ "bond", LINK_GROUP },      { "team", LINK_GROUP },
		{ "bridge", LINK_BRIDGE },
	};
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, info)
	{
		if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
			for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
				if (strcmp(mnl_attr_get_str(attribute), kinds[i].name) == 0)
					link->kind = kinds[i].kind;
		if (mnl_attr_get_type(attribute) == IFLA_INFO_DATA && link->kind == LINK_VLAN)
			note_vlan(attribute, link);
	}
}

static int note_link(const struct nlmsghdr *message, void *context)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attributes[IFLA_MAX + 1] = {};
	struct network *network = context;
	struct link link = { .device = header->ifi_index };

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	mnl_attr_parse(message, sizeof(*header), rtnetlink_note_attribute, attributes);
	link.no_arp = header->ifi_flags & IFF_NOARP;
	if (attributes[IFLA_MASTER])
		link.master = (int)mnl_attr_get_u32(attributes[IFLA_MASTER]);
	if (attributes[IFLA_LINK] && !attributes[IFLA_LINK_NETNSID])
		link.lower = (int)mnl_attr_get_u32(attributes[IFLA_LINK]);
	if (attributes[IFLA_ADDRESS] &&
	    mnl_attr_get_payload_len(attributes[IFLA_ADDRESS]) == MAC_BYTES)
		memcpy(link.mac, mnl_attr_get_payload(attributes[IFLA_ADDRESS]), MAC_BYTES);
	if (attributes[IFLA_LINKINFO])
		note_kind(attributes[IFLA_LINKINFO], &link);
	return ADD(network, links, link);
}

/* --- neighbours -------------------------------------------------------------------------- */

int network_compare_neighbours(const void *left, const void *right)
{
	const struct neighbour *a = left, *b = right;

	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return endpoint_compare(&a->address, &b->address);
}

static int note_neighbour(const struct nlmsghdr *message, void *context)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	struct network *network = context;
	struct neighbour neighbour = { .device = header->ndm_ifindex, .state = header->ndm_state };
	bool has_address = false;

	if (message->nlmsg_type != RTM_NEWNEIGH ||
	    (header->ndm_family != AF_INET && header->ndm_family != AF_INET6))
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*header))
	{
		uint16_t bytes = mnl_attr_get_payload_len(attribute);

		if (mnl_attr_get_type(attribute) == NDA_DST &&
		    bytes == (header->ndm_family == AF_INET ? 4U : 16U)) {
			neighbour.address =
				endpoint_of(header->ndm_family, mnl_attr_get_payload(attribute));
			has_address = true;
		} else if (mnl_attr_get_type(attribute) == NDA_LLADDR && bytes == MAC_BYTES) {
			memcpy(neighbour.mac, mnl_attr_get_payload(attribute), MAC_BYTES);
			neighbour.has_mac = true;
		}
	}
	return has_address ? ADD(network, neighbours, neighbour) : MNL_CB_OK;
}

static int note_bridged(const struct nlmsghdr *message, void *context)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	struct network *network = context;
	struct bridged bridged = { .member = header->ndm_ifindex };

	if (message->nlmsg_type != RTM_NEWNEIGH || header->ndm_family != AF_BRIDGE)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message,
			  sizeof(*header)) if (mnl_attr_get_type(attribute) == NDA_LLADDR &&
					       mnl_attr_get_payload_len(attribute) == MAC_BYTES)
	{
		memcpy(bridged.mac, mnl_attr_get_payload(attribute), MAC_BYTES);
		return ADD(network, bridged, bridged);
	}
	return MNL_CB_OK;
}

static int note_own(const struct nlmsghdr *message, void *context)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	struct network *network = context;
	struct own_address own = { .device = (int)header->ifa_index };
	size_t bytes = header->ifa_family == AF_INET ? 4 : 16;
	bool found = false;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    (header->ifa_family != AF_INET && header->ifa_family != AF_INET6))
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*header))
	{
		int type = mnl_attr_get_type(attribute);

		if ((type == IFA_LOCAL || (type == IFA_ADDRESS && !found)) &&
		    mnl_attr_get_payload_len(attribute) == bytes) {
			own.address =
				endpoint_of(header->ifa_family, mnl_attr_get_payload(attribute));
			found = true;
		}
	}
	return found ? ADD(network, own, own) : MNL_CB_OK;
}

/* --- gateways ---------------------------------------------------------------------------- */

void network_note_hop(const struct nlattr *attribute, int af, struct endpoint *next, int *device)
{
	const struct rtvia *via;

	switch (mnl_attr_get_type(attribute)) {
	case RTA_OIF:
		*device = (int)mnl_attr_get_u32(attribute);
		break;
	case RTA_GATEWAY:
		if (mnl_attr_get_payload_len(attribute) == (af == AF_INET ? 4U : 16U))
			*next = endpoint_of(af, mnl_attr_get_payload(attribute));
		break;
	case RTA_VIA: /* a gateway of the other family */
		via = mnl_attr_get_payload(attribute);
		if (via->rtvia_family == AF_INET6 &&
		    mnl_attr_get_payload_len(attribute) == sizeof(*via) + 16)
			*next = endpoint_of(AF_INET6, via->rtvia_addr);
		break;
	default:
		break;
	}
}

#define NO_ENDPOINT ((struct endpoint){ .family = N_FAMILIES })

static int add_gateway(struct network *network, const struct endpoint *address, int device)
{
	struct gateway gateway = { .address = *address, .device = device };

	if (address->family == N_FAMILIES || !device || network->n_gateways == MAX_GATEWAYS)
		return MNL_CB_OK;
	for (size_t i = 0; i < network->n_gateways; i++)
		if (network->gateways[i].device == device &&
		    endpoint_compare(&network->gateways[i].address, address) == 0)
			return MNL_CB_OK;
	return ADD(network, gateways, gateway);
}

/* One of the next hops of a route that has several. */
static int note_next_hops(struct network *network, const struct nlattr *hops, int af)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(hops);
	size_t left = mnl_attr_get_payload_len(hops);
	int r = MNL_CB_OK;

	while (r == MNL_CB_OK && left >= sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) &&
	       hop->rtnh_len <= left) {
		struct endpoint next = NO_ENDPOINT;
		int device = hop->rtnh_ifindex;
		size_t step;
		const struct nlattr *attribute = (const struct nlattr *)RTNH_DATA(hop);
		int bytes = hop->rtnh_len - (int)RTNH_LENGTH(0);

		for (; mnl_attr_ok(attribute, bytes); attribute = mnl_attr_next(attribute)) {
			network_note_hop(attribute, af, &next, &device);
			bytes -= MNL_ALIGN(attribute->nla_len);
		}
		r = add_gateway(network, &next, device);
		step = (size_t)RTNH_ALIGN(hop->rtnh_len);
		left -= step < left ? step : left;
		hop = (const struct rtnexthop *)((const char *)hop + step);
	}
	return r;
}

static int note_route(const struct nlmsghdr *message, void *context)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	struct network *network = context;
	struct endpoint next = NO_ENDPOINT;
	int device = 0, r = MNL_CB_OK;

	if (message->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*route))
	{
		network_note_hop(attribute, route->rtm_family, &next, &device);
		if (mnl_attr_get_type(attribute) == RTA_MULTIPATH && r == MNL_CB_OK)
			r = note_next_hops(network, attribute, route->rtm_family);
	}
	return r == MNL_CB_OK ? add_gateway(network, &next, device) : r;
}

/* Objects that routes may name instead. */
static int note_next_hop(const struct nlmsghdr *message, void *context)
{
	const struct nhmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	struct network *network = context;
	struct endpoint next = NO_ENDPOINT;
	int device = 0;

	if (message->nlmsg_type != RTM_NEWNEXTHOP)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*header))
	{
		if (mnl_attr_get_type(attribute) == NHA_OIF)
			device = (int)mnl_attr_get_u32(attribute);
		else if (mnl_attr_get_type(attribute) == NHA_GATEWAY &&
			 mnl_attr_get_payload_len(attribute) ==
				 (header->nh_family == AF_INET ? 4U : 16U))
			next = endpoint_of(header->nh_family, mnl_attr_get_payload(attribute));
	}
	return add_gateway(network, &next, device);
}

/* --- asking ------------------------------------------------------------------------------ */

/* A whole table. Each of the headers is all zeros but for its first byte, the family. */
static int dump(struct network *network, uint16_t type, size_t header_bytes, int af,
		uint8_t protocol, mnl_cb_t each)
{
	RTNETLINK_REQUEST(buffer);
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	uint8_t *header;

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = ++network->sequence;
	header = mnl_nlmsg_put_extra_header(request, header_bytes);
	header[0] = (uint8_t)af;
	if (type == RTM_GETROUTE)
		((struct rtmsg *)header)->rtm_protocol = protocol;
	return netlink_ask_on(network->socket, request, each, network);
}

void network_read_bridged(struct network *network)
{
	if (!network->bridged_read)
		(void)dump(network, RTM_GETNEIGH, sizeof(struct ndmsg), AF_BRIDGE, 0, note_bridged);
	network->bridged_read = true;
}

/* Of a full table only what somebody has written into it comes out of the kernel. */
int network_read_gateways(struct network *network)
{
	static const uint8_t protocols[] = { RTPROT_KERNEL, RTPROT_BOOT, RTPROT_STATIC, RTPROT_RA,
					     RTPROT_DHCP };
	static const int families[] = { AF_INET, AF_INET6 };
	int r = 0;

	/* It is what it was a moment ago, at worst; a table that never rests is no failure, and keeps
	 * no other from being read. */
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(families) * ARRAY_SIZE(protocols); i++) {
		for (int j = 0; j == 0 || (j < DUMPS && r == -EINTR); j++)
			r = dump(network, RTM_GETROUTE, sizeof(struct rtmsg),
				 families[i / ARRAY_SIZE(protocols)],
				 protocols[i % ARRAY_SIZE(protocols)], note_route);
		if (r == -EINTR)
			r = 0;
	}
	if (r >= 0)
		r = dump(network, RTM_GETNEXTHOP, sizeof(struct nhmsg), AF_UNSPEC, 0,
			 note_next_hop);
	return r == -EINTR || r == -EOPNOTSUPP ? 0 : r;
}

static int read_tables(struct network *network)
{
	int r;

	network->n_links = network->n_neighbours = network->n_own = 0;
	r = dump(network, RTM_GETLINK, sizeof(struct ifinfomsg), AF_UNSPEC, 0, note_link);
	if (r >= 0)
		r = dump(network, RTM_GETADDR, sizeof(struct ifaddrmsg), AF_UNSPEC, 0, note_own);
	if (r >= 0)
		r = dump(network, RTM_GETNEIGH, sizeof(struct ndmsg), AF_UNSPEC, 0, note_neighbour);
	return r;
}

static void network_freep(struct network **network)
{
	network_free(*network);
}

int network_read(struct network **ret)
{
	_cleanup_(network_freep) struct network *network = calloc(1, sizeof(*network));
	const int on = 1;
	int r = -EINTR;

	if (!network)
		return -ENOMEM;
	network->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!network->socket || mnl_socket_bind(network->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	/* The kernel sorts out what was asked for; without it, all routes come and are sorted here. */
	(void)mnl_socket_setsockopt(network->socket, NETLINK_GET_STRICT_CHK, (void *)&on,
				    sizeof(on));
	for (int i = 0; r == -EINTR && i < DUMPS; i++)
		r = read_tables(network);
	if (r < 0)
		return r;
	if (network->n_neighbours)
		qsort(network->neighbours, network->n_neighbours, sizeof(*network->neighbours),
		      network_compare_neighbours);
	*ret = TAKE_PTR(network);
	return 0;
}

struct network *network_free(struct network *network)
{
	if (!network)
		return NULL;
	if (network->socket)
		mnl_socket_close(network->socket);
	free(network->links);
	free(network->neighbours);
	free(network->own);
	free(network->bridged);
	free(network->gateways);
	free(network);
	return NULL;
}
