/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * interfaces.c: the logical interfaces of a policy, and the names of network devices.
 */
#include "loader.h"

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

	if (len >= IFNAMSIZ)
		return node_error(
			loader, node,
			"'%.40s' is too long for the name of a network device, which has %d "
			"bytes at most%s",
			name, IFNAMSIZ - 1, node->key ? "" : "; write the device as 'port'");
	if (!is_device_name(name))
		return node_error(loader, node, "'%s' cannot be the name of a network device",
				  name);
	return 0;
}

int parse_port(struct loader *loader, const struct node *value, const struct key_schema *key,
	       void *target)
{
	struct interface *interface = target;
	int r;

	if (value->kind == NODE_MAPPING)
		return node_error(loader, value,
				  "not supported yet: a port by MAC address; write its name");
	r = node_expect(loader, value, NODE_SCALAR, key->form);
	if (!r)
		r = port_check(loader, value, value->text);
	if (!r)
		snprintf(interface->port, sizeof(interface->port), "%s", value->text);
	return r;
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

static bool has_key(const struct node *mapping, const char *name)
{
	for (const struct node *value = mapping->first; value; value = value->next)
		if (value->key->kind == NODE_SCALAR && !strcmp(value->key->text, name))
			return true;
	return false;
}

/* The devices of all interfaces must differ. */
static int check_port(struct loader *loader, const struct node *value)
{
	struct policy *policy = loader->policy;
	struct interface *interface = &policy->interfaces[policy->n_interfaces - 1];

	if (!has_key(value, "port")) {
		int r = port_check(loader, value->key, interface->name);

		if (r < 0)
			return r;
		snprintf(interface->port, sizeof(interface->port), "%.*s",
			 (int)sizeof(interface->port) - 1, interface->name);
	}
	for (size_t i = 0; interface->port[0] && i + 1 < policy->n_interfaces; i++)
		if (!strcmp(policy->interfaces[i].port, interface->port))
			return node_error(loader, value->key,
					  "not supported yet: several interfaces on one port; '%s' "
					  "is on port '%s' already",
					  policy->interfaces[i].name, interface->port);
	return 0;
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
