/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * boot.c: has the machine booted since? The kernel has an id for each boot; that in which
 * history_booted() was said last is in a file. Should either be unknown, it has: then what was
 * confirmed last comes in force, which is what is safe.
 */
#include <fcntl.h>
#include <string.h>

#include "history_internal.h"
#include "util.h"

#define BOOT "boot"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

void boot_read(struct history *history)
{
	_cleanup_close_ int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *said = NULL;
	const char *why;
	size_t len;
	ssize_t n = fd < 0 ? -1 : read(fd, history->boot_id, sizeof(history->boot_id) - 1);

	history->boot_id[n < 0 ? 0 : n] = '\0';
	history->booted = n > 0 &&
			  stored_read(history->folder, BOOT, sizeof(history->boot_id), &said, &len,
				      &why) == 0 &&
			  !strcmp(said, history->boot_id);
}

bool history_is_first_since_boot(const struct history *history)
{
	return !history->booted;
}

int history_booted(struct history *history, struct diags *diags)
{
	int r;

	if (history->booted)
		return 0;
	r = stored_replace(history->folder, BOOT, history->boot_id, strlen(history->boot_id));
	if (r < 0)
		return history_error(history, BOOT, r, "note that the machine has booted", diags);
	history->booted = true;
	return 0;
}
