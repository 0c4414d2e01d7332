// SPDX-License-Identifier: GPL-2.0-only
/*
 * watch.c: inotify events in, one call of the handler out; see watch.h. What an event says is not
 * believed, only that the file may have changed: the handler looks for itself. So a lost event costs
 * nothing but one more look at all.
 *
 * What is watched are folders, never files: a file that is renamed into place is another one. Each
 * path is on the hooks of its folders: the names whose events concern it. After each event the
 * folders are found anew, since what changed may have been a link, or a folder.
 */
#include "watch.h"

#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "clock.h"
#include "log.h"
#include "util.h"
#include "watch_paths.h"

#define QUIET_USEC 500000ULL    /* without an event */
#define LATEST_USEC 5000000ULL  /* from the first event */
#ifndef MINUTE_USEC             /* tests have no time for it */
#define MINUTE_USEC 60000000ULL /* to the next look */
#endif
#define ACCURACY_USEC 10000
#define MAX_FOLDERS 4096

/* Not IN_MODIFY: half a file is not to be looked at. */
#define EVENTS                                                                                     \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB |        \
	 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct path {
	char *path;
	bool pattern;
	bool changed; /* since the last call */
};

/* An entry of a folder that concerns a path. */
struct hook {
	char *name; /* NULL: any */
	size_t path;
};

struct folder {
	struct watch *watch;
	char *path;
	sd_event_source *source; /* NULL: it cannot be watched */
	struct hook *hooks;
	size_t n_hooks, hooks_capacity;
	bool needed; /* by the paths of now */
	bool dead;   /* what is watched has another path, or none */
	dev_t device;
	ino_t inode;
};

struct watch {
	sd_event *event;
	sd_event_source *timer, *minute;
	watch_handler *handler;
	void *userdata;
	struct path *paths;
	size_t n_paths, paths_capacity;
	struct folder **folders;
	size_t n_folders, folders_capacity;
	uint64_t first_usec; /* CLOCK_MONOTONIC of the first event since the last call; 0: none */
	bool changed_all;    /* who knows which: all */
	bool blind;          /* not all can be watched: look each minute */
	bool said_blind;
};

/* --- folders ----------------------------------------------------------------------------- */

static void drop_hooks(struct folder *folder)
{
	for (size_t i = 0; i < folder->n_hooks; i++)
		free(folder->hooks[i].name);
	folder->n_hooks = 0;
}

static void folder_free(struct folder *folder)
{
	drop_hooks(folder);
	free(folder->hooks);
	sd_event_source_disable_unref(folder->source);
	free(folder->path);
	free(folder);
}

static void drop_paths(struct watch *watch)
{
	for (size_t i = 0; i < watch->n_paths; i++)
		free(watch->paths[i].path);
	watch->n_paths = 0;
}

static void become_blind(struct watch *watch, const char *what, int error)
{
	watch->blind = true;
	if (!watch->said_blind)
		log_warning_errno(error,
				  "cannot watch %s for changes: %m; looking at all list "
				  "files each minute instead",
				  what);
	watch->said_blind = true;
}

/* --- calling ----------------------------------------------------------------------------- */

static int schedule(struct watch *watch)
{
	uint64_t now = clock_monotonic_usec(), latest;
	int r;

	if (!watch->first_usec)
		watch->first_usec = now;
	latest = watch->first_usec + LATEST_USEC;
	r = sd_event_source_set_time(watch->timer,
				     now + QUIET_USEC < latest ? now + QUIET_USEC : latest);
	if (r >= 0)
		r = sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
	return r < 0 ? log_error_errno(r, "cannot set the timer of changed list files: %m") : 0;
}

static void look_in_a_minute(struct watch *watch, bool wanted)
{
	int r = 0;

	if (wanted)
		r = sd_event_source_set_time_relative(watch->minute, MINUTE_USEC);
	if (r >= 0)
		r = sd_event_source_set_enabled(watch->minute,
						wanted ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	if (r < 0)
		log_error_errno(r, "cannot set the timer of list files: %m");
}

static void call(struct watch *watch)
{
	_cleanup_free_ char **paths = calloc(watch->n_paths + 1, sizeof(*paths));
	bool all = watch->changed_all || !paths, well;
	size_t n = 0;

	for (size_t i = 0; i < watch->n_paths; i++) {
		struct path *path = &watch->paths[i];

		if (!all && path->changed) { /* the handler may have all paths set anew */
			paths[n] = strdup(path->path);
			all = !paths[n++];
		}
		path->changed = false;
	}
	watch->first_usec = 0;
	watch->changed_all = false;
	well = watch->handler(all ? NULL : (const char *const *)paths, n, watch->userdata);
	for (size_t i = 0; i < n; i++)
		free(paths[i]);
	look_in_a_minute(watch, !well || watch->blind);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	call(userdata);
	return 0;
}

static int on_minute(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct watch *watch = userdata;

	watch->changed_all = true;
	call(watch);
	return 0;
}

/* --- events ------------------------------------------------------------------------------ */

static bool concerns(const struct hook *hook, const struct inotify_event *event)
{
	return !event->len || !hook->name || !strcmp(hook->name, event->name);
}

static int on_event(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	struct folder *folder = userdata;
	struct watch *watch = folder->watch;
	bool found = false;

	if (event->mask & IN_Q_OVERFLOW) {
		if (!watch->changed_all)
			log_warning("the kernel lost events of list files: looking at all");
		watch->changed_all = true;
		return schedule(watch);
	}
	folder->dead |= event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED);
	for (size_t i = 0; i < folder->n_hooks; i++)
		if (concerns(&folder->hooks[i], event)) {
			watch->paths[folder->hooks[i].path].changed = true;
			found = true;
		}
	return found ? schedule(watch) : 0;
}

/* --- what is watched --------------------------------------------------------------------- */

static struct folder *find_folder(const struct watch *watch, const char *path)
{
	for (size_t i = 0; i < watch->n_folders; i++)
		if (!strcmp(watch->folders[i]->path, path))
			return watch->folders[i];
	return NULL;
}

/* Is what is watched still what the path leads to? */
static bool is_current(const struct folder *folder)
{
	struct stat st;

	return folder->source && !folder->dead && stat(folder->path, &st) == 0 &&
	       st.st_dev == folder->device && st.st_ino == folder->inode;
}

/* What came before the watch did is not to be missed. Of a folder that is not there yet, its
 * parent's watch will tell. */
static void open_folder(struct watch *watch, struct folder *folder)
{
	struct stat st = { 0 };
	int r;

	folder->source = sd_event_source_disable_unref(folder->source);
	folder->dead = false;
	r = sd_event_add_inotify(watch->event, &folder->source, folder->path, EVENTS, on_event,
				 folder);

	if (r >= 0)
		r = sd_event_source_set_description(folder->source, "list files");
	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		become_blind(watch, folder->path, r);
	if (r < 0)
		return;
	(void)stat(folder->path, &st); /* another folder meanwhile: then the next look sees it */
	folder->device = st.st_dev;
	folder->inode = st.st_ino;
	for (size_t i = 0; i < folder->n_hooks; i++)
		watch->paths[folder->hooks[i].path].changed = true;
	if (folder->n_hooks)
		(void)schedule(watch);
}

/* NULL: out of memory, or of folders. */
static struct folder *add_folder(struct watch *watch, const char *path)
{
	struct folder *folder;

	if (watch->n_folders == MAX_FOLDERS ||
	    array_reserve((void **)&watch->folders, &watch->folders_capacity, watch->n_folders + 1,
			  sizeof(struct folder *)) < 0)
		return NULL;
	folder = calloc(1, sizeof(*folder));
	if (!folder)
		return NULL;
	folder->watch = watch;
	folder->path = strdup(path);
	if (!folder->path) {
		free(folder);
		return NULL;
	}
	watch->folders[watch->n_folders++] = folder;
	return folder;
}

static int add_hook(const char *path, const char *name, void *userdata)
{
	struct watch *watch = userdata;
	struct folder *folder = find_folder(watch, path);
	struct hook hook = { .path = watch->n_paths - 1 };

	if (!folder)
		folder = add_folder(watch, path);
	if (!folder)
		return -ENOMEM;
	folder->needed = true;
	hook.name = name ? strdup(name) : NULL;
	if ((name && !hook.name) || array_reserve((void **)&folder->hooks, &folder->hooks_capacity,
						  folder->n_hooks + 1, sizeof(hook)) < 0) {
		free(hook.name);
		return -ENOMEM;
	}
	folder->hooks[folder->n_hooks++] = hook;
	return 0;
}

static int add_path(struct watch *watch, const struct gate_watch *what)
{
	struct path path = { .pattern = what->pattern };
	int r;

	if (array_reserve((void **)&watch->paths, &watch->paths_capacity, watch->n_paths + 1,
			  sizeof(path)) < 0)
		return -ENOMEM;
	path.path = strdup(what->path);
	if (!path.path)
		return -ENOMEM;
	watch->paths[watch->n_paths++] = path;
	r = watch_walk(path.path, path.pattern, add_hook, watch);
	return r == -ELOOP || r == -ENAMETOOLONG ? 0 : r; /* then there is no such file */
}

static void open_folders(struct watch *watch)
{
	size_t n = 0;

	for (size_t i = 0; i < watch->n_folders; i++) {
		struct folder *folder = watch->folders[i];

		if (!folder->needed) {
			folder_free(folder);
			continue;
		}
		watch->folders[n++] = folder;
		if (!is_current(folder))
			open_folder(watch, folder);
	}
	watch->n_folders = n;
}

void watch_set(struct watch *watch, const struct gate *gate)
{
	struct gate_watch what;
	bool was_blind = watch->blind;
	int r = 0;

	for (size_t i = 0; i < watch->n_folders; i++) {
		drop_hooks(watch->folders[i]);
		watch->folders[i]->needed = false;
	}
	drop_paths(watch);
	watch->blind = false;
	watch->changed_all |= watch->first_usec != 0; /* a call is due, but for which? */
	for (size_t i = 0; r >= 0 && gate_watched(gate, i, &what); i++)
		r = add_path(watch, &what);
	if (r < 0)
		become_blind(watch, "all list files", r);
	open_folders(watch);
	if (was_blind && !watch->blind) {
		log_notice("list files are watched for changes again");
		watch->said_blind = false;
	}
	look_in_a_minute(watch, watch->blind || gate_feeds_refused(gate));
}

/* --- life -------------------------------------------------------------------------------- */

static int add_timer(struct watch *watch, sd_event_source **ret, sd_event_time_handler_t handler)
{
	int r = sd_event_add_time(watch->event, ret, CLOCK_MONOTONIC, 0, ACCURACY_USEC, handler,
				  watch);

	return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int watch_new(sd_event *event, watch_handler *handler, void *userdata, struct watch **ret)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return log_error_errno(ENOMEM, "cannot watch list files: %m");
	watch->event = sd_event_ref(event);
	watch->handler = handler;
	watch->userdata = userdata;
	r = add_timer(watch, &watch->timer, on_timer);
	if (r >= 0)
		r = add_timer(watch, &watch->minute, on_minute);
	if (r < 0) {
		watch_free(watch);
		return log_error_errno(r, "cannot watch list files: %m");
	}
	*ret = watch;
	return 0;
}

struct watch *watch_free(struct watch *watch)
{
	if (!watch)
		return NULL;
	for (size_t i = 0; i < watch->n_folders; i++)
		folder_free(watch->folders[i]);
	free(watch->folders);
	drop_paths(watch);
	free(watch->paths);
	sd_event_source_disable_unref(watch->timer);
	sd_event_source_disable_unref(watch->minute);
	sd_event_unref(watch->event);
	free(watch);
	return NULL;
}
