// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake-gate.c: a gate without a kernel, for tests of the daemon around it. It does what its
 * "policy file" tells it, lines of "KEY VALUE" read anew at each call, and appends each call to the
 * file named by XDPGATE_FAKE_LOG.
 *
 *   port NAME      one required interface on that device; absent while it does not exist
 *   start ERRNO    gate_start() fails with it; ditto new, reload, confirm, rollback, links, addresses,
 *                  disarm, detach
 *   place LINE     failures of start and reload are about that line of the policy file
 *   failed TEXT    the interface cannot be attached, for that reason
 *   sleep MS       how long start and reload take
 *   generation N   what gate_new() adopts
 *   same 1         a reload finds nothing to do
 *   pending 1      what is in force waits to be confirmed
 *   expires N      so many seconds after each load something expires
 */
#include <net/if.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "gate.h"
#include "util.h"

struct gate {
	char *config_path;
	uint64_t generation, next_expiry;
	bool detached, off, reload_failed;
	char *reload_error;
};

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
	_cleanup_fclose_ FILE *file = fopen(getenv("XDPGATE_FAKE_LOG") ?: "/dev/null", "ae");
	struct timespec now;
	va_list args;

	if (!file)
		abort();
	clock_gettime(CLOCK_MONOTONIC, &now);
	fprintf(file, "%lld.%03ld ", (long long)now.tv_sec, now.tv_nsec / 1000000);
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	fputc('\n', file);
}

/* The value of a key, or NULL; valid until the next call. */
static const char *script(const struct gate *gate, const char *key)
{
	static char line[4096];
	_cleanup_fclose_ FILE *file = fopen(gate->config_path, "re");

	while (file && fgets(line, sizeof(line), file)) {
		size_t length = strlen(key);

		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return line + length + 1;
	}
	return NULL;
}

static int script_number(const struct gate *gate, const char *key)
{
	const char *value = script(gate, key);

	return value ? atoi(value) : 0;
}

static int fail(const struct gate *gate, const char *what, struct diags *diags)
{
	int error = script_number(gate, what), line = script_number(gate, "place");
	const char source[] = "\tthe text\x1b[31m of the line";
	const struct diag_place place = {
		.file = gate->config_path,
		.line = line,
		.column = 6,
		.width = 4,
		.source = source,
		.source_len = sizeof(source) - 1,
	};

	if (error)
		diag_error(diags, line ? &place : NULL, "%s fails by order", what);
	return -error;
}

static void load(struct gate *gate)
{
	int seconds = script_number(gate, "expires");

	gate->generation++;
	gate->next_expiry = seconds ? (uint64_t)time(NULL) + (uint64_t)seconds : 0;
}

static void work(const struct gate *gate)
{
	int ms = script_number(gate, "sleep");
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&pause, NULL);
}

const char *interface_state_name(enum interface_state state)
{
	return "fake";
}

int gate_new(const struct gate_options *options, struct gate **ret, struct diags *diags)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	int r;

	if (!gate)
		return -ENOMEM;
	gate->config_path = strdup(options->config_path);
	gate->generation = (uint64_t)script_number(gate, "generation");
	note("new %s %s", options->config_path, options->pin_dir);
	r = fail(gate, "new", diags);
	if (r < 0) {
		gate_free(gate);
		return r;
	}
	*ret = gate;
	return 0;
}

int gate_start(struct gate *gate, struct diags *diags)
{
	int r;

	note("start");
	work(gate);
	r = fail(gate, "start", diags);
	if (r == 0)
		load(gate);
	return r;
}

static enum interface_state state_of(const struct gate *gate)
{
	const char *port = script(gate, "port");

	if (gate->off)
		return INTERFACE_OFF;
	if (port && !if_nametoindex(port))
		return INTERFACE_ABSENT;
	return script(gate, "failed") ? INTERFACE_FAILED : INTERFACE_FILTERING;
}

bool gate_is_ready(const struct gate *gate)
{
	enum interface_state state = state_of(gate);

	return state == INTERFACE_FILTERING || state == INTERFACE_OFF;
}

int gate_links_changed(struct gate *gate, struct diags *diags)
{
	note("links");
	if (script(gate, "failed"))
		diag_error(diags, NULL, "interface wan: %s", script(gate, "failed"));
	return fail(gate, "links", diags);
}

int gate_addresses_changed(struct gate *gate, struct diags *diags)
{
	int r;

	note("addresses");
	r = fail(gate, "addresses", diags);
	if (r == 0)
		gate->generation++;
	return r < 0 ? r : 1;
}

int gate_leave(struct gate *gate, struct diags *diags)
{
	note("leave");
	return fail(gate, "leave", diags);
}

int gate_disarm(struct gate *gate, struct diags *diags)
{
	note("disarm");
	return fail(gate, "disarm", diags);
}

struct gate *gate_free(struct gate *gate)
{
	if (!gate)
		return NULL;
	note("free");
	free(gate->config_path);
	free(gate->reload_error);
	free(gate);
	return NULL;
}

bool gate_watched(const struct gate *gate, size_t i, struct gate_watch *ret)
{
	return false;
}

bool gate_feeds_refused(const struct gate *gate)
{
	return false;
}

int gate_feeds_changed(struct gate *gate, const char *const *paths, size_t n, struct diags *diags)
{
	return 0;
}

int gate_reload(struct gate *gate, const struct gate_change *change, struct gate_changed *ret,
		struct diags *diags)
{
	int r;

	note("reload of %s", change->who);
	work(gate);
	r = fail(gate, "reload", diags);
	gate->reload_failed = r < 0;
	free(gate->reload_error);
	gate->reload_error = r < 0 && diags->n ? diag_line(&diags->items[0]) : NULL;
	if (r == 0 && !script_number(gate, "same"))
		load(gate);
	*ret = (struct gate_changed){ .changed = !script_number(gate, "same"),
				      .generation = gate->generation };
	return r;
}

int gate_confirm(struct gate *gate, const char *who, struct gate_changed *ret, struct diags *diags)
{
	note("confirm of %s", who);
	*ret = (struct gate_changed){ .changed = true, .generation = gate->generation };
	return fail(gate, "confirm", diags);
}

/* Pending until a second before 2001. */
int gate_rollback(struct gate *gate, uint64_t id, const struct gate_change *change,
		  struct gate_changed *ret, struct diags *diags)
{
	int r = fail(gate, "rollback", diags);

	note("rollback to %llu of %s", (unsigned long long)id, change->who);
	if (r == 0)
		load(gate);
	*ret = (struct gate_changed){ .changed = true,
				      .generation = gate->generation,
				      .deadline_usec = UINT64_C(978307199000000) };
	return r;
}

void gate_set_tick(struct gate *gate)
{
}

uint64_t gate_set_next_end(const struct gate *gate)
{
	return 0;
}

int gate_expired(struct gate *gate, struct diags *diags)
{
	int r;

	note("expired");
	r = fail(gate, "expired", diags);
	if (r == 0)
		load(gate);
	return r;
}

uint64_t gate_next_deadline(const struct gate *gate)
{
	return 0;
}

int gate_deadline(struct gate *gate, struct diags *diags)
{
	return 0;
}

uint64_t gate_next_expiry(const struct gate *gate)
{
	return gate->next_expiry;
}

int gate_get_policy(struct gate *gate, char **ret, uint64_t *ret_generation, struct diags *diags)
{
	return -ENODATA;
}

int gate_check(struct gate *gate, const char *path, struct diags *diags)
{
	return 0;
}

int gate_get_status(struct gate *gate, struct gate_status *ret)
{
	struct gate_interface_status *interface = calloc(1, sizeof(*interface));
	const char *port = script(gate, "port");

	if (!interface)
		return -ENOMEM;
	snprintf(interface->name, sizeof(interface->name), "wan");
	snprintf(interface->port, sizeof(interface->port), "%s", port ?: "lo");
	interface->required = true;
	interface->state = state_of(gate);
	if (interface->state == INTERFACE_FAILED)
		interface->error = strdup(script(gate, "failed"));
	*ret = (struct gate_status){
		.generation = gate->generation,
		.ready = gate_is_ready(gate),
		.deadline_usec = (uint64_t)script_number(gate, "pending"),
		.last_reload_failed = gate->reload_failed,
		.last_reload_error = gate->reload_error ? strdup(gate->reload_error) : NULL,
		.interfaces = interface,
		.n_interfaces = 1,
	};
	return 0;
}

int gate_get_stats(struct gate *gate, struct stats *ret)
{
	return -ENOTSUP;
}

int gate_get_rules(struct gate *gate, struct gate_rules *ret)
{
	return -ENOTSUP;
}

int gate_explain(struct gate *gate, const char *interface, const uint8_t *frame, size_t len,
		 struct explanation *ret, struct diags *diags)
{
	return -ENOTSUP;
}

int gate_trial_start(struct gate *gate, uint32_t seconds, uint32_t one_in, struct gate_trial *ret,
		     struct diags *diags)
{
	return -ENOTSUP;
}

int gate_trial_stop(struct gate *gate, struct diags *diags)
{
	return -ENOTSUP;
}

int gate_set_off(struct gate *gate, const char *interface, bool off, struct diags *diags)
{
	note("set-off %s %d", interface ?: "all", off);
	gate->off = off;
	return 0;
}

int gate_detach(struct gate *gate, struct diags *diags)
{
	int r;

	note("detach");
	r = fail(gate, "detach", diags);
	gate->detached = r == 0;
	return r;
}

bool gate_is_detached(const struct gate *gate)
{
	return gate->detached;
}

void gate_status_free(struct gate_status *status)
{
	for (size_t i = 0; i < status->n_interfaces; i++)
		free(status->interfaces[i].error);
	free(status->interfaces);
	free(status->last_reload_error);
	*status = (struct gate_status){ 0 };
}

void gate_rules_free(struct gate_rules *rules)
{
}
