// SPDX-License-Identifier: GPL-2.0-only
/*
 * loop.c: from events to the gate; see loop.h.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "loop.h"
#include "notify.h"
#include "util.h"

#define STATUS_BYTES 1024
#define FAREWELL_USEC 300000 /* for the answer to Detach to reach its client */

int loop_block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return log_error_errno(errno, "cannot block signals: %m");
	return 0;
}

/* --- telling ----------------------------------------------------------------------------- */

void loop_report(struct loop *loop)
{
	struct gate_status status = { 0 };
	char text[STATUS_BYTES];
	int r;

	if (gate_is_detached(loop->gate)) {
		log_set_generation(0);
		notify_state(false, "detached from all interfaces");
		return;
	}
	r = gate_get_status(loop->gate, &status);
	if (r < 0) {
		log_warning_errno(r, "cannot tell the service manager our state: %m; ignoring");
		/* systemd must still hear that a reload is over. */
		notify_state(gate_is_ready(loop->gate), "state unknown");
		return;
	}
	loop->generation = status.generation;
	log_set_generation(status.generation);
	notify_describe(&status, text, sizeof(text));
	notify_state(status.ready, text);
	for (size_t i = 0; i < status.n_interfaces; i++)
		if (status.interfaces[i].state == INTERFACE_FAILED)
			links_retry(loop->links);
	gate_status_free(&status);
}

/* --- signals ----------------------------------------------------------------------------- */

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	log_notice("SIG%s from process %u: stopping", sigabbrev_np((int)si->ssi_signo),
		   si->ssi_pid);
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

void loop_admit_writers(struct loop *loop)
{
	_cleanup_(diags_free) struct diags diags = { 0 };

	control_admit_writers(loop->control, &diags);
	log_diags(&diags);
}

/* What is in force now, and for how long. changed: NULL: as a reload has it. */
static void log_outcome(const struct loop *loop, const char *done,
			const struct gate_changed *changed)
{
	time_t until = changed ? (time_t)(changed->deadline_usec / 1000000) : 0;
	char stamp[32];
	struct tm tm;

	if (until && localtime_r(&until, &tm)) {
		strftime(stamp, sizeof(stamp), "%F %T", &tm);
		log_notice("%s: generation %" PRIu64
			   " is in force until %s, then undone, unless it is confirmed",
			   done, loop->generation, stamp);
	} else {
		log_notice("%s: generation %" PRIu64 " is in force", done, loop->generation);
	}
}

/* Which policy is in force was decided anew, whoever asked for it. what: "reload"; done: "reloaded";
 * changed: may be NULL. */
static void conclude(struct loop *loop, const char *what, const char *done, int result,
		     const struct gate_changed *changed, const struct diags *diags)
{
	if (diags)
		log_diags(diags);
	loop_admit_writers(loop);
	loop_report(loop);
	expiry_timer_set(loop->expiry, loop->gate, result >= 0);
	watch_set(loop->watch, loop->gate);
	if (result >= 0)
		log_outcome(loop, done, changed);
	else if (diags && diags->n_errors)
		log_error("%s failed; generation %" PRIu64 " stays in force", what,
			  loop->generation);
	else
		log_error_errno(result, "%s failed: %m; generation %" PRIu64 " stays in force",
				what, loop->generation);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct gate_changed changed = { 0 };
	struct loop *loop = userdata;
	char who[64];
	int r;

	if (gate_is_detached(loop->gate))
		return 0;
	log_info("SIGHUP from process %u: reloading", si->ssi_pid);
	snprintf(who, sizeof(who), "SIGHUP from process %u", si->ssi_pid);
	notify_reloading();
	r = gate_reload(loop->gate, &(struct gate_change){ .who = who }, &changed, &diags);
	conclude(loop, "reload", "reloaded", r, &changed, &diags);
	return 0;
}

void loop_on_expiry(void *userdata)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct loop *loop = userdata;
	int r;

	if (gate_is_detached(loop->gate))
		return;
	log_info("a rule or set of the policy has expired: making it again");
	notify_reloading();
	r = gate_expired(loop->gate, &diags);
	conclude(loop, "reload", "reloaded", r, NULL, &diags);
}

void loop_on_ends(void *userdata)
{
	struct loop *loop = userdata;

	gate_set_tick(loop->gate);
}

void loop_on_deadline(void *userdata)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct loop *loop = userdata;
	int r;

	notify_reloading();
	r = gate_deadline(loop->gate, &diags);
	conclude(loop, "going back to the policy before",
		 r > 0 ? "gone back" : "nothing has changed", r, NULL, &diags);
}

int loop_watch_signals(struct loop *loop)
{
	static const struct {
		int signal;
		sd_event_signal_handler_t handler;
		int64_t priority;
	} signals[] = {
		{ SIGTERM, on_stop, STOP_PRIORITY },
		{ SIGINT, on_stop, STOP_PRIORITY },
		{ SIGHUP, on_reload, RELOAD_PRIORITY },
	};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		sd_event_source *source;

		r = sd_event_add_signal(loop->event, &source, signals[i].signal, signals[i].handler,
					loop);
		if (r < 0)
			return log_error_errno(r, "cannot watch SIG%s: %m",
					       sigabbrev_np(signals[i].signal));
		/* From here on the loop owns it. */
		r = sd_event_source_set_floating(source, true);
		sd_event_source_unref(source);
		if (r >= 0)
			r = sd_event_source_set_priority(source, signals[i].priority);
		if (r < 0)
			return log_error_errno(r, "cannot watch SIG%s: %m",
					       sigabbrev_np(signals[i].signal));
	}
	r = sd_event_set_watchdog(loop->event, true);
	if (r < 0)
		return log_error_errno(r, "cannot feed the watchdog: %m");
	return 0;
}

/* --- interfaces -------------------------------------------------------------------------- */

/* What was said lately: an interface that keeps failing says so once, not at every try. */
static struct {
	char *lines[32];
	size_t next;
} said;

static void forget_said(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(said.lines); i++) {
		free(said.lines[i]);
		said.lines[i] = NULL;
	}
	said.next = 0;
}

static bool say_again(struct diag *diag)
{
	_cleanup_free_ char *line = diag_line(diag);

	if (!line)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(said.lines); i++)
		if (said.lines[i] && strcmp(said.lines[i], line) == 0)
			return false;
	free(said.lines[said.next]);
	said.lines[said.next] = TAKE_PTR(line);
	said.next = (said.next + 1) % ARRAY_SIZE(said.lines);
	return true;
}

static void log_new_diags(const struct diags *diags)
{
	for (size_t i = 0; i < diags->n; i++) {
		struct diag *diag = &diags->items[i];
		bool is_error = diag->severity == SEVERITY_ERROR;
		struct diags one = {
			.items = diag,
			.n = 1,
			.n_errors = is_error,
			.n_warnings = !is_error,
		};

		if (say_again(diag))
			log_diags(&one);
	}
}

static bool any_interface_failed(struct gate *gate)
{
	struct gate_status status = { 0 };
	bool failed = false;

	if (gate_get_status(gate, &status) < 0)
		return true;
	for (size_t i = 0; i < status.n_interfaces; i++)
		failed |= status.interfaces[i].state == INTERFACE_FAILED;
	gate_status_free(&status);
	return failed;
}

int loop_on_links(void *userdata)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct loop *loop = userdata;
	int r;

	if (gate_is_detached(loop->gate))
		return 0;
	r = gate_links_changed(loop->gate, &diags);
	if (r >= 0 && any_interface_failed(loop->gate))
		r = -EAGAIN;
	else if (r < 0 && !diags.n_errors)
		diag_error(&diags, NULL, "cannot look after the interfaces: %s; trying again",
			   strerror(-r));
	if (r >= 0 && loop->links_failed) /* the same failure, later, is news again */
		forget_said();
	loop->links_failed = r < 0;
	log_new_diags(&diags);
	loop_report(loop);
	return r;
}

/* --- addresses --------------------------------------------------------------------------- */

int loop_on_addresses(void *userdata)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct loop *loop = userdata;
	int r;

	if (gate_is_detached(loop->gate))
		return 0;
	r = gate_addresses_changed(loop->gate, &diags);
	if (r < 0) {
		log_new_diags(&diags);
		log_error("$self is not what the addresses of this machine are now: generation "
			  "%" PRIu64 " stays in force; trying again",
			  loop->generation);
	} else if (loop->self_failed) { /* the same failure, later, is news again */
		forget_said();
	}
	loop->self_failed = r < 0;
	if (r != 0)
		loop_report(loop);
	if (r > 0) /* what has expired meanwhile has left it */
		expiry_timer_set(loop->expiry, loop->gate, true);
	return r < 0 ? r : 0;
}

/* --- list files ------------------------------------------------------------------------- */

bool loop_on_feeds(const char *const *paths, size_t n, void *userdata)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct loop *loop = userdata;
	int r;

	if (gate_is_detached(loop->gate))
		return true;
	r = gate_feeds_changed(loop->gate, paths, n, &diags);
	log_diags(&diags);
	if (r < 0)
		log_error_errno(r, "cannot look at the list files that changed: %m; trying again");
	if (r != 0)
		loop_report(loop);
	if (r > 0) /* what has expired meanwhile has left it */
		expiry_timer_set(loop->expiry, loop->gate, true);
	watch_set(loop->watch, loop->gate);
	return r >= 0 && !gate_feeds_refused(loop->gate);
}

/* --- clients ----------------------------------------------------------------------------- */

static int on_farewell(sd_event_source *source, uint64_t usec, void *userdata)
{
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static void say_farewell(struct loop *loop)
{
	int r = sd_event_add_time_relative(loop->event, NULL, CLOCK_MONOTONIC, FAREWELL_USEC, 1000,
					   on_farewell, NULL);

	if (r < 0) /* then the client misses its answer */
		sd_event_exit(loop->event, 0);
}

/* "2 added, 1 refused", of what there is. */
static void describe_changes(const struct control_changes *changes, char *text, size_t size)
{
	const struct {
		uint64_t n;
		const char *what;
	} counts[] = {
		{ changes->added, "added" },     { changes->changed, "changed" },
		{ changes->removed, "removed" }, { changes->missing, "not there" },
		{ changes->refused, "refused" }, { changes->failed, "calls failed" },
	};
	size_t n = 0;

	snprintf(text, size, "nothing to do");
	for (size_t i = 0; i < ARRAY_SIZE(counts) && n < size; i++)
		if (counts[i].n)
			n += (size_t)snprintf(text + n, size - n, "%s%" PRIu64 " %s", n ? ", " : "",
					      counts[i].n, counts[i].what);
}

static void log_changes(const struct control_event *event)
{
	const struct control_changes *changes = event->changes;
	char text[256];

	describe_changes(changes, text, sizeof(text));
	if (changes->failed)
		log_error("user %u (process %d) on set %s: %s: %s", event->uid, (int)event->pid,
			  event->set, text, changes->why ? changes->why : "out of memory");
	else
		log_notice("user %u (process %d) on set %s: %s", event->uid, (int)event->pid,
			   event->set, text);
}

/* The requests that decide which policy is in force. */
static const struct choice {
	const char *method, *what, *done;
} choices[] = {
	{ "Reload", "reload", "reloaded" },
	{ "Confirm", "confirming", "confirmed" },
	{ "Rollback", "rollback", "rolled back" },
};

static const struct choice *find_choice(const char *method)
{
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
		if (strcmp(choices[i].method, method) == 0)
			return &choices[i];
	return NULL;
}

/* What is asked for, beside the method. */
static void describe_request(const struct control_event *event, char *text, size_t size)
{
	const struct gate_change *change = event->change;
	_cleanup_free_ char *made = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&made, &length);

	if (stream) {
		if (event->interface)
			fprintf(stream, " %s", event->interface);
		if (event->history)
			fprintf(stream, " to policy %" PRIu64, event->history);
		if (change && change->confirm_sec)
			fprintf(stream, ", to be confirmed within %" PRIu32 " s",
				change->confirm_sec);
		if (change && change->only_changed)
			fputs(", if it has changed", stream);
		if (change && change->accept_shrink)
			fputs(", whatever lists have lost", stream);
		if (change && change->force)
			fputs(", by force", stream);
		if (change && change->why)
			fprintf(stream, ": %s", change->why);
		fclose(stream);
	}
	snprintf(text, size, "%s", made ? made : "");
}

static void log_request(const struct control_event *event)
{
	char text[1024];

	describe_request(event, text, sizeof(text));
	log_notice("user %u (process %d) asks: %s%s", event->uid, (int)event->pid, event->method,
		   text);
}

void loop_on_control(const struct control_event *event, void *userdata)
{
	struct loop *loop = userdata;
	const struct choice *choice = find_choice(event->method);

	if (event->changes) {
		log_changes(event);
		return;
	}
	if (!event->done) {
		log_request(event);
		if (choice)
			notify_reloading();
		return;
	}
	if (choice) {
		bool idle = event->changed && !event->changed->changed;

		conclude(loop, choice->what, idle ? "nothing has changed" : choice->done,
			 event->result, event->changed, event->diags);
		return;
	}
	if (event->diags)
		log_diags(event->diags);
	if (event->result < 0)
		log_error_errno(event->result, "%s failed: %m", event->method);
	loop_report(loop);
	if (gate_is_detached(loop->gate))
		say_farewell(loop);
}
