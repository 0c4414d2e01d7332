/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * offload.c: the features of a device by name, as `ethtool -k` shows and `ethtool -K` sets them
 * (SIOCETHTOOL); see offload.h.
 */
#include "offload.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "util.h"

#define MAX_FEATURES 1024

/* The kernel's names, and those that ethtool takes. */
static const struct {
	const char *kernel, *ethtool;
} stripping[] = {
	{ "rx-vlan-hw-parse", "rxvlan" },                     /* TPID 0x8100 */
	{ "rx-vlan-stag-hw-parse", "rx-vlan-stag-hw-parse" }, /* TPID 0x88a8 */
};

struct device {
	int socket;
	char name[IFNAMSIZ];
	size_t n; /* features */
	struct ethtool_gstrings *names;
};

static int command(const struct device *device, void *data)
{
	struct ifreq request = { .ifr_data = data };

	memcpy(request.ifr_name, device->name, IFNAMSIZ);
	return ioctl(device->socket, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

static int count_features(struct device *device)
{
	/* The numbers of the sets stand behind the struct: here there is one. */
	_cleanup_free_ struct ethtool_sset_info *info = calloc(1, sizeof(*info) + sizeof(uint32_t));
	int r;

	if (!info)
		return -ENOMEM;
	info->cmd = ETHTOOL_GSSET_INFO;
	info->sset_mask = 1ULL << ETH_SS_FEATURES;
	r = command(device, info);
	if (r < 0)
		return r;
	if (!info->sset_mask || !info->data[0] || info->data[0] > MAX_FEATURES)
		return -EOPNOTSUPP;
	device->n = info->data[0];
	return 0;
}

static int read_names(struct device *device)
{
	int r = count_features(device);

	if (r < 0)
		return r;
	device->names = calloc(1, sizeof(*device->names) + device->n * ETH_GSTRING_LEN);
	if (!device->names)
		return -ENOMEM;
	device->names->cmd = ETHTOOL_GSTRINGS;
	device->names->string_set = ETH_SS_FEATURES;
	device->names->len = device->n;
	return command(device, device->names);
}

static void device_close(struct device *device)
{
	close_fd(&device->socket);
	free(device->names);
}

static int device_open(int ifindex, struct device *ret)
{
	int r;

	if (!if_indextoname(ifindex, ret->name))
		return -ENODEV;
	ret->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ret->socket < 0)
		return -errno;
	r = read_names(ret);
	return r;
}

/* Number of a feature; -1: the kernel does not know it. */
static int find_feature(const struct device *device, const char *name)
{
	for (size_t i = 0; i < device->n; i++)
		if (strncmp((const char *)device->names->data + i * ETH_GSTRING_LEN, name,
			    ETH_GSTRING_LEN) == 0)
			return (int)i;
	return -1;
}

/* 1, 0, or negative errno */
static int is_on(const struct device *device, int feature)
{
	size_t n = (device->n + 31) / 32;
	_cleanup_free_ struct ethtool_gfeatures *features =
		calloc(1, sizeof(*features) + n * sizeof(features->features[0]));
	int r;

	if (!features)
		return -ENOMEM;
	features->cmd = ETHTOOL_GFEATURES;
	features->size = n;
	r = command(device, features);
	if (r < 0)
		return r;
	return features->features[feature / 32].active >> feature % 32 & 1;
}

static int turn_off(const struct device *device, int feature)
{
	size_t n = (device->n + 31) / 32;
	_cleanup_free_ struct ethtool_sfeatures *features =
		calloc(1, sizeof(*features) + n * sizeof(features->features[0]));
	int r;

	if (!features)
		return -ENOMEM;
	features->cmd = ETHTOOL_SFEATURES;
	features->size = n;
	features->features[feature / 32].valid = 1U << feature % 32;
	r = command(device, features);
	if (r >= 0)
		r = is_on(device, feature);
	return r > 0 ? -EOPNOTSUPP : r; /* fixed, or wanted by another device */
}

/* Those of the features that are on. */
struct found {
	int features[ARRAY_SIZE(stripping)];
	size_t n;
	char options[96]; /* "rxvlan off": how ethtool turns them off */
};

static int find_stripping(const struct device *device, struct found *ret)
{
	size_t len = 0;

	*ret = (struct found){};
	for (size_t i = 0; i < ARRAY_SIZE(stripping); i++) {
		int feature = find_feature(device, stripping[i].kernel);
		int r = feature < 0 ? 0 : is_on(device, feature);

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

static int set_right(const struct device *device, const struct found *found, struct diags *diags)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < found->n; i++)
		r = turn_off(device, found->features[i]);
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

int offload_show_tags(int ifindex, bool fix, struct diags *diags)
{
	_cleanup_(device_close) struct device device = { .socket = -1 };
	struct found found;
	int r = device_open(ifindex, &device);

	if (r >= 0)
		r = find_stripping(&device, &found);
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
