/* SPDX-License-Identifier: GPL-2.0-only */
#include "connections.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

#include "rtnetlink.h"
#include "util.h"

#define PORT_BGP 179
#define DUMPS 3 /* at one that the kernel says was interrupted by a change */

/* States of the kernel's net/tcp_states.h, which netinet/tcp.h has, too, but not beside linux/tcp.h. */
enum { STATE_ESTABLISHED = 1, STATE_LISTEN = 10 };

/* A dump under way. */
struct reading {
	uint8_t listening[65536 / 8]; /* by local port */
	const struct endpoint *logins;
	size_t n_logins;
	struct connections connections;
};

const char *trust_text(enum trust trust)
{
	static const char *const texts[] = {
		[TRUST_NONE] = NULL,
		[TRUST_OPENED] = "this machine opened it",
		[TRUST_BGP] = "BGP",
		[TRUST_LOGIN] = "a login session comes from there",
	};

	return texts[trust];
}

void connections_done(struct connections *connections)
{
	free(connections->items);
	*connections = (struct connections){};
}

/* --- the kernel's messages ---------------------------------------------------------------- */

static int note_listener(const struct nlmsghdr *message, void *context)
{
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	struct reading *reading = context;
	uint16_t port = ntohs(socket->id.idiag_sport);

	reading->listening[port / 8] |= (uint8_t)(1U << port % 8);
	return MNL_CB_OK;
}

static int compare_endpoints(const void *left, const void *right)
{
	return endpoint_compare(left, right);
}

static enum trust trust_of(const struct reading *reading, const struct connection *connection)
{
	if (reading->n_logins && bsearch(&connection->peer, reading->logins, reading->n_logins,
					 sizeof(*reading->logins), compare_endpoints))
		return TRUST_LOGIN;
	if (connection->local_port == PORT_BGP)
		return TRUST_BGP;
	/* From what port he comes is a stranger's choice. */
	if (reading->listening[connection->local_port / 8] >> connection->local_port % 8 & 1)
		return TRUST_NONE;
	return connection->peer_port == PORT_BGP ? TRUST_BGP : TRUST_OPENED;
}

static int note_connection(const struct nlmsghdr *message, void *context)
{
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	struct reading *reading = context;
	struct connections *to = &reading->connections;
	struct connection connection = {
		.local = endpoint_of(socket->idiag_family, socket->id.idiag_src),
		.peer = endpoint_of(socket->idiag_family, socket->id.idiag_dst),
		.local_port = ntohs(socket->id.idiag_sport),
		.peer_port = ntohs(socket->id.idiag_dport),
		.device = socket->id.idiag_if,
	};
	bool stranger;

	if (endpoint_is_loopback(&connection.peer) ||
	    endpoint_compare(&connection.local, &connection.peer) == 0)
		return MNL_CB_OK;
	connection.trust = trust_of(reading, &connection);
	stranger = connection.trust == TRUST_NONE;
	/* Strangers, of whom there may be as many as somebody likes, take nobody else's place. */
	if ((stranger ? to->n_strangers : to->n - to->n_strangers) >= CONNECTIONS_MAX) {
		to->left_out++;
		return MNL_CB_OK;
	}
	if (array_reserve((void **)&to->items, &to->capacity, to->n + 1, sizeof(*to->items)) < 0) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	to->n_strangers += stranger;
	to->items[to->n++] = connection;
	return MNL_CB_OK;
}

/* All TCP sockets of a family and state. */
static int dump(struct mnl_socket *socket, int af, unsigned int state, mnl_cb_t each,
		struct reading *reading)
{
	RTNETLINK_REQUEST(buffer);
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *question;

	request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = 1;
	question = mnl_nlmsg_put_extra_header(request, sizeof(*question));
	question->sdiag_family = (uint8_t)af;
	question->sdiag_protocol = IPPROTO_TCP;
	question->idiag_states = 1U << state;
	return netlink_ask_on(socket, request, each, reading);
}

static int dump_all(struct mnl_socket *socket, struct reading *reading)
{
	static const int families[] = { AF_INET, AF_INET6 };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(families); i++)
		r = dump(socket, families[i], STATE_LISTEN, note_listener, reading);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(families); i++)
		r = dump(socket, families[i], STATE_ESTABLISHED, note_connection, reading);
	return r;
}

/* --- reading ------------------------------------------------------------------------------ */

static int compare_connections(const void *left, const void *right)
{
	const struct connection *a = left, *b = right;
	int order = endpoint_compare(&a->peer, &b->peer);

	if (order)
		return order;
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return endpoint_compare(&a->local, &b->local);
}

int connections_read(const struct endpoint *logins, size_t n_logins, struct connections *ret)
{
	_cleanup_free_ struct reading *reading = calloc(1, sizeof(*reading));
	struct mnl_socket *socket;
	int r = -EINTR;

	if (!reading)
		return -ENOMEM;
	reading->logins = logins;
	reading->n_logins = n_logins;
	socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		r = -errno;
	for (int i = 0; r == -EINTR && i < DUMPS; i++) {
		reading->connections.n = reading->connections.n_strangers = 0;
		reading->connections.left_out = 0;
		r = dump_all(socket, reading);
	}
	mnl_socket_close(socket);
	if (r < 0) {
		connections_done(&reading->connections);
		return r;
	}
	if (reading->connections.n)
		qsort(reading->connections.items, reading->connections.n,
		      sizeof(*reading->connections.items), compare_connections);
	*ret = reading->connections;
	return 0;
}
