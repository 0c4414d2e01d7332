// SPDX-License-Identifier: GPL-2.0-only
/* scratch.c: see scratch.h. */
#include "scratch.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "kernel.h"
#include "sandbox.h"
#include "util.h"

#define BPFFS "/sys/fs/bpf"

char scratch_path[64];

int scratch_setup(void **state)
{
	snprintf(scratch_path, sizeof(scratch_path), BPFFS "/xgt-%d-datapath", getpid());
	if (!can_load_programs())
		return -1;
	if (unshare(CLONE_NEWNET) < 0) {
		perror("unshare");
		return -1;
	}
	if (system("test \"$(stat -f -c %T " BPFFS ")\" = bpf_fs || mount -t bpf bpf " BPFFS) != 0)
		return -1;
	kernel_listen(NULL);
	return 0;
}

int scratch_clear(void **state)
{
	struct pins pins = { .lock_fd = -1 };
	char beside[80];

	/* What a test that failed may have left beside it. */
	snprintf(beside, sizeof(beside), "%s-link", scratch_path);
	unlink(beside);
	snprintf(beside, sizeof(beside), "%s-outside", scratch_path);
	rmdir(beside);
	chmod(scratch_path, 0700);
	snprintf(pins.path, sizeof(pins.path), "%s", scratch_path);
	return pins_remove_all(&pins) < 0 ? -1 : 0;
}

int scratch_teardown(void **state)
{
	return scratch_clear(state);
}

void scratch_open(struct pins *pins)
{
	struct diags diags = {};

	assert_int_equal(pins_open(pins, scratch_path, true, &diags), 0);
	expect_silence(&diags);
}

void scratch_run(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	assert_in_range(vsnprintf(command, sizeof(command), format, args), 1, sizeof(command) - 1);
	va_end(args);
	if (system(command) != 0)
		fail_msg("this command failed: %s", command);
}

void expect_error(struct diags *diags, const char *part)
{
	bool found = false;

	for (size_t i = 0; i < diags->n; i++)
		found |= diags->items[i].severity == SEVERITY_ERROR &&
			 strstr(diags->items[i].message, part);
	if (!found) {
		diags_print(diags, stderr, false);
		fail_msg("no error says '%s'", part);
	}
	diags_free(diags);
}

void expect_silence(struct diags *diags)
{
	if (diags->n) {
		diags_print(diags, stderr, false);
		fail_msg("this was not to be said");
	}
	diags_free(diags);
}
