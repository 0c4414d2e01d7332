/* SPDX-License-Identifier: GPL-2.0-only */
/* capture.c: see capture.h. What is in a file is libpcap's business, and bounded by it. */
#include "capture.h"

#include <pcap/pcap.h>
#include <string.h>
#include <sys/stat.h>

#include "util.h"

struct capture {
	pcap_t *pcap;
	char *path;
	uint64_t n;  /* frames so far */
	double size; /* of the file; 0: unknown */
};

struct capture *capture_close(struct capture *capture)
{
	if (!capture)
		return NULL;
	if (capture->pcap)
		pcap_close(capture->pcap);
	free(capture->path);
	free(capture);
	return NULL;
}

/* Frames that are none of Ethernet: what they are called, and how to get those. */
static int refuse_link_type(const struct capture *capture, int type, struct diags *diags)
{
	const char *name = pcap_datalink_val_to_name(type);
	const char *remedy = "capture on an Ethernet device";
	char number[32];

	snprintf(number, sizeof(number), "link type %d", type);
	if (type == DLT_LINUX_SLL || type == DLT_LINUX_SLL2)
		remedy = "'tcpdump -i any' makes such files: capture on one device (tcpdump -i "
			 "DEVICE -w FILE), or convert this one: tcprewrite --dlt=enet "
			 "--enet-smac=02:00:00:00:00:01 --enet-dmac=02:00:00:00:00:02 --infile=OLD "
			 "--outfile=NEW";
	else if (type == DLT_RAW || type == DLT_IPV4 || type == DLT_IPV6 || type == DLT_NULL ||
		 type == DLT_LOOP)
		remedy = "tunnels and loopback devices make such files: capture on the Ethernet "
			 "device below, or convert this one: tcprewrite --dlt=enet "
			 "--enet-smac=02:00:00:00:00:01 --enet-dmac=02:00:00:00:00:02 --infile=OLD "
			 "--outfile=NEW";
	return diag_error(diags, &(struct diag_place){ .file = capture->path },
			  "its packets have no Ethernet header, which is where a policy begins to "
			  "read (%s%s%s); %s",
			  name ? name : number, name ? ": " : "",
			  name ? pcap_datalink_val_to_description(type) : "", remedy);
}

int capture_open(const char *path, struct capture **ret, struct diags *diags)
{
	_cleanup_(capture_closep) struct capture *capture = calloc(1, sizeof(*capture));
	const struct diag_place place = { .file = path };
	char why[PCAP_ERRBUF_SIZE] = "";
	struct stat state;
	int type;

	if (!capture)
		return -ENOMEM;
	capture->path = strdup(strcmp(path, "-") == 0 ? "standard input" : path);
	if (!capture->path)
		return -ENOMEM;
	if (strcmp(path, "-") != 0 && stat(path, &state) < 0)
		return diag_error(diags, &place, "cannot read the capture: %s", strerror(errno));
	if (strcmp(path, "-") != 0 && S_ISDIR(state.st_mode))
		return diag_error(diags, &place, "cannot read the capture: it is a folder");
	capture->pcap = pcap_open_offline(path, why);
	if (!capture->pcap) {
		const char *colon = strstr(why, path) == why ? why + strlen(path) : why;

		return diag_error(diags, &(struct diag_place){ .file = capture->path },
				  "not a capture file (pcap or pcapng) that can be read: %s",
				  colon + strspn(colon, ": "));
	}
	if (fstat(fileno(pcap_file(capture->pcap)), &state) == 0 && S_ISREG(state.st_mode))
		capture->size = (double)state.st_size;
	type = pcap_datalink(capture->pcap);
	if (type != DLT_EN10MB)
		return refuse_link_type(capture, type, diags);
	*ret = TAKE_PTR(capture);
	return 0;
}

int capture_next(struct capture *capture, struct captured *ret, struct diags *diags)
{
	struct pcap_pkthdr *header;
	const u_char *bytes;
	int r = pcap_next_ex(capture->pcap, &header, &bytes);

	if (r == PCAP_ERROR_BREAK)
		return 0;
	if (r != 1)
		return diag_error(diags, &(struct diag_place){ .file = capture->path },
				  "the file is damaged: packet %llu cannot be read: %s; the %llu "
				  "before it were judged",
				  (unsigned long long)capture->n + 1, pcap_geterr(capture->pcap),
				  (unsigned long long)capture->n);
	capture->n++;
	*ret = (struct captured){
		.frame = bytes,
		.len = header->caplen,
		.original = header->len,
		.time = header->ts,
	};
	return 1;
}

double capture_progress(const struct capture *capture)
{
	long at = capture->size > 0 ? ftell(pcap_file(capture->pcap)) : -1;

	return at < 0 ? -1 : (double)at / capture->size;
}
