// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c: the life of xdpgated, as a table of contents.
 *
 * The gate outlives this process: programs, counters and the policy in force are pinned in
 * the BPF file system. So starting means adopting what is there before anything is
 * changed, and only a plain stop disarms; a crash or a restart changes no packet's fate.
 */
#include <fcntl.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "control/control.h"
#include "diag.h"
#include "due.h"
#include "expiry.h"
#include "gate.h"
#include "job.h"
#include "links.h"
#include "log.h"
#include "loop.h"
#include "notify.h"
#include "options.h"
#include "privileges.h"
#include "util.h"
#include "watch.h"

static void free_gate(struct gate **gate)
{
	gate_free(*gate);
}

static void free_expiry(struct expiry_timer **expiry)
{
	expiry_timer_free(*expiry);
}

static void free_due(struct due_timer **due)
{
	due_timer_free(*due);
}

static void free_watch(struct watch **watch)
{
	watch_free(*watch);
}

static void free_control(struct control **control)
{
	control_free(*control);
}

static void free_links(struct links **links)
{
	links_free(*links);
}

/* Nothing we open may become stdin, stdout or stderr of a library that writes there. */
static int fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return log_error_errno(errno, "cannot open /dev/null: %m");
	close(fd);
	return 0;
}

/* Does the kernel's command line have the word xdpgate=off? */
static bool off_at_boot(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/cmdline", "re");
	char line[8192] = ""; /* no kernel has a longer one */
	char *word, *rest;

	if (!file || (!fgets(line, sizeof(line), file) && ferror(file))) {
		log_warning(
			"cannot read /proc/cmdline: %m; taking it that xdpgate=off is not there");
		return false;
	}
	for (word = strtok_r(line, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest))
		if (strcmp(word, "xdpgate=off") == 0)
			return true;
	return false;
}

/* The way out for somebody whose policy locks him out: honoured by the first start after
 * boot, when there is nothing to adopt; a later `xdpgate on` is not undone by a restart. */
static int obey_command_line(struct gate *gate, struct diags *diags)
{
	struct gate_status status = { 0 };
	bool first;
	int r;

	if (!off_at_boot())
		return 0;
	r = gate_get_status(gate, &status);
	if (r < 0)
		return r;
	first = status.generation == 0;
	gate_status_free(&status);
	if (!first)
		return 0;
	log_warning("xdpgate=off on the kernel command line: every packet passes on every interface"
		    " until 'xdpgate on'");
	return gate_set_off(gate, NULL, true, diags);
}

/* A mistake in the policy has a place in a file; a refusal of the kernel has none. */
static enum exit_status failure_status(const struct diags *diags)
{
	for (size_t i = 0; i < diags->n; i++)
		if (diags->items[i].severity == SEVERITY_ERROR && diags->items[i].file)
			return STATUS_CONFIG;
	return STATUS_FAILED;
}

static enum exit_status stop(struct gate *gate)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	int r;

	if (gate_is_detached(gate)) {
		notify_stopping("detached from all interfaces");
		log_notice("detached from all interfaces: nothing is left to do");
		return STATUS_STOPPED;
	}
	notify_stopping("stopping");
	if (job_is_restart()) {
		gate_leave(gate, &diags);
		log_diags(&diags);
		log_notice("stopping for a restart: the policy in force goes on filtering");
		return STATUS_STOPPED;
	}
	r = gate_disarm(gate, &diags);
	gate_leave(gate, &diags); /* as for a restart: somebody asks for the next start */
	log_diags(&diags);
	if (r < 0) {
		log_error_errno(r, "cannot disarm: %m; some interfaces may go on filtering:"
				   " see 'xdpgate off' and 'xdpgate detach'");
		return STATUS_FAILED;
	}
	log_notice("stopped: still attached, but every packet passes");
	return STATUS_STOPPED;
}

/* What is due at moments that the gate knows. */
static int watch_moments(struct loop *loop, struct due_timer **entries, struct due_timer **deadline)
{
	/* Behind clients: a slice of ended entries at a time, whoever asks comes first. */
	const struct due ends = {
		.what = "entries of live sets",
		.when = gate_set_next_end,
		.handler = loop_on_ends,
		.userdata = loop,
		.priority = CONTROL_PRIORITY + 1,
	};
	const struct due confirmation = {
		.what = "a policy that waits to be confirmed",
		.when = gate_next_deadline,
		.handler = loop_on_deadline,
		.userdata = loop,
		.priority = RELOAD_PRIORITY,
	};
	int r = due_timer_new(loop->event, loop->gate, &ends, entries);

	return r < 0 ? r : due_timer_new(loop->event, loop->gate, &confirmation, deadline);
}

static enum exit_status run(const struct options *options)
{
	const struct gate_options gate_options = {
		.config_path = options->config,
		.pin_dir = options->pin_dir,
		.state_dir = options->state_dir,
	};
	_cleanup_(diags_free) struct diags diags = { 0 };
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	_cleanup_(free_gate) struct gate *gate = NULL;
	_cleanup_(free_links) struct links *links = NULL, *addresses = NULL;
	_cleanup_(free_expiry) struct expiry_timer *expiry = NULL;
	_cleanup_(free_due) struct due_timer *ends = NULL, *deadline = NULL;
	_cleanup_(free_watch) struct watch *watch = NULL;
	_cleanup_(free_control) struct control *control = NULL;
	_cleanup_close_ int socket_fd = -1;
	struct loop loop = { 0 };
	int r;

	r = sd_event_default(&event);
	if (r < 0) {
		log_error_errno(r, "cannot make the event loop: %m");
		return STATUS_FAILED;
	}
	loop.event = event;

	r = notify_take_socket(&socket_fd);
	if (r >= 0) /* from here on no interface comes or goes unnoticed */
		r = links_new(event, LINKS_DEVICES, loop_on_links, &loop, &links);
	if (r >= 0)
		r = links_new(event, LINKS_ADDRESSES, loop_on_addresses, &loop, &addresses);
	if (r < 0)
		return STATUS_FAILED;
	loop.links = links;
	r = expiry_timer_new(event, loop_on_expiry, &loop, &expiry);
	if (r < 0)
		return STATUS_FAILED;
	loop.expiry = expiry;
	r = watch_new(event, loop_on_feeds, &loop, &watch);
	if (r < 0)
		return STATUS_FAILED;
	loop.watch = watch;

	r = gate_new(&gate_options, &gate, &diags);
	if (r < 0)
		goto refuse;
	loop.gate = gate;
	r = watch_moments(&loop, &ends, &deadline);
	if (r < 0)
		return STATUS_FAILED;

	r = control_new(event, gate, TAKE_FD(socket_fd), options->socket, &control, &diags);
	if (r < 0)
		goto refuse;
	control_observe(control, loop_on_control, &loop);
	loop.control = control;

	if (privileges_seal() < 0 || loop_watch_signals(&loop) < 0)
		return STATUS_FAILED;

	r = obey_command_line(gate, &diags);
	if (r >= 0)
		r = gate_start(gate, &diags);
	if (r < 0)
		goto refuse;
	log_diags(&diags);
	diags_free(&diags);
	loop_admit_writers(&loop);
	loop_report(&loop);
	expiry_timer_set(expiry, gate, true);
	watch_set(watch, gate);

	r = sd_event_loop(event);
	if (r < 0) { /* not a stop that anybody asked for: the gate goes on without us */
		log_error_errno(r, "the event loop failed: %m");
		return STATUS_FAILED;
	}
	return stop(gate);

refuse:
	log_diags(&diags);
	if (!diags.n_errors)
		log_error_errno(r, "cannot start: %m");
	return failure_status(&diags);
}

int main(int argc, char *argv[])
{
	_cleanup_(options_free) struct options options = { 0 };
	int r;

	if (fill_standard_fds() < 0 || loop_block_signals() < 0)
		return STATUS_FAILED;
	log_open(LOG_INFO);
	r = options_parse(argc, argv, &options);
	if (r != 0)
		return r > 0 ? STATUS_STOPPED : r == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
	log_open(options.log_level);
	if (chdir("/") < 0) {
		log_error_errno(errno, "cannot change to the root directory: %m");
		return STATUS_FAILED;
	}
	if (privileges_restrict() < 0)
		return STATUS_PERMISSION;
	return run(&options);
}
