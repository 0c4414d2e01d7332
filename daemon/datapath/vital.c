/* SPDX-License-Identifier: GPL-2.0-only */
#include "vital.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "util.h"

#define MAX_NEIGHBOURS 1024 /* further ones are taken to be reached like these */

enum { TCP_ACK = 0x10, TTL = 64, TTL_LINK = 255, PORT_SSH = 22, PORT_BGP = 179 };
enum { DSCP_ROUTING = 48 /* CS6, RFC 4594 */ };
enum { ND_SOLICITATION = 135, ND_ADVERTISEMENT = 136 };

void vitals_done(struct vitals *vitals)
{
	connections_done(&vitals->connections);
	free(vitals->items);
	*vitals = (struct vitals){};
}

/* --- collecting --------------------------------------------------------------------------- */

struct collection {
	struct network *network;
	vital_filter *wanted;
	void *context;
	struct gateway *neighbours; /* that were looked at */
	size_t n_neighbours, neighbours_capacity;
	struct vitals vitals;
};

/* In each way in which it comes in. Returns how many these are, or -ENOMEM. */
static int add(struct collection *collection, const struct vital *vital, int device,
	       const struct endpoint *neighbour)
{
	struct approach approaches[MAX_APPROACHES];
	struct vitals *to = &collection->vitals;
	size_t n = network_approaches(collection->network, device, neighbour, approaches);
	int added = 0;

	for (size_t i = 0; i < n; i++) {
		if (!collection->wanted(collection->context, approaches[i].device))
			continue;
		if (array_reserve((void **)&to->items, &to->capacity, to->n + 1,
				  sizeof(*to->items)) < 0)
			return -ENOMEM;
		to->items[to->n] = *vital;
		to->items[to->n++].approach = approaches[i];
		added++;
	}
	return added;
}

/* It is noted, or was before. */
static int note_neighbour(struct collection *collection, const struct endpoint *address, int device,
			  bool *ret_known)
{
	for (size_t i = 0; i < collection->n_neighbours; i++) {
		const struct gateway *known = &collection->neighbours[i];

		*ret_known =
			known->device == device && endpoint_compare(&known->address, address) == 0;
		if (*ret_known)
			return 0;
	}
	*ret_known = false;
	if (array_reserve((void **)&collection->neighbours, &collection->neighbours_capacity,
			  collection->n_neighbours + 1, sizeof(*collection->neighbours)) < 0)
		return -ENOMEM;
	collection->neighbours[collection->n_neighbours++] =
		(struct gateway){ .address = *address, .device = device };
	return 0;
}

/* What finds the MAC address of a neighbour, and lets it find ours. */
static int add_neighbour(struct collection *collection, const struct endpoint *address, int device)
{
	struct vital vital = { .kind = VITAL_ARP, .neighbour = *address };
	bool known;
	int r;

	if (!network_resolves(collection->network, device, address) ||
	    collection->n_neighbours == MAX_NEIGHBOURS)
		return 0;
	r = note_neighbour(collection, address, device, &known);
	if (r < 0 || known)
		return r;
	if (address->family == FAMILY_V4)
		return add(collection, &vital, device, address);
	if (!network_own_address(collection->network, device, address, &vital.own))
		return 0;
	vital.kind = VITAL_ADVERTISEMENT;
	r = add(collection, &vital, device, address);
	vital.kind = VITAL_SOLICITATION;
	return r < 0 ? r : add(collection, &vital, device, address);
}

static bool same_route(const struct connection *a, const struct connection *b)
{
	return endpoint_compare(&a->peer, &b->peer) == 0 &&
	       endpoint_compare(&a->local, &b->local) == 0 && a->device == b->device;
}

/* Connections are in order of what the kernel's answer depends on, so each is asked once. */
static int add_connections(struct collection *collection)
{
	const struct connections *connections = &collection->vitals.connections;
	struct route route = {};
	bool reached = false;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < connections->n; i++) {
		const struct connection *connection = &connections->items[i];
		const struct vital vital = { .connection = connection };

		if (i == 0 || !same_route(connection, connection - 1))
			reached = network_route(collection->network, &connection->peer,
						&connection->local, connection->device,
						&route) >= 0 &&
				  !route.local;
		if (!reached)
			continue;
		r = add(collection, &vital, route.device, &route.next);
		if (r > 0 && connection->trust != TRUST_NONE)
			r = add_neighbour(collection, &route.next, route.device);
	}
	return r < 0 ? r : 0;
}

static int add_gateways(struct collection *collection)
{
	const struct gateway *gateways;
	size_t n;
	int r = network_gateways(collection->network, &gateways, &n);

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = add_neighbour(collection, &gateways[i].address, gateways[i].device);
	return r < 0 ? r : 0;
}

static void network_freep(struct network **network)
{
	network_free(*network);
}

int vitals_read(const struct endpoint *logins, size_t n_logins, struct connections *connections,
		vital_filter *wanted, void *context, struct vitals *ret, const char **ret_what)
{
	_cleanup_(network_freep) struct network *network = NULL;
	struct collection collection = { .wanted = wanted, .context = context };
	bool all = !connections;
	int r = 0;

	*ret_what = "the TCP connections of this machine";
	if (connections) {
		collection.vitals.connections = *connections;
		*connections = (struct connections){};
	} else {
		r = connections_read(logins, n_logins, &collection.vitals.connections);
	}
	if (r >= 0) {
		*ret_what = "the devices, neighbours and routes of this machine";
		r = network_read(&network);
	}
	collection.network = network;
	if (r >= 0)
		r = add_connections(&collection);
	if (r >= 0 && all)
		r = add_gateways(&collection);
	free(collection.neighbours);
	if (r < 0) {
		vitals_done(&collection.vitals);
		return r;
	}
	*ret = collection.vitals;
	return 0;
}

/* --- frames ------------------------------------------------------------------------------- */

static bool is_bgp(const struct connection *connection)
{
	return connection->local_port == PORT_BGP || connection->peer_port == PORT_BGP;
}

static void fill_ip(struct test_packet *packet, const struct endpoint *src,
		    const struct endpoint *dst)
{
	packet->ip = true;
	packet->family = (enum family)src->family;
	memcpy(packet->address[ADDRESS_SRC], src->addr, 16);
	memcpy(packet->address[ADDRESS_DST], dst->addr, 16);
	packet->scalar[FIELD_DSCP] = 0;
	packet->scalar[FIELD_FRAGMENT] = FRAGMENT_NONE;
}

/* An acknowledgement, which every connection has. */
static void fill_connection(struct test_packet *packet, const struct connection *connection)
{
	fill_ip(packet, &connection->peer, &connection->local);
	packet->scalar[FIELD_PROTO] = IPPROTO_TCP;
	packet->scalar[FIELD_SPORT] = connection->peer_port;
	packet->scalar[FIELD_DPORT] = connection->local_port;
	packet->scalar[FIELD_TCP_FLAGS] = TCP_ACK;
	packet->scalar[FIELD_TTL] = is_bgp(connection) ? TTL_LINK : TTL;
	if (is_bgp(connection))
		packet->scalar[FIELD_DSCP] = DSCP_ROUTING;
	packet->scalar[FIELD_LENGTH] = test_headers_length(packet);
}

/* RFC 4861, 7.1: with a hop limit of 255, from the neighbour to us. */
static void fill_discovery(struct test_packet *packet, const struct vital *vital)
{
	uint32_t type = vital->kind == VITAL_ADVERTISEMENT ? ND_ADVERTISEMENT : ND_SOLICITATION;

	fill_ip(packet, &vital->neighbour, &vital->own);
	packet->scalar[FIELD_PROTO] = IPPROTO_ICMPV6;
	packet->scalar[FIELD_ICMP] = 1U << 16 | type << 8;
	packet->scalar[FIELD_TTL] = TTL_LINK;
	packet->scalar[FIELD_LENGTH] = test_headers_length(packet) + 16; /* the target */
	if (vital->kind == VITAL_ADVERTISEMENT)
		return;
	/* To the group of those whose address ends as ours does, RFC 4291, 2.7.1. */
	memcpy(packet->address[ADDRESS_DST],
	       (const uint8_t[13]){ 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff }, 13);
	memcpy(packet->mac[MAC_DST], (const uint8_t[2]){ 0x33, 0x33 }, 2);
	memcpy(packet->mac[MAC_DST] + 2, packet->address[ADDRESS_DST] + 12, 4);
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Between the MAC addresses and the type, the outermost first. */
static size_t put_tags(const struct approach *approach, uint8_t *frame, size_t len)
{
	size_t bytes = 4 * approach->n_vids;

	memmove(frame + 12 + bytes, frame + 12, len - 12);
	for (unsigned int i = 0; i < approach->n_vids; i++) {
		put16(frame + 12 + 4 * i, approach->tpids[i]);
		put16(frame + 14 + 4 * i, approach->vids[i]);
	}
	return len + bytes;
}

size_t vital_frame(const struct vital *vital, uint8_t frame[VITAL_FRAME_MAX])
{
	struct test_packet packet = {};

	for (size_t i = 0; i < N_SCALAR_FIELDS; i++)
		packet.scalar[i] = TEST_ABSENT;
	memcpy(packet.mac, vital->approach.mac, sizeof(packet.mac));
	if (vital->kind == VITAL_CONNECTION)
		fill_connection(&packet, vital->connection);
	else if (vital->kind == VITAL_ARP)
		packet.scalar[FIELD_ETHERTYPE] = ETH_P_ARP;
	else
		fill_discovery(&packet, vital);
	return put_tags(&vital->approach, frame, test_frame(&packet, frame));
}

/* --- words -------------------------------------------------------------------------------- */

static const char *service_of(const struct connection *connection)
{
	if (is_bgp(connection))
		return "bgp";
	if (connection->local_port == PORT_SSH || connection->peer_port == PORT_SSH)
		return "ssh";
	return NULL;
}

static void format_connection(const struct connection *connection, char buffer[VITAL_TEXT])
{
	const char *service = service_of(connection);
	const char *trust = connection->trust == TRUST_BGP ? NULL : trust_text(connection->trust);
	char peer[ENDPOINT_TEXT], local[ENDPOINT_TEXT];
	bool bracket = service || trust;

	snprintf(buffer, VITAL_TEXT, "the connection from %s to %s%s%s%s%s%s",
		 endpoint_format(&connection->peer, connection->peer_port, peer),
		 endpoint_format(&connection->local, connection->local_port, local),
		 bracket ? " (" : "", service ? service : "", service && trust ? "; " : "",
		 trust ? trust : "", bracket ? ")" : "");
}

const char *vital_format(const struct vital *vital, char buffer[VITAL_TEXT])
{
	static const char *const kinds[] = {
		[VITAL_ARP] = "ARP",
		[VITAL_ADVERTISEMENT] = "neighbour advertisements (ND)",
		[VITAL_SOLICITATION] = "neighbour solicitations (ND)",
	};
	char neighbour[ENDPOINT_TEXT];

	if (vital->kind == VITAL_CONNECTION)
		format_connection(vital->connection, buffer);
	else
		snprintf(buffer, VITAL_TEXT, "%s of the neighbour %s", kinds[vital->kind],
			 endpoint_format(&vital->neighbour, 0, neighbour));
	return buffer;
}

bool vital_is_trusted(const struct vital *vital)
{
	return vital->kind != VITAL_CONNECTION || vital->connection->trust != TRUST_NONE;
}
