// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_pins.c: the pin directory: its lock, who may own it, what it may be, and names in it.
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "pins.h"
#include "scratch.h"
#include "util.h"

static int some_map(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "scratch", 4, 8, 1, NULL);

	assert_true(fd >= 0);
	return fd;
}

static void refused(const char *path, bool create, int error, const char *part)
{
	struct diags diags = {};
	struct pins pins;

	assert_int_equal(pins_open(&pins, path, create, &diags), error);
	assert_int_equal(pins.lock_fd, -1);
	expect_error(&diags, part);
}

static void test_lock(void **state)
{
	struct diags diags = {};
	struct pins first, second;
	int status;
	pid_t child;

	scratch_open(&first);
	refused(scratch_path, true, -EBUSY, "in use by another xdpgated");
	child = fork(); /* another process, too; and its death frees nothing of ours */
	if (child == 0)
		_exit(pins_open(&second, scratch_path, false, &diags) == -EBUSY ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	refused(scratch_path, false, -EBUSY, "in use by another xdpgated");
	pins_close(&first);
	scratch_open(&second);
	pins_close(&second);
	pins_close(&second);

	/* One who dies with the lock gives it back. */
	child = fork();
	if (child == 0) {
		_exit(pins_open(&first, scratch_path, false, &diags) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	scratch_open(&first);
	pins_close(&first);
}

static void test_absent(void **state)
{
	refused(scratch_path, false, -ENOENT, "No such file or directory");
	assert_true(access(scratch_path, F_OK) < 0);
}

static void test_paths(void **state)
{
	char path[PATH_MAX + 2];
	struct diags diags = {};
	struct pins pins;

	refused("relative/path", true, -EINVAL, "not an absolute path");
	refused("", true, -EINVAL, "not an absolute path");
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	refused(path, true, -EINVAL, "not an absolute path");
	snprintf(path, sizeof(path), "%s.d", scratch_path);
	refused(path, true, -EPERM, "refuses names with dots");
	/* Slashes at the end are no part of the name. */
	snprintf(path, sizeof(path), "%s//", scratch_path);
	assert_int_equal(pins_open(&pins, path, true, &diags), 0);
	assert_string_equal(pins.path, scratch_path);
	pins_close(&pins);
}

static void test_owner_and_mode(void **state)
{
	struct diags diags = {};
	struct pins pins;

	scratch_open(&pins);
	pins_close(&pins);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(chmod(scratch_path, i ? 0702 : 0720), 0);
		refused(scratch_path, i, -EPERM, "can be written by others");
	}
	assert_int_equal(chmod(scratch_path, 0755), 0); /* others may look */
	assert_int_equal(pins_open(&pins, scratch_path, false, &diags), 0);
	pins_close(&pins);
	assert_int_equal(chown(scratch_path, 1234, 0), 0);
	refused(scratch_path, true, -EPERM, "owner 1234");
	assert_int_equal(chown(scratch_path, 0, 0), 0);
	scratch_open(&pins);
	pins_close(&pins);
}

static void test_not_bpffs(void **state)
{
	char folder[] = "/tmp/xgt-pins-XXXXXX", path[64];

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/pins", folder);
	refused(path, true, -EINVAL, "mount -t bpf bpf");
	assert_true(access(path, F_OK) < 0);
	refused(folder, false, -EINVAL, "not in a BPF file system");
	assert_int_equal(rmdir(folder), 0);
}

static void test_symlink(void **state)
{
	char link[80];
	struct pins pins;

	scratch_open(&pins);
	pins_close(&pins);
	snprintf(link, sizeof(link), "%s-link", scratch_path);
	assert_int_equal(symlink(scratch_path, link), 0);
	refused(link, false, -ENOTDIR, "Not a directory");
	refused(link, true, -ENOTDIR, "Not a directory");
	assert_int_equal(unlink(link), 0);
}

static void test_file_in_its_place(void **state)
{
	_cleanup_close_ int fd = some_map();

	assert_int_equal(bpf_obj_pin(fd, scratch_path), 0);
	refused(scratch_path, true, -ENOTDIR, "Not a directory");
}

static int count_entry(const char *name, void *context)
{
	(*(int *)context)++;
	return 0;
}

static int stop_at_once(const char *name, void *context)
{
	(*(int *)context)++;
	return -ECANCELED;
}

static void test_put_get_remove(void **state)
{
	_cleanup_close_ int fd = some_map();
	char path[PATH_MAX];
	struct pins pins;
	int n = 0, got;

	scratch_open(&pins);
	assert_int_equal(pins_get(&pins, "a/b/c"), -ENOENT);
	assert_int_equal(pins_remove(&pins, "a/b/c"), 0); /* nothing there is fine */
	assert_int_equal(pins_put(&pins, fd, "a/b/c"), 0);
	assert_int_equal(pins_put(&pins, fd, "a/b/c"), -EEXIST);
	assert_int_equal(pins_put(&pins, fd, "a/b/%s", "d.e"), -EPERM);
	for (int i = 0; i < 300; i++)
		assert_int_equal(pins_put(&pins, fd, "a/many/%d", i), 0);
	got = pins_get(&pins, "a/%s/c", "b");
	assert_true(got >= 0);
	close(got);
	assert_true(pins_exist(&pins, "a/b"));
	assert_false(pins_exist(&pins, "a/c"));
	assert_int_equal(pins_each(&pins, "a/many", count_entry, &n), 0);
	assert_int_equal(n, 300);
	assert_int_equal(pins_each(&pins, "a/many", stop_at_once, &n), -ECANCELED);
	assert_int_equal(n, 301);
	assert_int_equal(pins_each(&pins, "none", count_entry, &n), 0);
	assert_int_equal(pins_path(&pins, path, "%0*d", PATH_MAX, 1), -ENAMETOOLONG);
	assert_string_equal(path, "");
	assert_int_equal(pins_remove(&pins, "a/b/c"), 0);
	assert_false(pins_exist(&pins, "a/b/c"));
	assert_int_equal(pins_remove(&pins, "a"), 0); /* with all in it */
	assert_false(pins_exist(&pins, "a"));
	assert_int_equal(pins_put(&pins, fd, "ports/x/slot"), 0);
	assert_int_equal(pins_remove_all(&pins), 0);
	assert_true(access(scratch_path, F_OK) < 0);
	pins_close(&pins);
}

/* Removing follows no link out of the directory. */
static void test_remove_link(void **state)
{
	char link[PATH_MAX], outside[80];
	_cleanup_close_ int fd = some_map();
	struct pins pins;

	scratch_open(&pins);
	snprintf(outside, sizeof(outside), "%s-outside", scratch_path);
	assert_int_equal(mkdir(outside, 0700), 0);
	assert_int_equal(pins_put(&pins, fd, "ports/x/slot"), 0);
	assert_int_equal(pins_path(&pins, link, "ports/x/link"), 0);
	assert_int_equal(symlink(outside, link), 0);
	assert_int_equal(pins_remove(&pins, "ports"), 0);
	assert_int_equal(access(outside, F_OK), 0);
	assert_int_equal(rmdir(outside), 0);
	pins_close(&pins);
}

static void test_keys(void **state)
{
	static const char *const forms[] = { "n%llu-i7x", "n%llu-i07", "n%llu-i+7", "n%llu-i-7",
					     "n0%llu-i7", "n%llu-i0",  "n%llu-i",   "n%llu",
					     "n%llu-i7 ", "N%llu-i7",  " n%llu-i7" };
	char key[PORT_KEY_LEN];
	struct pins pins;

	scratch_open(&pins);
	pins_port_key(&pins, 7, key);
	assert_null(strchr(key, '.'));
	assert_int_equal(pins_port_ifindex(&pins, key), 7);
	pins_port_key(&pins, INT_MAX, key);
	assert_int_equal(pins_port_ifindex(&pins, key), INT_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(key, sizeof(key), forms[i], (unsigned long long)pins.netns_cookie);
#pragma GCC diagnostic pop
		assert_int_equal(pins_port_ifindex(&pins, key), 0);
	}
	assert_int_equal(pins_port_ifindex(&pins, ""), 0);
	assert_int_equal(pins_port_ifindex(&pins, "manifest"), 0);
	snprintf(key, sizeof(key), "n%llu-i7", (unsigned long long)pins.netns_cookie + 1);
	assert_int_equal(pins_port_ifindex(&pins, key), 0); /* another namespace's */
	pins_close(&pins);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_lock, scratch_clear),
		cmocka_unit_test_teardown(test_absent, scratch_clear),
		cmocka_unit_test_teardown(test_paths, scratch_clear),
		cmocka_unit_test_teardown(test_owner_and_mode, scratch_clear),
		cmocka_unit_test_teardown(test_not_bpffs, scratch_clear),
		cmocka_unit_test_teardown(test_symlink, scratch_clear),
		cmocka_unit_test_teardown(test_file_in_its_place, scratch_clear),
		cmocka_unit_test_teardown(test_put_get_remove, scratch_clear),
		cmocka_unit_test_teardown(test_remove_link, scratch_clear),
		cmocka_unit_test_teardown(test_keys, scratch_clear),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
