/* SPDX-License-Identifier: GPL-2.0-only */
/* netdev.c: names and addresses of network devices, by netlink; see netdev.h. */
#include "netdev.h"

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "abi.h"
#include "kernel.h"
#include "rtnetlink.h"
#include "util.h"

#define MAX_LOOKS 5
#define MAX_CANDIDATES 64 /* devices with one address; more are as ambiguous as these */

struct candidate {
	int ifindex;
	int lower; /* ifindex of the device of this namespace that it is stacked on; 0: none */
	bool permanent;
	char name[IFNAMSIZ];
};

struct search {
	uint8_t mac[MAC_BYTES];
	struct candidate items[MAX_CANDIDATES];
	size_t n;
	int found; /* ifindex, of the search for a name */
};

/* --- names ------------------------------------------------------------------------------- */

static int note_index(const struct nlmsghdr *message, void *context)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	struct search *search = context;

	if (message->nlmsg_type == RTM_NEWLINK)
		search->found = link->ifi_index;
	return MNL_CB_OK;
}

/* The C library knows no names as long as alternative ones may be. */
static int find_long_name(const char *name)
{
	char buffer[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = rtnetlink_get_link(buffer, 0);
	struct search search = {};
	int r;

	mnl_attr_put_strz(request, IFLA_ALT_IFNAME, name);
	r = rtnetlink_ask(request, note_index, &search);
	return r == -ENODEV ? 0 : r < 0 ? r : search.found;
}

static int find_name(const char *name)
{
	int ifindex = strlen(name) < IFNAMSIZ ? (int)if_nametoindex(name) : find_long_name(name);

	return ifindex;
}

/* --- MAC addresses ----------------------------------------------------------------------- */

static bool is_mac(const struct nlattr *attribute, const uint8_t *mac)
{
	return attribute && mnl_attr_get_payload_len(attribute) == MAC_BYTES &&
	       memcmp(mnl_attr_get_payload(attribute), mac, MAC_BYTES) == 0;
}

static int note_candidate(const struct nlmsghdr *message, void *context)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	const struct nlattr *attributes[IFLA_MAX + 1] = {};
	struct search *search = context;
	struct candidate *candidate;

	if (message->nlmsg_type != RTM_NEWLINK || search->n == MAX_CANDIDATES)
		return MNL_CB_OK;
	mnl_attr_parse(message, sizeof(*link), rtnetlink_note_attribute, attributes);
	if (!is_mac(attributes[IFLA_ADDRESS], search->mac) &&
	    !is_mac(attributes[IFLA_PERM_ADDRESS], search->mac))
		return MNL_CB_OK;
	candidate = &search->items[search->n++];
	*candidate = (struct candidate){
		.ifindex = link->ifi_index,
		.permanent = is_mac(attributes[IFLA_PERM_ADDRESS], search->mac),
	};
	if (attributes[IFLA_LINK] && !attributes[IFLA_LINK_NETNSID])
		candidate->lower = (int)mnl_attr_get_u32(attributes[IFLA_LINK]);
	if (attributes[IFLA_IFNAME])
		snprintf(candidate->name, IFNAMSIZ, "%s",
			 mnl_attr_get_str(attributes[IFLA_IFNAME]));
	return MNL_CB_OK;
}

/* The text of a policy is normalised: "02:00:5e:10:00:01". */
static bool read_mac(const char *text, uint8_t *mac)
{
	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0], &mac[1], &mac[2],
		      &mac[3], &mac[4], &mac[5]) == MAC_BYTES;
}

/* All devices with the address. */
static int find_candidates(const char *port, struct search *search)
{
	char buffer[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	int r = -EINTR;

	/* -EINTR: devices came or went while they were listed. */
	for (int i = 0; r == -EINTR && i < MAX_LOOKS; i++) {
		*search = (struct search){};
		if (!read_mac(port, search->mac))
			return -EINVAL;
		r = rtnetlink_ask(rtnetlink_get_link(buffer, NLM_F_DUMP), note_candidate, search);
	}
	return r;
}

static bool is_stacked(const struct search *search, const struct candidate *candidate)
{
	for (size_t i = 0; i < search->n; i++)
		if (candidate->lower && search->items[i].ifindex == candidate->lower)
			return true;
	return false;
}

/* Those that count, in front. */
static size_t select_candidates(struct search *search)
{
	bool permanent = false;
	size_t n = 0;

	for (size_t i = 0; i < search->n; i++)
		permanent |= search->items[i].permanent;
	for (size_t i = 0; i < search->n; i++) {
		const struct candidate candidate = search->items[i];

		if (permanent ? !candidate.permanent : is_stacked(search, &candidate))
			continue;
		search->items[i] = search->items[n];
		search->items[n++] = candidate;
	}
	return n;
}

static int refuse_several(const char *port, const struct search *search, size_t n,
			  struct diags *diags)
{
	char names[256] = "";
	size_t len = 0;

	for (size_t i = 0; i < n && len + IFNAMSIZ + 8 < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
					i == 0       ? ""
					: i + 1 == n ? " and "
						     : ", ",
					search->items[i].name);
	diag_error(diags, NULL,
		   "the MAC address %s is that of %zu devices, %s; give the port by name", port, n,
		   names);
	return -ENOTUNIQ;
}

static int find_mac(const char *port, struct diags *diags)
{
	struct search search;
	size_t n;
	int r;

	kernel_forget();
	r = find_candidates(port, &search);
	if (r < 0)
		return kernel_error(diags, r, "cannot look for the device with MAC address %s",
				    port);
	n = select_candidates(&search);
	if (n > 1)
		return refuse_several(port, &search, n, diags);
	return n ? search.items[0].ifindex : 0;
}

/* --- both -------------------------------------------------------------------------------- */

static bool is_mac_text(const char *port)
{
	return strchr(port, ':') != NULL;
}

int netdev_find(const char *port, struct diags *diags)
{
	int r;

	if (is_mac_text(port))
		return find_mac(port, diags);
	kernel_forget();
	r = find_name(port);
	return r < 0 ? kernel_error(diags, r, "cannot look for the device '%s'", port) : r;
}

bool netdev_is(int ifindex, const char *port)
{
	struct search search;

	if (!is_mac_text(port))
		return find_name(port) == ifindex;
	if (find_candidates(port, &search) < 0)
		return true; /* it cannot be told, so nothing is taken away from it */
	for (size_t i = 0; i < search.n; i++)
		if (search.items[i].ifindex == ifindex)
			return true;
	return false;
}
