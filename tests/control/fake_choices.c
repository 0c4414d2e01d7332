/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fake gate's policies: which is in force, for how long, and which were. It goes by the text of the
 * policy file alone. Files in the scenario folder:
 *
 *   config: where the policy file is; no-history: none is kept; forgetful: it is empty; slow: a reload takes a second;
 *   refuse-text: a policy with that in it is refused.
 */
#include <string.h>
#include <time.h>

#include "fake_gate.h"
#include "util.h"

#define NO_FILE "/etc/xdpgate/xdpgate.yaml"

/* The first line of a scenario's file; NULL: there is none. */
static char *line_of(const struct gate *gate, const char *name)
{
	_cleanup_fclose_ FILE *file = fake_gate_open(gate, name);
	char *line = NULL;
	size_t size = 0;

	if (file && getline(&line, &size, file) < 0)
		free(TAKE_PTR(line));
	if (line)
		line[strcspn(line, "\n")] = '\0';
	return line;
}

char *fake_gate_config(const struct gate *gate)
{
	char *path = line_of(gate, "config");

	if (path)
		return path;
	return strdup(fake_gate_has(gate, "ugly") ? "/etc/\033]0;title\007x.yaml" : NO_FILE);
}

static char *read_text(const struct gate *gate)
{
	_cleanup_free_ char *path = line_of(gate, "config");
	_cleanup_fclose_ FILE *file = path ? fopen(path, "re") : NULL;
	size_t size = 0;
	char *text = NULL;

	if (!file || getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		return strdup("");
	}
	return text;
}

static struct fake_policy *policy_of(struct gate *gate, size_t id)
{
	return id ? &gate->history[id - 1] : NULL;
}

static void add(struct gate *gate, const struct gate_change *change, char *text)
{
	struct fake_policy *policy;

	if (gate->n_history == FAKE_HISTORY_MAX)
		abort();
	policy = &gate->history[gate->n_history++];
	policy->text = text;
	policy->entry = (struct gate_history_entry){
		.id = gate->n_history,
		.when_usec = 1700000000000000 + gate->n_history,
		.who = strdup(change->who),
		.why = change->why ? strdup(change->why) : NULL,
		.state = change->confirm_sec ? HISTORY_PENDING : HISTORY_CONFIRMED,
		.n_rules = 3,
		.n_sets = 2,
		.n_prefixes = gate->n_history,
	};
	memset(policy->entry.policy_hash, 'a' + (int)(gate->n_history % 6), 64);
	if (!gate->deadline_usec)
		gate->before = gate->in_force;
	gate->deadline_usec =
		change->confirm_sec ? realtime_usec() + change->confirm_sec * UINT64_C(1000000) : 0;
	gate->in_force = gate->n_history;
	gate->generation++;
}

static void undo(struct gate *gate)
{
	policy_of(gate, gate->in_force)->entry.state = HISTORY_REVERTED;
	gate->in_force = gate->before;
	gate->deadline_usec = 0;
	gate->generation++;
}

void fake_gate_tick(struct gate *gate)
{
	if (gate->deadline_usec && realtime_usec() >= gate->deadline_usec)
		undo(gate);
}

static void note_change(struct gate *gate, const char *what, uint64_t id,
			const struct gate_change *change)
{
	char number[32] = "", confirm[32] = "";

	if (id)
		snprintf(number, sizeof(number), " to %lu", id);
	if (change->confirm_sec)
		snprintf(confirm, sizeof(confirm), " confirm %u", change->confirm_sec);
	fake_gate_note(gate, "%s%s%s%s%s%s%s%s", what, number,
		       change->accept_shrink ? " accept-shrink" : "", confirm,
		       change->force ? " force" : "", change->only_changed ? " only-changed" : "",
		       change->why ? ": " : "", change->why ?: "");
}

static void tell(const struct gate *gate, bool changed, struct gate_changed *ret)
{
	*ret = (struct gate_changed){
		.changed = changed,
		.generation = gate->generation,
		.history = fake_gate_has(gate, "no-history") ? 0 : gate->in_force,
		.deadline_usec = gate->deadline_usec,
	};
}

static int may_load(struct gate *gate, const struct gate_change *change, const char *text,
		    struct diags *diags)
{
	_cleanup_free_ char *bad = line_of(gate, "refuse-text");
	_cleanup_free_ char *path = fake_gate_config(gate);
	const struct diag_place place = { .file = path, .line = 7, .column = 3, .width = 1 };

	if (gate->deadline_usec && !change->confirm_sec) {
		diag_error(diags, NULL, "another policy waits to be confirmed");
		return -EBUSY;
	}
	for (size_t i = 0; i < gate->n_history && !change->force; i++)
		if (gate->history[i].entry.state == HISTORY_REVERTED && *text &&
		    strcmp(gate->history[i].text, text) == 0) {
			diag_error(diags, NULL, "%s is a policy that was undone", path);
			return -ECANCELED;
		}
	if (bad && strstr(text, bad))
		return diag_error(diags, &place, "refused; see also %s:9", path);
	return fake_gate_fails(gate, "reload", diags);
}

int gate_reload(struct gate *gate, const struct gate_change *change, struct gate_changed *ret,
		struct diags *diags)
{
	_cleanup_free_ char *text = read_text(gate);
	const struct fake_policy *now = policy_of(gate, gate->in_force);
	int r;

	fake_gate_tick(gate);
	note_change(gate, "reload", 0, change);
	if (fake_gate_has(gate, "slow"))
		nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
	if (change->only_changed && now && strcmp(now->text, text) == 0) {
		tell(gate, false, ret);
		return 0;
	}
	r = may_load(gate, change, text, diags);
	gate->n_reloads++;
	gate->last_failed = r < 0;
	if (r < 0) {
		gate->n_failed++;
		return r;
	}
	add(gate, change, TAKE_PTR(text));
	tell(gate, true, ret);
	return 0;
}

int gate_confirm(struct gate *gate, const char *who, struct gate_changed *ret, struct diags *diags)
{
	int r = fake_gate_fails(gate, "confirm", diags);

	fake_gate_tick(gate);
	fake_gate_note(gate, "confirm");
	if (r < 0)
		return r;
	if (!gate->deadline_usec)
		return -ENOENT;
	policy_of(gate, gate->in_force)->entry.state = HISTORY_CONFIRMED;
	gate->deadline_usec = 0;
	tell(gate, true, ret);
	return 0;
}

int gate_rollback(struct gate *gate, uint64_t id, const struct gate_change *change,
		  struct gate_changed *ret, struct diags *diags)
{
	int r = fake_gate_fails(gate, "rollback", diags);

	fake_gate_tick(gate);
	note_change(gate, "rollback", id, change);
	if (r < 0)
		return r;
	if (id > gate->n_history || (!id && !gate->before))
		return -ENOENT;
	if (!id && gate->deadline_usec)
		undo(gate);
	else
		add(gate, change, strdup(policy_of(gate, id ?: gate->before)->text));
	tell(gate, true, ret);
	return 0;
}

const char *history_state_name(enum history_state state)
{
	static const char *const names[] = { "confirmed", "pending", "reverted" };

	return names[state];
}

int gate_get_history(struct gate *gate, struct gate_history *ret)
{
	if (fake_gate_has(gate, "fail-read"))
		return -EIO;
	fake_gate_tick(gate);
	*ret = (struct gate_history){ 0 };
	if (fake_gate_has(gate, "no-history"))
		return -EOPNOTSUPP;
	if (!gate->n_history || fake_gate_has(gate, "forgetful"))
		return 0;
	ret->items = calloc(gate->n_history, sizeof(*ret->items));
	for (size_t i = gate->n_history; i-- > 0;) {
		struct gate_history_entry *entry = &ret->items[ret->n++];

		*entry = gate->history[i].entry;
		entry->who = strdup(entry->who);
		entry->why = entry->why ? strdup(entry->why) : NULL;
		if (fake_gate_has(gate, "ugly")) {
			free(entry->why);
			entry->why = strdup("\033[31mred\xff");
		}
		entry->in_force = i + 1 == gate->in_force;
		entry->boots = i + 1 == (gate->deadline_usec ? gate->before : gate->in_force);
	}
	return 0;
}

void gate_history_free(struct gate_history *history)
{
	for (size_t i = 0; i < history->n; i++) {
		free(history->items[i].who);
		free(history->items[i].why);
	}
	free(history->items);
	*history = (struct gate_history){ 0 };
}

void fake_choices_free(struct gate *gate)
{
	for (size_t i = 0; i < gate->n_history; i++) {
		free(gate->history[i].entry.who);
		free(gate->history[i].entry.why);
		free(gate->history[i].text);
	}
}
