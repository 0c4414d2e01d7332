/* SPDX-License-Identifier: GPL-2.0-only */
/* ethtool.c: a device's driver, features and counters; see ethtool.h. */
#include "ethtool.h"

#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "util.h"

#define MAX_STRINGS 65536 /* more than any driver has features or counters */

int ethtool_command(const struct ethtool *device, void *data)
{
	struct ifreq request = { .ifr_data = data };

	memcpy(request.ifr_name, device->name, IFNAMSIZ);
	return ioctl(device->socket, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

/* How many strings a set has; 0: none. */
static int count_strings(const struct ethtool *device, uint32_t set, size_t *ret)
{
	/* The numbers of the sets stand behind the struct: here there is one. */
	_cleanup_free_ struct ethtool_sset_info *info = calloc(1, sizeof(*info) + sizeof(uint32_t));
	int r;

	if (!info)
		return -ENOMEM;
	info->cmd = ETHTOOL_GSSET_INFO;
	info->sset_mask = 1ULL << set;
	r = ethtool_command(device, info);
	if (r < 0)
		return r;
	*ret = info->sset_mask ? info->data[0] : 0;
	return *ret > MAX_STRINGS ? -EOPNOTSUPP : 0;
}

static int read_strings(const struct ethtool *device, uint32_t set, size_t *ret_n,
			struct ethtool_gstrings **ret)
{
	_cleanup_free_ struct ethtool_gstrings *strings = NULL;
	size_t n = 0;
	int r = count_strings(device, set, &n);

	if (r < 0 || n == 0)
		return r;
	/* Room to spare: the kernel writes as many as there are by then. */
	strings = calloc(1, sizeof(*strings) + MAX_STRINGS * ETH_GSTRING_LEN);
	if (!strings)
		return -ENOMEM;
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = set;
	strings->len = n;
	r = ethtool_command(device, strings);
	if (r < 0)
		return r;
	/* The kernel says how many it wrote: a driver may have got other ones meanwhile. */
	*ret_n = strings->len < n ? strings->len : n;
	*ret = TAKE_PTR(strings);
	return 0;
}

void ethtool_close(struct ethtool *device)
{
	close_fd(&device->socket);
	free(TAKE_PTR(device->names));
	device->n = 0;
}

int ethtool_open(int ifindex, struct ethtool *ret)
{
	int r;

	*ret = (struct ethtool)ETHTOOL_CLOSED;
	if (!if_indextoname(ifindex, ret->name))
		return -ENODEV;
	ret->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ret->socket < 0)
		return -errno;
	r = read_strings(ret, ETH_SS_FEATURES, &ret->n, &ret->names);
	if (r == -ENOMEM)
		ethtool_close(ret);
	return r == -ENOMEM ? r : 0;
}

int ethtool_feature_find(const struct ethtool *device, const char *name)
{
	for (size_t i = 0; i < device->n; i++)
		if (strncmp((const char *)device->names->data + i * ETH_GSTRING_LEN, name,
			    ETH_GSTRING_LEN) == 0)
			return (int)i;
	return -1;
}

/* What the device can, and does; caller frees. */
static int read_features(const struct ethtool *device, struct ethtool_gfeatures **ret)
{
	size_t n = (device->n + 31) / 32;
	_cleanup_free_ struct ethtool_gfeatures *features =
		calloc(1, sizeof(*features) + n * sizeof(features->features[0]));
	int r;

	if (!features)
		return -ENOMEM;
	features->cmd = ETHTOOL_GFEATURES;
	features->size = n;
	r = ethtool_command(device, features);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(features);
	return 0;
}

int ethtool_feature_is_on(const struct ethtool *device, int feature)
{
	_cleanup_free_ struct ethtool_gfeatures *features = NULL;
	int r = read_features(device, &features);

	return r < 0 ? r : (int)(features->features[feature / 32].active >> feature % 32 & 1);
}

int ethtool_feature_is_fixed(const struct ethtool *device, int feature)
{
	_cleanup_free_ struct ethtool_gfeatures *features = NULL;
	int r = read_features(device, &features);

	if (r < 0)
		return r;
	return !(features->features[feature / 32].available >> feature % 32 & 1) ||
	       features->features[feature / 32].never_changed >> feature % 32 & 1;
}

int ethtool_feature_turn_off(const struct ethtool *device, int feature)
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
	r = ethtool_command(device, features);
	if (r >= 0)
		r = ethtool_feature_is_on(device, feature);
	return r > 0 ? -EOPNOTSUPP : r;
}

int ethtool_counters(const struct ethtool *device, struct ethtool_gstrings **ret_names,
		     struct ethtool_stats **ret_values)
{
	_cleanup_free_ struct ethtool_gstrings *names = NULL;
	_cleanup_free_ struct ethtool_stats *values = NULL;
	size_t n = 0;
	int r = read_strings(device, ETH_SS_STATS, &n, &names);

	if (r < 0 || n == 0)
		return r;
	/* Room to spare: a driver writes as many as it has at that time. */
	values = calloc(1, sizeof(*values) + MAX_STRINGS * sizeof(values->data[0]));
	if (!values)
		return -ENOMEM;
	values->cmd = ETHTOOL_GSTATS;
	values->n_stats = n;
	r = ethtool_command(device, values);
	if (r < 0)
		return r;
	if (values->n_stats < n)
		n = values->n_stats;
	*ret_names = TAKE_PTR(names);
	*ret_values = TAKE_PTR(values);
	return (int)n;
}
