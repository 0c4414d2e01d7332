/* SPDX-License-Identifier: GPL-2.0-only */
/* doctor_queues.c: queues, how packets spread over them and over CPUs, and what gets lost. */
#include <dirent.h>
#include <string.h>
#include <time.h>

#include "doctor.h"
#include "doctor_device.h"
#include "util.h"

#define WATCH_MSEC 1000 /* how long counters of losses are watched */

/* --- queues -------------------------------------------------------------------------------- */

static void look_at_veth(struct doctor *doctor, const struct subject *subject)
{
	uint32_t rx = subject->facts.rx_queues, tx = subject->peer.tx_queues;

	if (!subject->has_peer || !rx || !tx) {
		doctor_say(doctor, LEVEL_UNKNOWN, "its peer's queues cannot be looked at");
		return;
	}
	if (rx >= tx) {
		doctor_say(doctor, LEVEL_OK,
			   "%u receive queue%s, for %u transmit queue%s of its peer", rx,
			   rx == 1 ? "" : "s", tx, tx == 1 ? "" : "s");
		return;
	}
	doctor_say(doctor, subject->ours ? LEVEL_WARNING : doctor_worst(subject),
		   "it has %u receive queue%s, and its peer %s has %u transmit queues", rx,
		   rx == 1 ? "" : "s", subject->peer.name, tx);
	doctor_kernel(doctor, "veth: XDP expects number of rx queues not less than peer tx queues");
	if (subject->facts.max_rx >= tx)
		doctor_remedy(doctor, "ethtool -L %s rx %u", subject->word, tx);
	else
		doctor_remedy(doctor, "%sethtool -L %s tx %u", subject->peer_shell,
			      subject->peer_word, rx);
}

static void look_at_channels(struct doctor *doctor, const struct subject *subject)
{
	const struct device_facts *facts = &subject->facts;
	uint32_t most = facts->max_combined < doctor->cpus ? facts->max_combined : doctor->cpus;

	if (facts->combined < most) {
		doctor_say(doctor, LEVEL_WARNING,
			   "%u channel%s for %u CPUs: the others do not help to filter",
			   facts->combined, facts->combined == 1 ? "" : "s", doctor->cpus);
		doctor_remedy(doctor, "ethtool -L %s combined %u", subject->word, most);
	} else if (strcmp(facts->driver, "virtio_net") == 0 && doctor->policy &&
		   doctor->policy->n_redirects &&
		   facts->max_combined < facts->combined + doctor->cpus) {
		doctor_say(doctor, LEVEL_WARNING,
			   "%u queue pairs at most, fewer than the %u in use and one for each CPU: "
			   "redirected frames share transmit queues under a lock (give the device "
			   "more queues on the host)",
			   facts->max_combined, facts->combined);
		doctor_kernel(doctor,
			      "XDP request %u queues but max is %u. XDP_TX and XDP_REDIRECT will "
			      "operate in a slower locked tx mode.",
			      facts->combined + doctor->cpus, facts->max_combined);
	}
}

void check_queues(struct doctor *doctor, const struct subject *subject)
{
	const struct device_facts *facts = &subject->facts;

	if (strcmp(facts->kind, "veth") == 0 && subject->mode == ATTACH_NATIVE)
		look_at_veth(doctor, subject);
	else if (facts->max_combined)
		look_at_channels(doctor, subject);
	if (!doctor_said(doctor))
		doctor_say(doctor, facts->rx_queues ? LEVEL_OK : LEVEL_UNKNOWN,
			   facts->rx_queues ? "receive queues: %u, CPUs: %u"
					    : "the driver does not tell of its queues",
			   facts->rx_queues, doctor->cpus);
}

/* --- RSS and interrupts -------------------------------------------------------------------- */

/* Interrupts of the device that /proc/interrupts has, and whether all go to one CPU. */
struct interrupts {
	unsigned int n;
	long long cpu; /* of the first */
	bool spread;
};

/* A device with no interrupts of its own (none of PCI's message kind) has no such folder. */
static void read_interrupts(const char *bus, struct interrupts *ret)
{
	_cleanup_(close_dir) DIR *folder = NULL;
	const struct dirent *entry;
	char path[512];

	*ret = (struct interrupts){};
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/msi_irqs", bus);
	folder = strchr(bus, '/') || !bus[0] ? NULL : opendir(path);
	while (folder && (entry = readdir(folder))) {
		long long cpu;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/irq/%s/effective_affinity_list", entry->d_name);
		cpu = kernel_facts_number(path);
		if (access(path, F_OK) < 0)
			continue;
		/* -1: a list of several CPUs */
		ret->spread |= cpu < 0 || (ret->n && cpu != ret->cpu);
		ret->cpu = ret->n ? ret->cpu : cpu;
		ret->n++;
	}
}

void check_spread(struct doctor *doctor, const struct subject *subject)
{
	const struct device_facts *facts = &subject->facts;
	struct interrupts interrupts;

	read_interrupts(facts->bus, &interrupts);
	if (facts->rss_spread && facts->rx_queues > 1 && facts->rss_spread < facts->rx_queues) {
		doctor_say(doctor, LEVEL_WARNING,
			   "RSS spreads packets over %u of %u receive queues", facts->rss_spread,
			   facts->rx_queues);
		doctor_remedy(doctor, "ethtool -X %s equal %u", subject->word, facts->rx_queues);
	}
	if (interrupts.n > 1 && doctor->cpus > 1 && !interrupts.spread) {
		char bus[sizeof(facts->bus) * 4 + 3];

		doctor_word(facts->bus, bus, sizeof(bus));
		doctor_say(doctor, LEVEL_WARNING,
			   "all %u interrupts go to CPU %lld of %u: it alone filters", interrupts.n,
			   interrupts.cpu, doctor->cpus);
		doctor_remedy(doctor,
			      "i=0; for q in $(ls /sys/bus/pci/devices/%s/msi_irqs); do echo $((i "
			      "%% %u)) >/proc/irq/$q/smp_affinity_list; i=$((i + 1)); done",
			      bus, doctor->cpus);
	}
	if (doctor_said(doctor))
		return;
	if (interrupts.n)
		doctor_say(doctor, LEVEL_OK,
			   "%u interrupts, not all on one CPU of %u; %u receive queues",
			   interrupts.n, doctor->cpus, facts->rx_queues);
	else
		doctor_say(doctor, LEVEL_OK, "it has no interrupts of its own");
}

/* --- losses -------------------------------------------------------------------------------- */

static long long msec_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - then->tv_sec) * 1000LL + (now.tv_nsec - then->tv_nsec) / 1000000;
}

static void wait_until_watched(const struct doctor *doctor)
{
	long long left = WATCH_MSEC - msec_since(&doctor->begun);
	struct timespec pause = { .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };

	if (left > 0)
		nanosleep(&pause, NULL);
}

/* What a larger ring would help against. */
static void enlarge_ring(struct doctor *doctor, const struct subject *subject)
{
	const struct device_facts *facts = &subject->facts;

	if (facts->ring && facts->ring < facts->max_ring)
		doctor_remedy(doctor, "ethtool -G %s rx %u", subject->word, facts->max_ring);
}

static void compare(struct doctor *doctor, const struct subject *subject, const char *name,
		    const char *meaning, uint64_t before, uint64_t now)
{
	if (now <= before)
		return;
	doctor_say(doctor, LEVEL_WARNING, "%s rises: by %llu in %.1f s, to %llu: %s", name,
		   (unsigned long long)(now - before), (double)msec_since(&doctor->begun) / 1000,
		   (unsigned long long)now, meaning);
	enlarge_ring(doctor, subject);
}

static void compare_counters(struct doctor *doctor, const struct subject *subject)
{
	_cleanup_free_ struct device_counter *now = NULL;
	int n = device_counters_read(subject->facts.ifindex, &now);

	for (int i = 0; i < n && i < subject->n_counters; i++)
		if (strcmp(now[i].name, subject->counters[i].name) == 0)
			compare(doctor, subject, now[i].name, "see `ethtool -S`",
				subject->counters[i].value, now[i].value);
}

void check_drops(struct doctor *doctor, const struct subject *subject)
{
	const struct device_drops *before = &subject->facts.drops;
	struct device_facts now;

	wait_until_watched(doctor);
	if (device_facts_read(subject->facts.ifindex, &now) < 0) {
		doctor_say(doctor, LEVEL_UNKNOWN, "the device has gone");
		return;
	}
	compare(doctor, subject, "rx_errors",
		"frames that are damaged, or that the device could not take", before->errors,
		now.drops.errors);
	/* Some drivers count here what XDP has dropped, as it should. */
	if (!subject->programs.n)
		compare(doctor, subject, "rx_dropped", "what the system has no room for, or no use",
			before->dropped, now.drops.dropped);
	compare(doctor, subject, "rx_over_errors", "the device has no room for more", before->over,
		now.drops.over);
	compare(doctor, subject, "rx_fifo_errors", "the device has no room for more", before->fifo,
		now.drops.fifo);
	compare(doctor, subject, "rx_missed_errors",
		"the device has no room for more: the CPUs do not keep up", before->missed,
		now.drops.missed);
	compare_counters(doctor, subject);
	if (!doctor_said(doctor))
		doctor_say(doctor, LEVEL_OK, "no counter of losses rose within %.1f s",
			   (double)msec_since(&doctor->begun) / 1000);
}
