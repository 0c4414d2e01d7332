/* SPDX-License-Identifier: GPL-2.0-only */
/* device_facts.c: facts of a device by netlink and ethtool; see device_facts.h. */
#include "device_facts.h"

#include <linux/genetlink.h>
#include <string.h>

#include "ethtool.h"
#include "netns.h"
#include "rtnetlink.h"
#include "util.h"

#define MAX_LOOKS 5

/* --- netlink ----------------------------------------------------------------------------- */

/* What only one kind of link has: the mode of a bond, the number of a VLAN. */
static void read_data(const struct nlattr *data, struct device_facts *facts)
{
	bool bond = strcmp(facts->kind, "bond") == 0, vlan = strcmp(facts->kind, "vlan") == 0;
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, data)
	{
		uint16_t type = mnl_attr_get_type(attribute);

		if (bond && type == IFLA_BOND_MODE &&
		    mnl_attr_validate(attribute, MNL_TYPE_U8) >= 0)
			facts->bond_mode = mnl_attr_get_u8(attribute);
		if (vlan && type == IFLA_VLAN_ID && mnl_attr_validate(attribute, MNL_TYPE_U16) >= 0)
			facts->vlan = mnl_attr_get_u16(attribute);
	}
}

static void read_kind(const struct nlattr *info, struct device_facts *facts)
{
	const struct nlattr *attribute, *data = NULL;

	mnl_attr_for_each_nested(attribute, info)
	{
		if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
			snprintf(facts->kind, sizeof(facts->kind), "%s",
				 mnl_attr_get_str(attribute));
		else if (mnl_attr_get_type(attribute) == IFLA_INFO_DATA)
			data = attribute;
	}
	if (data)
		read_data(data, facts);
}

static void read_program(const struct nlattr *xdp, struct device_facts *facts)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute,
				 xdp) if (mnl_attr_get_type(attribute) == IFLA_XDP_ATTACHED)
		facts->has_program = mnl_attr_get_u8(attribute) != XDP_ATTACHED_NONE;
}

static void read_drops(const struct nlattr *attribute, struct device_drops *drops)
{
	struct rtnl_link_stats64 stats = {};
	size_t len = mnl_attr_get_payload_len(attribute);

	memcpy(&stats, mnl_attr_get_payload(attribute), len < sizeof(stats) ? len : sizeof(stats));
	*drops = (struct device_drops){
		.errors = stats.rx_errors,
		.dropped = stats.rx_dropped,
		.over = stats.rx_over_errors,
		.fifo = stats.rx_fifo_errors,
		.missed = stats.rx_missed_errors,
	};
}

static int get_number(const struct nlattr *attribute, int otherwise)
{
	return attribute && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0
		       ? (int)mnl_attr_get_u32(attribute)
		       : otherwise;
}

static void read_link(const struct nlmsghdr *message, struct device_facts *facts)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	const struct nlattr *attributes[IFLA_MAX + 1] = {};

	mnl_attr_parse(message, sizeof(*link), rtnetlink_note_attribute, attributes);
	*facts = (struct device_facts){
		.ifindex = link->ifi_index,
		.type = link->ifi_type,
		.up = link->ifi_flags & IFF_UP,
		.loopback = link->ifi_flags & IFF_LOOPBACK,
		.mtu = (unsigned int)get_number(attributes[IFLA_MTU], 0),
		.master = get_number(attributes[IFLA_MASTER], 0),
		.lower = get_number(attributes[IFLA_LINK], 0),
		.lower_nsid = get_number(attributes[IFLA_LINK_NETNSID], -1),
		.bond_mode = -1,
		.vlan = -1,
		.features = -1,
		.lro = -1,
		.gro_hw = -1,
		.gro = -1,
		.tx_vlan = -1,
	};
	if (attributes[IFLA_IFNAME])
		snprintf(facts->name, IFNAMSIZ, "%s", mnl_attr_get_str(attributes[IFLA_IFNAME]));
	if (attributes[IFLA_LINKINFO])
		read_kind(attributes[IFLA_LINKINFO], facts);
	if (attributes[IFLA_XDP])
		read_program(attributes[IFLA_XDP], facts);
	if (attributes[IFLA_STATS64])
		read_drops(attributes[IFLA_STATS64], &facts->drops);
}

static int note_link(const struct nlmsghdr *message, void *context)
{
	if (message->nlmsg_type == RTM_NEWLINK)
		read_link(message, context);
	return MNL_CB_OK;
}

/* --- generic netlink: what XDP can do here ------------------------------------------------ */

enum { NETDEV_CMD_DEV_GET = 1, NETDEV_A_DEV_IFINDEX = 1, NETDEV_A_DEV_XDP_FEATURES = 3 };

static struct nlmsghdr *generic_request(char *buffer, uint16_t type, uint8_t command)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *generic = mnl_nlmsg_put_extra_header(request, sizeof(*generic));

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST;
	request->nlmsg_seq = 1;
	generic->cmd = command;
	generic->version = 1;
	return request;
}

static int note_family(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, message,
			  sizeof(struct genlmsghdr)) if (mnl_attr_get_type(attribute) ==
							 CTRL_ATTR_FAMILY_ID) *
		(uint16_t *)context = mnl_attr_get_u16(attribute);
	return MNL_CB_OK;
}

static int note_features(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(
		attribute, message,
		sizeof(struct genlmsghdr)) if (mnl_attr_get_type(attribute) ==
						       NETDEV_A_DEV_XDP_FEATURES &&
					       mnl_attr_validate(attribute, MNL_TYPE_U64) >= 0) *
		(int64_t *)context = (int64_t)mnl_attr_get_u64(attribute);
	return MNL_CB_OK;
}

/* -1: the kernel does not know */
static int64_t read_features(int ifindex)
{
	RTNETLINK_REQUEST(buffer);
	struct nlmsghdr *request = generic_request(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	uint16_t family = 0;
	int64_t features = -1;

	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, "netdev");
	if (netlink_ask(NETLINK_GENERIC, request, note_family, &family) < 0 || !family)
		return -1;
	request = generic_request(buffer, family, NETDEV_CMD_DEV_GET);
	mnl_attr_put_u32(request, NETDEV_A_DEV_IFINDEX, (uint32_t)ifindex);
	return netlink_ask(NETLINK_GENERIC, request, note_features, &features) < 0 ? -1 : features;
}

/* --- ethtool ----------------------------------------------------------------------------- */

static int feature(const struct ethtool *device, const char *name)
{
	int number = ethtool_feature_find(device, name);
	int r = number < 0 ? -1 : ethtool_feature_is_on(device, number);

	return r < 0 ? -1 : r;
}

static bool is_fixed(const struct ethtool *device, const char *name)
{
	int number = ethtool_feature_find(device, name);

	return number >= 0 && ethtool_feature_is_fixed(device, number) > 0;
}

static void read_queues(const struct ethtool *device, struct device_facts *facts)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_ringparam ring = { .cmd = ETHTOOL_GRINGPARAM };

	if (ethtool_command(device, &channels) == 0) {
		facts->rx_queues = channels.rx_count + channels.combined_count;
		facts->tx_queues = channels.tx_count + channels.combined_count;
		facts->max_rx = channels.max_rx;
		facts->combined = channels.combined_count;
		facts->max_combined = channels.max_combined;
	}
	if (ethtool_command(device, &ring) == 0) {
		facts->ring = ring.rx_pending;
		facts->max_ring = ring.rx_max_pending;
	}
}

static uint32_t count_different(const uint32_t *rings, uint32_t n)
{
	uint64_t seen[16] = {}; /* 1024 queues */
	uint32_t different = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t ring = rings[i] % 1024;

		different += !(seen[ring / 64] >> ring % 64 & 1);
		seen[ring / 64] |= 1ULL << ring % 64;
	}
	return different;
}

static void read_rss(const struct ethtool *device, struct device_facts *facts)
{
	_cleanup_free_ struct ethtool_rxfh_indir *table = NULL;
	struct ethtool_rxfh_indir size = { .cmd = ETHTOOL_GRXFHINDIR };

	if (ethtool_command(device, &size) < 0 || !size.size || size.size > 65536)
		return;
	table = calloc(1, sizeof(*table) + size.size * sizeof(table->ring_index[0]));
	if (!table)
		return;
	table->cmd = ETHTOOL_GRXFHINDIR;
	table->size = size.size;
	if (ethtool_command(device, table) == 0)
		facts->rss_spread = count_different(table->ring_index, size.size);
}

static void read_driver(const struct ethtool *device, struct device_facts *facts)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	if (ethtool_command(device, &info) < 0)
		return;
	snprintf(facts->driver, sizeof(facts->driver), "%.32s", info.driver);
	snprintf(facts->bus, sizeof(facts->bus), "%.32s", info.bus_info);
}

static void read_ethtool(struct device_facts *facts)
{
	_cleanup_(ethtool_close) struct ethtool device = ETHTOOL_CLOSED;

	if (ethtool_open(facts->ifindex, &device) < 0)
		return;
	read_driver(&device, facts);
	read_queues(&device, facts);
	read_rss(&device, facts);
	facts->lro = feature(&device, "rx-lro");
	facts->gro = feature(&device, "rx-gro");
	facts->tx_vlan = feature(&device, "tx-vlan-hw-insert");
	facts->gro_hw = feature(&device, "rx-gro-hw");
	facts->gro_hw_fixed = facts->gro_hw > 0 && is_fixed(&device, "rx-gro-hw");
}

/* --- together ---------------------------------------------------------------------------- */

int device_facts_read(int ifindex, struct device_facts *ret)
{
	RTNETLINK_REQUEST(buffer);
	struct nlmsghdr *request = rtnetlink_get_link(buffer, 0);
	struct ifinfomsg *link = mnl_nlmsg_get_payload(request);
	int r;

	link->ifi_index = ifindex;
	*ret = (struct device_facts){};
	r = rtnetlink_ask(request, note_link, ret);
	if (r < 0)
		return r;
	if (ret->ifindex != ifindex)
		return -ENODEV;
	ret->features = read_features(ifindex);
	read_ethtool(ret);
	return 0;
}

struct listing {
	struct device_facts *items;
	size_t n, capacity;
	int error;
};

static int note_listed(const struct nlmsghdr *message, void *context)
{
	struct listing *listing = context;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	listing->error = array_reserve((void **)&listing->items, &listing->capacity, listing->n + 1,
				       sizeof(*listing->items));
	if (listing->error < 0)
		return MNL_CB_STOP;
	read_link(message, &listing->items[listing->n++]);
	return MNL_CB_OK;
}

int device_facts_list(struct device_facts **ret)
{
	RTNETLINK_REQUEST(buffer);
	struct listing listing = {};
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < MAX_LOOKS; i++) {
		listing.n = 0;
		r = rtnetlink_ask(rtnetlink_get_link(buffer, NLM_F_DUMP), note_listed, &listing);
	}
	r = listing.error < 0 ? listing.error : r;
	if (r < 0) {
		free(listing.items);
		return r;
	}
	for (size_t i = 0; i < listing.n; i++) {
		listing.items[i].features = read_features(listing.items[i].ifindex);
		read_ethtool(&listing.items[i]);
	}
	*ret = listing.items;
	return (int)listing.n;
}

int device_facts_read_peer(const struct device_facts *device, struct device_facts *ret,
			   char ret_netns[static PATH_MAX])
{
	int home, r;

	ret_netns[0] = '\0';
	if (strcmp(device->kind, "veth") != 0 || !device->lower)
		return -ENOENT;
	if (device->lower_nsid < 0)
		return device_facts_read(device->lower, ret);
	r = netns_find(device->lower_nsid, ret_netns);
	if (r < 0)
		return r;
	home = netns_enter(ret_netns);
	if (home < 0)
		return -ENOENT;
	r = device_facts_read(device->lower, ret);
	netns_leave(home);
	return r;
}

static bool tells_of_loss(const char *name)
{
	static const char *const words[] = { "drop",  "discard",   "miss",     "no_buf",
					     "nobuf", "no_buffer", "overflow", "fifo" };

	/* What XDP drops is meant to be dropped; what is sent is not our business. */
	if (strstr(name, "xdp_drop") || strncmp(name, "tx", 2) == 0 || strstr(name, "_tx_"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(name, words[i]))
			return true;
	return false;
}

int device_counters_read(int ifindex, struct device_counter **ret)
{
	_cleanup_(ethtool_close) struct ethtool device = ETHTOOL_CLOSED;
	_cleanup_free_ struct ethtool_gstrings *names = NULL;
	_cleanup_free_ struct ethtool_stats *values = NULL;
	_cleanup_free_ struct device_counter *counters = NULL;
	int n = 0, r = ethtool_open(ifindex, &device);

	if (r >= 0)
		r = ethtool_counters(&device, &names, &values);
	if (r <= 0)
		return r == -EOPNOTSUPP ? 0 : r;
	counters = calloc((size_t)r, sizeof(*counters));
	if (!counters)
		return -ENOMEM;
	for (int i = 0; i < r; i++) {
		struct device_counter *counter = &counters[n];

		snprintf(counter->name, sizeof(counter->name), "%.*s", ETH_GSTRING_LEN,
			 (const char *)names->data + (size_t)i * ETH_GSTRING_LEN);
		counter->value = values->data[i];
		n += tells_of_loss(counter->name);
	}
	*ret = TAKE_PTR(counters);
	return n;
}
