/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * offload.c: the features of a device that take tags out, found and turned off; see offload.h.
 */
#include "offload.h"

#include <string.h>

#include "ethtool.h"
#include "util.h"

/* The kernel's names, and those that ethtool takes. */
static const struct {
	const char *kernel, *ethtool;
} stripping[] = {
	{ "rx-vlan-hw-parse", "rxvlan" },                     /* TPID 0x8100 */
	{ "rx-vlan-stag-hw-parse", "rx-vlan-stag-hw-parse" }, /* TPID 0x88a8 */
};

/* Those of the features that are on. */
struct found {
	int features[ARRAY_SIZE(stripping)];
	size_t n;
	char options[OFFLOAD_OPTIONS_LEN]; /* "rxvlan off": how ethtool turns them off */
};

static int find_stripping(const struct ethtool *device, struct found *ret)
{
	size_t len = 0;

	*ret = (struct found){};
	for (size_t i = 0; i < ARRAY_SIZE(stripping); i++) {
		int feature = ethtool_feature_find(device, stripping[i].kernel);
		int r = feature < 0 ? 0 : ethtool_feature_is_on(device, feature);

		if (r < 0)
			return r;
		if (!r)
			continue;
		ret->features[ret->n++] = feature;
		len += (size_t)snprintf(ret->options + len, sizeof(ret->options) - len, "%s%s off",
					len ? " " : "", stripping[i].ethtool);
	}
	return 0;
}

static int set_right(const struct ethtool *device, const struct found *found, struct diags *diags)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < found->n; i++)
		r = ethtool_feature_turn_off(device, found->features[i]);
	if (r < 0) {
		diag_error(diags, NULL,
			   "the driver of %s takes VLAN tags out of the frame before XDP sees "
			   "them, the policy needs them, and `ethtool -K %s %s` does not help: %s",
			   device->name, device->name, found->options, strerror(-r));
		return -EOPNOTSUPP;
	}
	return diag_warning(diags, NULL,
			    "did `ethtool -K %s %s`, so that XDP sees VLAN tags (`fix: true`)",
			    device->name, found->options);
}

/* device is to be closed. */
static int open_and_find(int ifindex, struct ethtool *device, struct found *found)
{
	int r = ethtool_open(ifindex, device);

	return r < 0 ? r : find_stripping(device, found);
}

int offload_show_tags(int ifindex, bool fix, struct diags *diags)
{
	_cleanup_(ethtool_close) struct ethtool device = ETHTOOL_CLOSED;
	struct found found;
	int r = open_and_find(ifindex, &device, &found);

	if (r < 0)
		return r == -ENOMEM ? r : 0; /* a device that has no features to ask for */
	if (!found.n)
		return 0;
	if (fix)
		return set_right(&device, &found, diags);
	diag_error(diags, NULL,
		   "the driver of %s takes VLAN tags out of the frame before XDP sees them, and "
		   "the policy needs them: run `ethtool -K %s %s`, or say `fix: true`",
		   device.name, device.name, found.options);
	return -EOPNOTSUPP;
}

int offload_strips_tags(int ifindex, char ret[static OFFLOAD_OPTIONS_LEN])
{
	_cleanup_(ethtool_close) struct ethtool device = ETHTOOL_CLOSED;
	struct found found;
	int r = open_and_find(ifindex, &device, &found);

	if (r < 0)
		return r;
	memcpy(ret, found.options, sizeof(found.options));
	return found.n > 0;
}
