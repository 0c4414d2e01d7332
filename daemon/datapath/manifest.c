/* SPDX-License-Identifier: GPL-2.0-only */
#include "manifest.h"

#include <string.h>

#include "util.h"

#define MAGIC UINT64_C(0x7864706761746501) /* "xdpgate", 1 */
#define MAX_TEXT 65536

struct manifest *manifest_free(struct manifest *manifest)
{
	if (!manifest)
		return NULL;
	for (uint32_t i = 0; manifest->interfaces && i < manifest->n_interfaces; i++)
		free(manifest->interfaces[i].slots);
	free(manifest->interfaces);
	for (uint32_t i = 0; manifest->rulesets && i < manifest->n_rulesets; i++) {
		struct manifest_ruleset *ruleset = &manifest->rulesets[i];

		for (uint32_t j = 0; ruleset->rules && j < ruleset->n_rules; j++) {
			free(ruleset->rules[j].match);
			free(ruleset->rules[j].action);
			notes_done(&ruleset->rules[j].notes);
		}
		free(ruleset->rules);
	}
	free(manifest->rulesets);
	for (uint32_t i = 0; manifest->live_sets && i < manifest->n_live_sets; i++)
		live_set_done(&manifest->live_sets[i]);
	free(manifest->live_sets);
	free(manifest);
	return NULL;
}

static void manifest_freep(struct manifest **manifest)
{
	manifest_free(*manifest);
}

/* --- from a policy ----------------------------------------------------------------------- */

/* The actions, and what keeps them from being done. NULL when out of memory. */
static char *action_text(const struct rule *rule)
{
	char *text;

	if (asprintf(&text, "%s%s%s", rule->action_text ? rule->action_text : "",
		     rule->shadow ? " (shadow)" : "", rule->expiry.past ? " (expired)" : "") < 0)
		return NULL;
	return text;
}

static int copy_ruleset(const struct ruleset *from, struct manifest_ruleset *to)
{
	memcpy(to->name, from->name, NAME_LEN);
	to->n_rules = from->n_rules;
	to->rules = calloc(from->n_rules + 1, sizeof(*to->rules));
	if (!to->rules)
		return -ENOMEM;
	for (size_t i = 0; i < from->n_rules; i++) {
		const struct rule *rule = &from->rules[i];

		memcpy(to->rules[i].name, rule->name, NAME_LEN);
		to->rules[i].match = strdup(rule->match_text ? rule->match_text : "");
		to->rules[i].action = action_text(rule);
		if (!to->rules[i].match || !to->rules[i].action ||
		    notes_copy(&rule->notes, &to->rules[i].notes) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int copy_live_sets(const struct policy *policy, struct manifest *manifest)
{
	int r = 0;

	manifest->live_sets = calloc(policy->n_live_sets + 1, sizeof(*manifest->live_sets));
	if (!manifest->live_sets)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_live_sets && r >= 0; i++) {
		r = live_set_copy(&policy->live_sets[i], &manifest->live_sets[i]);
		manifest->n_live_sets += r >= 0;
	}
	return r;
}

/* Some rule of the interface's policy has a condition on the VLAN. */
static bool looks_at_vlan(const struct policy *policy, size_t interface)
{
	const struct ruleset *ruleset = &policy->rulesets[policy->interfaces[interface].ruleset];

	for (size_t i = 0; i < ruleset->n_rules; i++)
		if (ruleset->rules[i].scalar[FIELD_VLAN].present)
			return true;
	return false;
}

int manifest_from_policy(const struct policy *policy, struct manifest **ret)
{
	_cleanup_(manifest_freep) struct manifest *manifest = calloc(1, sizeof(*manifest));
	int r;

	if (!manifest)
		return -ENOMEM;
	memcpy(manifest->hash, policy->hash, sizeof(manifest->hash));
	manifest->fail_closed = policy->fail_closed;
	manifest->uses_self = policy->uses_self;
	manifest->n_self = policy->n_self;
	manifest->n_sets = policy_count_sets(policy);
	manifest->n_prefixes = policy_count_prefixes(policy);
	r = copy_live_sets(policy, manifest);
	if (r < 0)
		return r;
	manifest->interfaces = calloc(policy->n_interfaces + 1, sizeof(*manifest->interfaces));
	manifest->rulesets = calloc(policy->n_rulesets + 1, sizeof(*manifest->rulesets));
	if (!manifest->interfaces || !manifest->rulesets)
		return -ENOMEM;
	manifest->n_rulesets = policy->n_rulesets;
	for (size_t i = 0; i < policy->n_rulesets; i++) {
		r = copy_ruleset(&policy->rulesets[i], &manifest->rulesets[i]);
		if (r < 0)
			return r;
	}
	manifest->n_interfaces = policy->n_interfaces;
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		const struct interface *from = &policy->interfaces[i];
		struct manifest_interface *to = &manifest->interfaces[i];

		memcpy(to->name, from->name, NAME_LEN);
		memcpy(to->port, from->port, PORT_LEN);
		to->vlan = from->vlan;
		to->fix = from->fix;
		to->needs_tags = from->vlan || looks_at_vlan(policy, i);
		to->ruleset = from->ruleset;
		to->mode = from->mode;
		to->required = from->required;
		to->slots = calloc(policy->rulesets[from->ruleset].n_rules + 1, sizeof(*to->slots));
		if (!to->slots)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(manifest);
	return 0;
}

/* --- bytes ------------------------------------------------------------------------------- */

struct header {
	uint64_t magic;
	uint32_t abi;
	uint32_t size;     /* of the body */
	uint64_t checksum; /* FNV-1a of the body */
};

/* One description of the layout serves both ways: encoding when `write`, else decoding. */
struct stream {
	bool write;
	uint8_t *data; /* writing: grows; reading: the body */
	size_t size, capacity, position;
	int error; /* the first; nothing is done after it */
};

static uint64_t checksum(const uint8_t *data, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * 0x100000001b3ULL;
	return hash;
}

static void stream_bytes(struct stream *stream, void *bytes, size_t n)
{
	if (stream->error < 0)
		return;
	if (stream->write) {
		stream->error = array_reserve((void **)&stream->data, &stream->capacity,
					      stream->size + n, 1);
		if (stream->error < 0)
			return;
		memcpy(stream->data + stream->size, bytes, n);
		stream->size += n;
		return;
	}
	if (n > stream->size - stream->position) {
		stream->error = -EINVAL;
		return;
	}
	memcpy(bytes, stream->data + stream->position, n);
	stream->position += n;
}

#define STREAM(stream, value) stream_bytes(stream, &(value), sizeof(value))

/* A fixed array of char that holds a NUL-terminated name. */
static void stream_name(struct stream *stream, char *name, size_t size)
{
	stream_bytes(stream, name, size);
	if (!stream->write && stream->error >= 0 && !memchr(name, '\0', size))
		stream->error = -EINVAL;
}

static void stream_text(struct stream *stream, char **text)
{
	uint32_t n = stream->write ? strnlen(*text, MAX_TEXT) : 0;

	STREAM(stream, n);
	if (!stream->write && stream->error >= 0) {
		if (n > MAX_TEXT || n > stream->size - stream->position) {
			stream->error = -EINVAL;
			return;
		}
		*text = calloc(1, n + 1);
		if (!*text)
			stream->error = -ENOMEM;
	}
	if (stream->error < 0)
		return;
	stream_bytes(stream, *text, n);
	if (!stream->write && strlen(*text) != n)
		stream->error = -EINVAL;
}

/* The number of elements, and, reading, room for them. Each takes at least a byte, so what is
 * left bounds what a liar can make us allocate. */
static void *stream_array(struct stream *stream, void *array, uint32_t *n, size_t size)
{
	STREAM(stream, *n);
	if (stream->write || stream->error < 0)
		return array;
	if (*n > stream->size - stream->position) {
		stream->error = -EINVAL;
		*n = 0;
		return NULL;
	}
	array = calloc(*n + 1, size);
	if (!array) {
		stream->error = -ENOMEM;
		*n = 0;
	}
	return array;
}

static void stream_notes(struct stream *stream, struct notes *notes)
{
	uint8_t commented = notes->comment != NULL;
	uint32_t n_tags = notes->n_tags;

	STREAM(stream, commented);
	if (commented > 1 && stream->error >= 0)
		stream->error = -EINVAL;
	if (commented)
		stream_text(stream, &notes->comment);
	notes->tags = stream_array(stream, notes->tags, &n_tags, sizeof(*notes->tags));
	if (stream->error < 0)
		return;
	notes->n_tags = n_tags;
	for (uint32_t i = 0; stream->error >= 0 && i < n_tags; i++)
		stream_text(stream, &notes->tags[i]);
}

static void stream_ruleset(struct stream *stream, struct manifest_ruleset *ruleset)
{
	stream_name(stream, ruleset->name, NAME_LEN);
	ruleset->rules =
		stream_array(stream, ruleset->rules, &ruleset->n_rules, sizeof(*ruleset->rules));
	for (uint32_t i = 0; stream->error >= 0 && i < ruleset->n_rules; i++) {
		stream_name(stream, ruleset->rules[i].name, NAME_LEN);
		stream_text(stream, &ruleset->rules[i].match);
		stream_text(stream, &ruleset->rules[i].action);
		stream_notes(stream, &ruleset->rules[i].notes);
	}
}

static void stream_exceptions(struct stream *stream, struct prefix_set *except)
{
	uint32_t n_v4 = except->n_v4, n_v6 = except->n_v6;

	except->v4 = stream_array(stream, except->v4, &n_v4, sizeof(*except->v4));
	except->n_v4 = n_v4;
	for (uint32_t i = 0; stream->error >= 0 && i < n_v4; i++) {
		STREAM(stream, except->v4[i].addr);
		STREAM(stream, except->v4[i].len);
	}
	except->v6 = stream_array(stream, except->v6, &n_v6, sizeof(*except->v6));
	except->n_v6 = n_v6;
	for (uint32_t i = 0; stream->error >= 0 && i < n_v6; i++) {
		STREAM(stream, except->v6[i].hi);
		STREAM(stream, except->v6[i].lo);
		STREAM(stream, except->v6[i].len);
	}
}

static void stream_live_set(struct stream *stream, struct live_set *set)
{
	uint32_t n_writers = set->n_writers;
	uint8_t persist = set->persist;

	stream_name(stream, set->name, NAME_LEN);
	STREAM(stream, set->size);
	STREAM(stream, set->timeout);
	STREAM(stream, set->widest);
	STREAM(stream, persist);
	if (persist > 1 && stream->error >= 0)
		stream->error = -EINVAL;
	set->persist = persist;
	set->writers = stream_array(stream, set->writers, &n_writers, sizeof(*set->writers));
	set->n_writers = n_writers;
	for (uint32_t i = 0; stream->error >= 0 && i < n_writers; i++)
		stream_text(stream, &set->writers[i]);
	stream_exceptions(stream, &set->except);
}

static void stream_interface(struct stream *stream, const struct manifest *manifest,
			     struct manifest_interface *interface)
{
	uint32_t n = stream->write ? manifest->rulesets[interface->ruleset].n_rules : 0;

	stream_name(stream, interface->name, NAME_LEN);
	stream_name(stream, interface->port, PORT_LEN);
	STREAM(stream, interface->vlan);
	STREAM(stream, interface->ruleset);
	STREAM(stream, interface->mode);
	STREAM(stream, interface->required);
	STREAM(stream, interface->fix);
	STREAM(stream, interface->needs_tags);
	STREAM(stream, interface->block);
	STREAM(stream, interface->unjudged);
	interface->slots = stream_array(stream, interface->slots, &n, sizeof(uint32_t));
	if (stream->error < 0)
		return;
	if (interface->ruleset >= manifest->n_rulesets ||
	    manifest->rulesets[interface->ruleset].n_rules != n) {
		stream->error = -EINVAL;
		return;
	}
	stream_bytes(stream, interface->slots, n * sizeof(uint32_t));
}

static void stream_manifest(struct stream *stream, struct manifest *manifest)
{
	STREAM(stream, manifest->generation);
	STREAM(stream, manifest->hash);
	STREAM(stream, manifest->loaded_usec);
	STREAM(stream, manifest->history);
	STREAM(stream, manifest->n_sets);
	STREAM(stream, manifest->n_prefixes);
	STREAM(stream, manifest->fail_closed);
	STREAM(stream, manifest->uses_self);
	STREAM(stream, manifest->n_self);
	manifest->rulesets = stream_array(stream, manifest->rulesets, &manifest->n_rulesets,
					  sizeof(*manifest->rulesets));
	for (uint32_t i = 0; stream->error >= 0 && i < manifest->n_rulesets; i++)
		stream_ruleset(stream, &manifest->rulesets[i]);
	manifest->interfaces = stream_array(stream, manifest->interfaces, &manifest->n_interfaces,
					    sizeof(*manifest->interfaces));
	for (uint32_t i = 0; stream->error >= 0 && i < manifest->n_interfaces; i++)
		stream_interface(stream, manifest, &manifest->interfaces[i]);
	manifest->live_sets = stream_array(stream, manifest->live_sets, &manifest->n_live_sets,
					   sizeof(*manifest->live_sets));
	for (uint32_t i = 0; stream->error >= 0 && i < manifest->n_live_sets; i++)
		stream_live_set(stream, &manifest->live_sets[i]);
}

int manifest_encode(const struct manifest *manifest, void **ret, size_t *ret_size)
{
	struct stream stream = { .write = true };
	struct header header = { .magic = MAGIC, .abi = XDPGATE_ABI_VERSION };

	STREAM(&stream, header);                               /* room for it */
	stream_manifest(&stream, (struct manifest *)manifest); /* writing changes nothing */
	if (stream.error < 0) {
		free(stream.data);
		return stream.error;
	}
	header.size = stream.size - sizeof(header);
	header.checksum = checksum(stream.data + sizeof(header), header.size);
	memcpy(stream.data, &header, sizeof(header));
	*ret = stream.data;
	*ret_size = stream.size;
	return 0;
}

static bool live_set_adds_up(const struct live_set *set)
{
	if (!set->name[0] || !set->size || set->widest[FAMILY_V4] > 32 ||
	    set->widest[FAMILY_V6] > 128)
		return false;
	for (size_t i = 0; i < set->except.n_v4; i++)
		if (set->except.v4[i].len > 32)
			return false;
	for (size_t i = 0; i < set->except.n_v6; i++)
		if (set->except.v6[i].len > 128)
			return false;
	return true;
}

/* Values that only a manifest_encode() of ours would write. */
static bool adds_up(const struct manifest *manifest)
{
	const uint32_t n_slots = MAX_COUNTER_PAGES * COUNTERS_PER_PAGE;

	if (!manifest->generation || manifest->fail_closed > 1 || manifest->uses_self > 1 ||
	    manifest->n_interfaces > MAX_INTERFACES || manifest->n_live_sets > MAX_LIVE_SETS)
		return false;
	for (uint32_t i = 0; i < manifest->n_live_sets; i++)
		if (!live_set_adds_up(&manifest->live_sets[i]))
			return false;
	for (uint32_t i = 0; i < manifest->n_interfaces; i++) {
		const struct manifest_interface *interface = &manifest->interfaces[i];

		if (interface->mode > ATTACH_GENERIC || interface->required > 1 ||
		    interface->fix > 1 || interface->needs_tags > 1 ||
		    interface->vlan > VLAN_LAST || interface->unjudged >= n_slots ||
		    interface->block % INTERFACE_BLOCK || interface->block >= n_slots)
			return false;
		for (uint32_t j = 0; j < manifest->rulesets[interface->ruleset].n_rules; j++)
			if (interface->slots[j] >= n_slots)
				return false;
	}
	return true;
}

int manifest_decode(const void *data, size_t size, struct manifest **ret)
{
	_cleanup_(manifest_freep) struct manifest *manifest = calloc(1, sizeof(*manifest));
	struct header header;
	struct stream stream;

	if (!manifest)
		return -ENOMEM;
	if (size < sizeof(header))
		return -EINVAL;
	memcpy(&header, data, sizeof(header));
	if (header.magic != MAGIC)
		return -EINVAL;
	if (header.abi != XDPGATE_ABI_VERSION)
		return -ESTALE;
	stream = (struct stream){ .data = (uint8_t *)data + sizeof(header), .size = header.size };
	if (header.size > size - sizeof(header) ||
	    checksum(stream.data, stream.size) != header.checksum)
		return -EINVAL;
	stream_manifest(&stream, manifest);
	if (stream.error < 0)
		return stream.error;
	if (stream.position != stream.size || !adds_up(manifest))
		return -EINVAL;
	*ret = TAKE_PTR(manifest);
	return 0;
}
