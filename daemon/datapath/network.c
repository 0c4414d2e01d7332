/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * network.c: the tables, and what is asked of them. See network.h; network_tables.c reads them.
 */
#include "network.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <string.h>

#include "network_internal.h"
#include "rtnetlink.h"
#include "util.h"

#define MAX_DEPTH 8 /* of devices on devices */

/* --- routes ------------------------------------------------------------------------------ */

struct answer {
	struct network *network;
	struct route route;
	bool found;
};

static int note_route(const struct nlmsghdr *message, void *context)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	struct answer *answer = context;

	if (message->nlmsg_type != RTM_NEWROUTE)
		return MNL_CB_OK;
	answer->found = true;
	answer->route.local = route->rtm_type == RTN_LOCAL;
	mnl_attr_for_each(attribute, message, sizeof(*route)) network_note_hop(
		attribute, route->rtm_family, &answer->route.next, &answer->route.device);
	return MNL_CB_OK;
}

int network_route(struct network *network, const struct endpoint *peer,
		  const struct endpoint *local, uint32_t device, struct route *ret)
{
	RTNETLINK_REQUEST(buffer);
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct answer answer = { .network = network, .route.next = *peer };
	uint16_t bytes = (uint16_t)endpoint_bytes(peer);
	struct rtmsg *question;
	int r;

	request->nlmsg_type = RTM_GETROUTE;
	request->nlmsg_flags = NLM_F_REQUEST;
	request->nlmsg_seq = ++network->sequence;
	question = mnl_nlmsg_put_extra_header(request, sizeof(*question));
	question->rtm_family = (uint8_t)endpoint_af(peer);
	question->rtm_dst_len = question->rtm_src_len = (uint8_t)(bytes * 8);
	mnl_attr_put(request, RTA_DST, bytes, peer->addr);
	mnl_attr_put(request, RTA_SRC, bytes, local->addr);
	if (device)
		mnl_attr_put_u32(request, RTA_OIF, device);
	r = netlink_ask_on(network->socket, request, note_route, &answer);
	if (r < 0)
		return r;
	if (!answer.found)
		return -ENETUNREACH;
	*ret = answer.route;
	return 0;
}

int network_gateways(struct network *network, const struct gateway **ret, size_t *ret_n)
{
	int r = network->gateways_read ? 0 : network_read_gateways(network);

	if (r < 0)
		return r;
	network->gateways_read = true;
	*ret = network->gateways;
	*ret_n = network->n_gateways;
	return 0;
}

/* --- neighbours -------------------------------------------------------------------------- */

static const struct neighbour *find_neighbour(const struct network *network, int device,
					      const struct endpoint *address)
{
	struct neighbour key = { .device = device, .address = *address };

	if (!network->n_neighbours)
		return NULL;
	return bsearch(&key, network->neighbours, network->n_neighbours, sizeof(key),
		       network_compare_neighbours);
}

static const struct link *find_link(const struct network *network, int device)
{
	for (size_t i = 0; device > 0 && i < network->n_links; i++)
		if (network->links[i].device == device)
			return &network->links[i];
	return NULL;
}

bool network_resolves(const struct network *network, int device, const struct endpoint *neighbour)
{
	const struct neighbour *known = find_neighbour(network, device, neighbour);
	const struct link *link = find_link(network, device);

	if (!link || link->no_arp)
		return false;
	return !known || !(known->state & (NUD_PERMANENT | NUD_NOARP));
}

static bool is_link_local(const struct endpoint *endpoint)
{
	return endpoint->family == FAMILY_V6 && endpoint->addr[0] == 0xfe &&
	       (endpoint->addr[1] & 0xc0) == 0x80;
}

bool network_own_address(const struct network *network, int device,
			 const struct endpoint *neighbour, struct endpoint *ret)
{
	bool found = false;

	for (size_t i = 0; i < network->n_own; i++) {
		const struct own_address *own = &network->own[i];

		if (own->device != device || own->address.family != neighbour->family)
			continue;
		if (found && is_link_local(&own->address) != is_link_local(neighbour))
			continue;
		*ret = own->address;
		found = true;
	}
	return found;
}

/* --- approaches -------------------------------------------------------------------------- */

struct walk {
	struct network *network;
	struct approach *items;
	size_t n;
	bool mac_known;
};

static bool sees(struct walk *walk, int member, const uint8_t *mac)
{
	for (size_t i = 0; i < walk->network->n_bridged; i++)
		if (walk->network->bridged[i].member == member &&
		    memcmp(walk->network->bridged[i].mac, mac, MAC_BYTES) == 0)
			return true;
	return false;
}

/* Has the bridge learnt behind which of its members the neighbour is? */
static bool is_seen(struct walk *walk, const struct link *bridge, const uint8_t *mac)
{
	for (size_t i = 0; walk->mac_known && i < walk->network->n_links; i++)
		if (walk->network->links[i].master == bridge->device &&
		    sees(walk, walk->network->links[i].device, mac))
			return true;
	return false;
}

/* The tag that a VLAN device takes off is put in front of those that are known. */
static bool put_tag(struct approach *approach, const struct link *link)
{
	if (approach->n_vids == APPROACH_TAGS)
		return false;
	memmove(approach->vids + 1, approach->vids, sizeof(*approach->vids));
	memmove(approach->tpids + 1, approach->tpids, sizeof(*approach->tpids));
	approach->vids[0] = link->vid;
	approach->tpids[0] = link->tpid;
	approach->n_vids++;
	return true;
}

/* From the device outwards, to what frames come through before it. */
static void walk_out(struct walk *walk, const struct link *link, struct approach here,
		     unsigned int depth)
{
	const struct link *lower;
	bool seen;

	if (!link || depth > MAX_DEPTH || walk->n == MAX_APPROACHES)
		return;
	here.device = link->device;
	walk->items[walk->n++] = here;
	if (link->kind == LINK_VLAN || link->kind == LINK_STACKED) {
		lower = find_link(walk->network, link->lower);
		if (link->kind == LINK_STACKED || put_tag(&here, link))
			walk_out(walk, lower, here, depth + 1);
		return;
	}
	if (link->kind != LINK_GROUP && link->kind != LINK_BRIDGE)
		return;
	if (link->kind == LINK_BRIDGE)
		network_read_bridged(walk->network);
	seen = link->kind == LINK_BRIDGE && is_seen(walk, link, here.mac[MAC_SRC]);
	for (size_t i = 0; i < walk->network->n_links; i++) {
		const struct link *member = &walk->network->links[i];

		if (member->master == link->device &&
		    (!seen || sees(walk, member->device, here.mac[MAC_SRC])))
			walk_out(walk, member, here, depth + 1);
	}
}

size_t network_approaches(struct network *network, int device, const struct endpoint *neighbour,
			  struct approach ret[MAX_APPROACHES])
{
	/* Of one that is not known any will do, which is nobody's. */
	static const uint8_t unknown[MAC_BYTES] = { 2 };
	const struct neighbour *known = find_neighbour(network, device, neighbour);
	const struct link *link = find_link(network, device);
	struct walk walk = { .network = network, .items = ret };
	struct approach first = {};

	if (!link)
		return 0;
	walk.mac_known = known && known->has_mac;
	memcpy(first.mac[MAC_SRC], walk.mac_known ? known->mac : unknown, MAC_BYTES);
	memcpy(first.mac[MAC_DST], link->mac, MAC_BYTES);
	walk_out(&walk, link, first, 0);
	return walk.n;
}
