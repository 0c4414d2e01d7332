/* SPDX-License-Identifier: GPL-2.0-only */
/* mishap.c: see mishap.h. */
#include "mishap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

bool mishap_strikes(struct mishaps *mishaps, bool may_halve)
{
	if (!mishaps || !mishaps->on || mishaps->calls_left < 0 || mishaps->calls_left-- > 0)
		return false;
	mishaps->happened = true;
	if (mishaps->mishap == MISHAP_DIES ||
	    (mishaps->mishap == MISHAP_DIES_HALFWAY && !may_halve))
		_exit(MISHAP_STATUS);
	if (mishaps->mishap == MISHAP_FAILS) {
		errno = mishaps->error;
		mishaps->calls_left = -1;
		return true;
	}
	return may_halve;
}

void mishap_prepare(struct mishaps *mishaps, enum mishap mishap, int error, int calls)
{
	*mishaps = (struct mishaps){
		.calls_left = calls, .mishap = mishap, .error = error, .on = true
	};
}

bool mishap_in_child(struct mishaps *mishaps, void (*live)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid)
		live();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), mishaps->happened ? MISHAP_STATUS : 0);
	return mishaps->happened;
}
