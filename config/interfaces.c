/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * interfaces.c: the logical interfaces of a policy, and the names of network devices.
 */
#include "loader.h"

#include <net/if.h>
#include <string.h>

#include "util.h"

static const struct word bool_words[] = { { "false", 0 }, { "true", 1 }, { NULL, 0 } };
static const struct word mode_words[] = { { "native", ATTACH_NATIVE },
					  { "generic", ATTACH_GENERIC },
					  { NULL, 0 } };

/* What the kernel takes for a device's name (dev_valid_name()), as far as a terminal takes it. */
static bool is_device_name(const char *name)
{
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++)
		if (*name <= ' ' || *name > '~' || *name == '/' || *name == ':')
			return false;
	return true;
}

int port_check(struct loader *loader, const struct node *node, const char *name)
{
	size_t len = strlen(name);

	if (len >= PORT_LEN)
		return node_error(loader, node,
				  "'%.40s' is too long for the name of a network device; an "
				  "alternative name has %d bytes at most",
				  name, PORT_LEN - 1);
	if (!is_device_name(name))
		return node_error(loader, node, "'%s' cannot be the name of a network device%s",
				  name, node->key ? "" : "; write the device as 'port'");
	return 0;
}

int parse_port_mac(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	struct interface *interface = target;
	uint8_t mac[MAC_BYTES];
	int r = mac_read(loader, value, key->form, mac);

	if (!r)
		snprintf(interface->port, sizeof(interface->port), "%02x:%02x:%02x:%02x:%02x:%02x",
			 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return r;
}

int parse_port(struct loader *loader, const struct node *value, const struct key_schema *key,
	       void *target)
{
	struct interface *interface = target;
	uint8_t mac[MAC_BYTES];
	int r;

	if (value->kind == NODE_MAPPING)
		return mapping_parse(loader, value, &schema_port, interface);
	r = node_expect(loader, value, NODE_SCALAR, key->form);
	if (!r && mac_parse(value->text, value->len, mac))
		return node_error(loader, value, "a port by MAC address is written {mac: \"%s\"}",
				  value->text);
	if (!r)
		r = port_check(loader, value, value->text);
	if (!r)
		snprintf(interface->port, sizeof(interface->port), "%s", value->text);
	return r;
}

int parse_vlan(struct loader *loader, const struct node *value, const struct key_schema *key,
	       void *target)
{
	struct interface *interface = target;
	uint32_t vlan;
	char buffer[64];
	int r;

	r = node_expect(loader, value, NODE_SCALAR, key->form);
	if (r < 0)
		return r;
	if (!number_parse(value->text, value->len, &vlan))
		return node_error(loader, value, "expected %s, found %s", key->form,
				  node_describe(value, buffer, sizeof(buffer)));
	if (vlan < VLAN_FIRST || vlan > VLAN_LAST)
		return node_error(loader, value, "VLAN %s is out of range: %d to %d", value->text,
				  VLAN_FIRST, VLAN_LAST);
	interface->vlan = (uint16_t)vlan;
	return 0;
}

/* Policies are read later: remember the name until policy_check(). */
int parse_policy_name(struct loader *loader, const struct node *value, const struct key_schema *key,
		      void *target)
{
	int r = node_expect(loader, value, NODE_SCALAR, key->form);

	if (!r)
		loader->policy_names[loader->policy->n_interfaces - 1] = value;
	return r;
}

int bool_read(struct loader *loader, const struct node *value, const struct key_schema *key,
	      bool *ret)
{
	uint32_t truth;
	int r = word_parse(loader, value, bool_words, key->form, &truth);

	if (!r)
		*ret = truth;
	return r;
}

int parse_required(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	return bool_read(loader, value, key, &((struct interface *)target)->required);
}

int parse_interface_comment(struct loader *loader, const struct node *value,
			    const struct key_schema *key, void *target)
{
	return comment_read(loader, value, key, &((struct interface *)target)->notes);
}

int parse_interface_tags(struct loader *loader, const struct node *value,
			 const struct key_schema *key, void *target)
{
	return tags_read(loader, value, key, &((struct interface *)target)->notes);
}

int parse_mode(struct loader *loader, const struct node *value, const struct key_schema *key,
	       void *target)
{
	struct interface *interface = target;
	uint32_t mode;
	int r = word_parse(loader, value, mode_words, key->form, &mode);

	if (!r)
		interface->mode = (enum attach_mode)mode;
	return r;
}

int parse_fix(struct loader *loader, const struct node *value, const struct key_schema *key,
	      void *target)
{
	struct interface *interface = target;
	uint32_t fix;
	int r = word_parse(loader, value, bool_words, key->form, &fix);

	if (!r)
		interface->fix = fix;
	return r;
}

static const struct node *find_key(const struct node *mapping, const char *name)
{
	for (const struct node *value = mapping->first; value; value = value->next)
		if (value->key->kind == NODE_SCALAR && !strcmp(value->key->text, name))
			return value;
	return NULL;
}

/* "line 7", or "line 7 of host.yaml" if that is not the file that is read. */
static const char *describe_place(const struct loader *loader, const struct node *here,
				  const struct place *place, char *buffer, size_t size)
{
	const char *file = node_place(loader, here).file;

	if (place->file && file && strcmp(place->file, file) != 0)
		snprintf(buffer, size, "line %u of %s", place->line, place->file);
	else
		snprintf(buffer, size, "line %u", place->line);
	return buffer;
}

static const char *mode_name(enum attach_mode mode)
{
	return word_of(mode_words, mode)->name;
}

/* Two interfaces on one port: frames must belong to one of them. */
static int check_pair(struct loader *loader, const struct node *value,
		      const struct interface *other, const struct interface *interface)
{
	const struct node *vlan = find_key(value, "vlan"), *mode = find_key(value, "mode");
	char buffer[256];
	const char *where = describe_place(loader, value, &other->place, buffer, sizeof(buffer));

	if (other->mode != interface->mode)
		return node_error(loader, mode ? mode : value->key,
				  "interfaces of one port share one mode: '%s' on %s, on port '%s' "
				  "too, has `mode: %s`",
				  other->name, where, interface->port, mode_name(other->mode));
	if (other->vlan != interface->vlan)
		return 0;
	if (interface->vlan)
		return node_error(loader, vlan ? vlan : value->key,
				  "VLAN %u of port '%s' is interface '%s' on %s already",
				  interface->vlan, interface->port, other->name, where);
	return node_error(loader, value->key,
			  "port '%s' has an interface without `vlan` already, '%s' on %s; give one "
			  "of them a `vlan`",
			  interface->port, other->name, where);
}

/* Those that share a port must be told apart by what arrives. */
static int check_port(struct loader *loader, const struct node *value)
{
	struct policy *policy = loader->policy;
	struct interface *interface = &policy->interfaces[policy->n_interfaces - 1];
	const struct node *vlan = find_key(value, "vlan");
	int r = 0;

	if (!find_key(value, "port")) {
		/* A long one is more likely a name of the writer's own than an alternative name. */
		if (strlen(interface->name) >= IFNAMSIZ)
			return node_error(loader, value->key,
					  "'%.40s' is too long for the name of a network device, "
					  "which has %d bytes at most; write the device as 'port'",
					  interface->name, IFNAMSIZ - 1);
		r = port_check(loader, value->key, interface->name);
		if (r < 0)
			return r;
		snprintf(interface->port, sizeof(interface->port), "%s", interface->name);
	}
	/* What could not be read was reported; it is not taken for what it is by default. */
	if (!interface->port[0] || (vlan && !interface->vlan))
		return 0;
	for (size_t i = 0; !r && i + 1 < policy->n_interfaces; i++)
		if (!strcmp(policy->interfaces[i].port, interface->port))
			r = check_pair(loader, value, &policy->interfaces[i], interface);
	return r;
}

static int parse_interface(struct loader *loader, const struct node *value)
{
	struct policy *policy = loader->policy;
	struct interface *interface;
	int r;

	if (array_reserve((void **)&policy->interfaces, &loader->interfaces_capacity,
			  policy->n_interfaces + 1, sizeof(*interface)) < 0)
		return -ENOMEM;
	interface = &policy->interfaces[policy->n_interfaces++];
	*interface = (struct interface){ .place = node_place(loader, value->key) };
	snprintf(interface->name, sizeof(interface->name), "%s", value->key->text);
	r = node_expect(loader, value, NODE_MAPPING,
			"a mapping such as {port: eth0, policy: NAME}");
	if (r < 0)
		return r;
	r = mapping_parse(loader, value, &schema_interface, interface);
	return r == -ENOMEM ? r : worse(r, check_port(loader, value));
}

int parse_interfaces(struct loader *loader, const struct node *value, const struct key_schema *key,
		     void *target)
{
	int r = node_expect(loader, value, NODE_MAPPING, key->form);

	if (r < 0)
		return r;
	if (!value->n)
		return node_error(loader, value, "a policy file needs at least one interface");
	return names_parse(loader, value, &loader->interface_names, "interface", "interfaces",
			   CONFIG_MAX_INTERFACES, parse_interface);
}
