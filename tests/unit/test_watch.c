/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_watch.c: which places a path depends on; and that files are looked at each minute (here: each
 * 200 ms) while the kernel cannot tell, and no longer.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "log.h"
#include "util.h"
#include "watch.h"
#include "watch_paths.h"

static char folder[] = "/tmp/xdpgate-watch-XXXXXX";

static int make_folder(void **state)
{
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

static void write_file(const char *path)
{
	_cleanup_fclose_ FILE *stream = fopen(path, "we");

	assert_non_null(stream);
}

/* --- places ------------------------------------------------------------------------------ */

static int add_place(const char *place, const char *name, void *userdata)
{
	char *text = userdata;

	/* Those that lead to our folder are no news. */
	if (!strncmp(place, folder, strlen(folder)))
		sprintf(text + strlen(text), "%s%s:%s", *text ? " " : "", place + strlen(folder),
			name ? name : "*");
	return 0;
}

static void walks(const char *path, bool pattern, const char *expected)
{
	char whole[256], text[4096] = "";

	snprintf(whole, sizeof(whole), "%s/%s", folder, path);
	assert_int_equal(watch_walk(whole, pattern, add_place, text), 0);
	assert_string_equal(text, expected);
}

static void places(void **state)
{
	char whole[256], text[65536] = "";

	assert_int_equal(mkdir("feeds", 0755), 0);
	assert_int_equal(mkdir("v1", 0755), 0);
	write_file("feeds/a.txt");
	write_file("v1/b.txt");
	assert_int_equal(symlink("v1", "now"), 0);
	assert_int_equal(symlink("../now/b.txt", "feeds/b.txt"), 0);
	assert_int_equal(symlink("../gone/c.txt", "feeds/c.txt"), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	snprintf(whole, sizeof(whole), "%s/feeds/a.txt", folder);
	assert_int_equal(symlink(whole, "feeds/d.txt"), 0);

	walks("feeds/a.txt", false, ":feeds /feeds:a.txt");
	walks(".//feeds/../feeds//a.txt", false, ":feeds :feeds /feeds:a.txt");
	walks("feeds/missing.txt", false, ":feeds /feeds:missing.txt");
	walks("missing/a.txt", false, ":missing");
	walks("feeds/*.txt", true, ":feeds /feeds:*");
	walks("now/*", true, ":now :v1 /v1:*");
	walks("missing/*.txt", true, ":missing");
	walks("feeds/b.txt", false, ":feeds /feeds:b.txt :now :v1 /v1:b.txt");
	walks("feeds/c.txt", false, ":feeds /feeds:c.txt :gone");
	walks("feeds/d.txt", false, ":feeds /feeds:d.txt :feeds /feeds:a.txt");
	snprintf(whole, sizeof(whole), "%s/loop", folder);
	assert_int_equal(watch_walk(whole, false, add_place, text), -ELOOP);
	memset(text, 'x', 5000);
	text[0] = '/';
	text[5000] = '\0';
	assert_int_equal(watch_walk(text, false, add_place, whole), -ENAMETOOLONG);
	text[1000] = '\0'; /* of one part */
	assert_int_equal(watch_walk(text, false, add_place, whole), -ENAMETOOLONG);
}

/* --- looking ----------------------------------------------------------------------------- */

struct scene {
	sd_event *event;
	struct watch *watch;
	int n_calls, n_all;
	bool well;
};

static bool refused;

/* The gate of this test watches one file. */
bool gate_watched(const struct gate *gate, size_t i, struct gate_watch *ret)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/list", folder);
	*ret = (struct gate_watch){ path, false };
	return i == 0;
}

bool gate_feeds_refused(const struct gate *gate)
{
	return refused;
}

static bool on_change(const char *const *paths, size_t n, void *userdata)
{
	struct scene *scene = userdata;

	scene->n_calls++;
	scene->n_all += !paths;
	watch_set(scene->watch, NULL);
	return scene->well;
}

static void run_for(struct scene *scene, uint64_t msec)
{
	uint64_t now, end;

	assert_true(sd_event_now(scene->event, CLOCK_MONOTONIC, &now) >= 0);
	end = now + msec * 1000;
	while (now < end) {
		assert_true(sd_event_run(scene->event, end - now) >= 0);
		assert_true(sd_event_now(scene->event, CLOCK_MONOTONIC, &now) >= 0);
	}
}

static void open_scene(struct scene *scene)
{
	*scene = (struct scene){ .well = true };
	refused = false;
	assert_true(sd_event_new(&scene->event) >= 0);
	assert_int_equal(watch_new(scene->event, on_change, scene, &scene->watch), 0);
}

static void close_scene(struct scene *scene)
{
	watch_free(scene->watch);
	sd_event_unref(scene->event);
}

static void calls(void **state)
{
	struct scene scene;

	write_file("list");
	open_scene(&scene);
	watch_set(scene.watch, NULL);
	run_for(&scene, 1500);
	assert_int_equal(scene.n_calls, 1); /* of what came before it was watched */
	write_file("list");
	write_file("other");
	run_for(&scene, 300);
	assert_int_equal(scene.n_calls, 1); /* it was not quiet for long enough */
	run_for(&scene, 1000);
	assert_int_equal(scene.n_calls, 2);
	assert_int_equal(scene.n_all, 0);
	write_file("other");
	run_for(&scene, 1000);
	assert_int_equal(scene.n_calls, 2);
	close_scene(&scene);
}

static void again_when_refused(void **state)
{
	struct scene scene;

	open_scene(&scene);
	refused = true;
	scene.well = false;
	watch_set(scene.watch, NULL);
	run_for(&scene, 1500);
	assert_in_range(scene.n_all, 3, 10);
	refused = false;
	scene.well = true;
	run_for(&scene, 500); /* one more look finds that all is well */
	scene.n_all = 0;
	run_for(&scene, 1000);
	assert_int_equal(scene.n_all, 0);
	close_scene(&scene);
}

/* There are no more descriptors: all is looked at each minute, until there are. */
static void blind(void **state)
{
	struct rlimit before, none;
	struct scene scene;
	int highest = dup(STDERR_FILENO);

	open_scene(&scene);
	close(highest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)highest; /* the next one is too much */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	watch_set(scene.watch, NULL);
	run_for(&scene, 1000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_in_range(scene.n_all, 2, 10);
	run_for(&scene, 1500);
	scene.n_calls = scene.n_all = 0;
	run_for(&scene, 1000);
	assert_int_equal(scene.n_all, 0);
	write_file("list");
	run_for(&scene, 1000);
	assert_int_equal(scene.n_calls, 1);
	close_scene(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(calls),
		cmocka_unit_test(again_when_refused),
		cmocka_unit_test(blind),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
