/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * files.h: files and folders in which something is kept: on the disk when a function says so, and
 * believed only if nobody else may have written them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Write all of it. 0 or negative errno. */
int write_all(int fd, const void *bytes, size_t n);

/* 0 also if the folder is there. One that was made is on the disk then, as far as its name goes;
 * mode 0700. */
int folder_make(const char *path);

/* Why is what is in the open file or folder not to be believed? NULL: it is ours, and no other user
 * may write it. */
const char *file_distrust(const struct stat *stat);

/* What to do about an error of a file, as the end of a sentence. Takes a negative errno. */
const char *file_remedy(int r);

/* Two digits a byte, in lower case, and a NUL. */
void hex_format(const uint8_t *bytes, size_t n, char *ret);
/* Just what hex_format() makes of n bytes. False: it is not that; ret is anything then. */
bool hex_parse(const char *text, size_t n, uint8_t *ret);
