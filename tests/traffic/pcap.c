// SPDX-License-Identifier: GPL-2.0-only
/*
 * pcap.c: capture files, the classic format in this machine's byte order.
 */
#include <errno.h>
#include <string.h>

#include "util.h"
#include "wire.h"

struct pcap_file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snap_len, link_type;
};

struct pcap_record {
	uint32_t seconds, microseconds, captured, original;
};

static const struct pcap_file_header ours = {
	.magic = 0xa1b2c3d4,
	.major = 2,
	.minor = 4,
	.snap_len = 65535,
	.link_type = 1,
};

FILE *pcap_create(const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "we");

	if (!file || fwrite(&ours, sizeof(ours), 1, file) != 1) {
		fprintf(stderr, "xg-traffic: %s: %s\n", path, strerror(errno));
		return NULL;
	}
	return TAKE_PTR(file);
}

int pcap_write(FILE *file, uint64_t number, const uint8_t *frame, size_t len)
{
	struct pcap_record record = {
		.seconds = (uint32_t)(number / 1000000),
		.microseconds = (uint32_t)(number % 1000000),
		.captured = (uint32_t)len,
		.original = (uint32_t)len,
	};

	if (fwrite(&record, sizeof(record), 1, file) != 1 || fwrite(frame, len, 1, file) != 1) {
		fprintf(stderr, "xg-traffic: writing the capture file: %s\n", strerror(errno));
		return -1;
	}
	return 0;
}

FILE *pcap_open(const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	struct pcap_file_header header;

	if (!file) {
		fprintf(stderr, "xg-traffic: %s: %s\n", path, strerror(errno));
		return NULL;
	}
	if (fread(&header, sizeof(header), 1, file) != 1 || header.magic != ours.magic ||
	    header.link_type != ours.link_type) {
		fprintf(stderr, "xg-traffic: %s: not an Ethernet pcap file of this byte order\n",
			path);
		return NULL;
	}
	return TAKE_PTR(file);
}

int pcap_read(FILE *file, uint8_t *frame, size_t *ret_len)
{
	struct pcap_record record;
	size_t n = fread(&record, 1, sizeof(record), file);

	if (n == 0 && feof(file))
		return 0;
	if (n != sizeof(record) || record.captured < 14 || record.captured > MAX_FRAME ||
	    fread(frame, record.captured, 1, file) != 1) {
		fprintf(stderr,
			"xg-traffic: the capture file is cut short or has a frame of "
			"less than 14 or more than %d bytes\n",
			MAX_FRAME);
		return -1;
	}
	*ret_len = record.captured;
	return 1;
}
