/* SPDX-License-Identifier: GPL-2.0-only */
/* doctor_device.c: what `xdpgate doctor` says of a device's driver, place and offloads. */
#include <net/if_arp.h>
#include <string.h>

#include "doctor.h"
#include "doctor_device.h"
#include "offload.h"
#include "util.h"

#define NO_NATIVE "Underlying driver does not support XDP in native mode"

/*
 * Drivers by their name in ethtool, else by the kind of the link. Linux 6.3 and later say
 * themselves what they can; what this table tells of that is for earlier ones.
 */
static const struct driver drivers[] = {
	{ "veth", NATIVE, true, false },
	{ "virtio_net", NATIVE, false, false },
	{ "bonding", NATIVE, false, false },
	{ "ixgbe", NATIVE, false, true },
	{ "ixgbevf", NATIVE, false, true },
	{ "igb", NATIVE, false, true },
	{ "igc", NATIVE, false, true },
	{ "i40e", NATIVE, false, true },
	{ "ice", NATIVE, false, true },
	{ "mlx4_en", NATIVE, false, true },
	{ "mlx5_core", NATIVE, true, true },
	{ "bnxt_en", NATIVE, true, true },
	{ "nfp", NATIVE, false, true },
	{ "qede", NATIVE, false, true },
	{ "sfc", NATIVE, false, true },
	{ "ena", NATIVE, false, true },
	{ "mvneta", NATIVE, true, true },
	{ "mvpp2", NATIVE, false, true },
	{ "st_gmac", NATIVE, false, true },
	{ "fsl_dpaa2_eth", NATIVE, false, true },
	{ "fsl_enetc", NATIVE, true, true },
	{ "hv_netvsc", NATIVE, false, true },
	{ "vif", NATIVE, false, true },
	{ "tun", NATIVE, false, false }, /* those for Ethernet: tap */
	{ "bridge", NOT_NATIVE, false, false },
	{ "macvlan", NOT_NATIVE, false, false },
	{ "macvtap", NOT_NATIVE, false, false },
	{ "ipvlan", NOT_NATIVE, false, false },
	{ "802.1Q VLAN Support", NOT_NATIVE, false, false },
	{ "vlan", NOT_NATIVE, false, false },
	{ "dummy", NOT_NATIVE, false, false },
	{ "ifb", NOT_NATIVE, false, false },
	{ "team", NOT_NATIVE, false, false },
	{ "vxlan", NOT_NATIVE, false, false },
	{ "geneve", NOT_NATIVE, false, false },
	{ "wireguard", NOT_NATIVE, false, false },
	{ "gre", NOT_NATIVE, false, false },
	{ "ipip", NOT_NATIVE, false, false },
	{ "sit", NOT_NATIVE, false, false },
	{ "openvswitch", NOT_NATIVE, false, false },
	{ "e1000", NOT_NATIVE, false, false },
	{ "e1000e", NOT_NATIVE, false, false },
	{ "vmxnet3", NOT_NATIVE, false, false }, /* 6.6 can, and says so */
	{ "r8169", NOT_NATIVE, false, false },
	{ "tg3", NOT_NATIVE, false, false },
	{ "bnx2", NOT_NATIVE, false, false },
	{ "bnx2x", NOT_NATIVE, false, false },
};

const struct driver *doctor_driver(const struct device_facts *facts)
{
	const char *names[] = { facts->driver, facts->kind };

	for (size_t n = 0; n < ARRAY_SIZE(names); n++)
		for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
			if (strcmp(drivers[i].name, names[n]) == 0)
				return &drivers[i];
	return NULL;
}

enum native doctor_native(const struct device_facts *facts)
{
	const struct driver *driver = doctor_driver(facts);

	if (facts->features >= 0)
		return facts->features & XDP_FEATURE_BASIC ? NATIVE : NOT_NATIVE;
	if (facts->loopback)
		return NOT_NATIVE;
	if (strcmp(facts->driver, "tun") == 0 && facts->type != ARPHRD_ETHER)
		return NOT_NATIVE;
	return driver ? driver->native : NATIVE_UNKNOWN;
}

bool doctor_frags(const struct device_facts *facts)
{
	const struct driver *driver = doctor_driver(facts);

	if (facts->features >= 0)
		return facts->features & XDP_FEATURE_RX_SG;
	return driver && driver->frags;
}

enum level doctor_worst(const struct subject *subject)
{
	return subject->in_policy || subject->asked ? LEVEL_PROBLEM : LEVEL_WARNING;
}

void doctor_edit(struct doctor *doctor, const struct subject *subject, const char *what)
{
	char word[1024];

	if (!subject->interface)
		return;
	doctor_word(subject->interface->place.file ? subject->interface->place.file
						   : doctor->config,
		    word, sizeof(word));
	doctor_remedy(doctor, "${EDITOR:-vi} +%u %s  # %s", subject->interface->place.line, word,
		      what);
}

/* --- driver -------------------------------------------------------------------------------- */

void check_driver(struct doctor *doctor, const struct subject *subject)
{
	const struct device_facts *facts = &subject->facts;
	const char *name = facts->driver[0]  ? facts->driver
			   : facts->kind[0]  ? facts->kind
			   : facts->loopback ? "the loopback device"
					     : "its driver";

	if (subject->mode == ATTACH_GENERIC) {
		doctor_say(doctor, LEVEL_OK,
			   "the policy wants generic mode, which every driver can (%s)", name);
		return;
	}
	/* Of a bond, check_stack() knows the reasons. */
	if (facts->bond_mode >= 0)
		return;
	switch (doctor_native(facts)) {
	case NATIVE:
		doctor_say(doctor, LEVEL_OK, "%s has native XDP%s", name,
			   doctor_frags(facts) ? ", with frags" : "");
		return;
	case NATIVE_UNKNOWN:
		doctor_say(
			doctor, LEVEL_UNKNOWN,
			"whether %s has native XDP is not known; `xdpgate doctor --try %s` tells",
			name, subject->word);
		return;
	case NOT_NATIVE:
		doctor_say(doctor, doctor_worst(subject),
			   "%s has no native XDP: say `mode: generic` for this interface, which "
			   "costs more for each packet",
			   name);
		doctor_kernel(doctor, NO_NATIVE);
		doctor_edit(doctor, subject, "mode: generic");
	}
}

/* --- bond, bridge, VLAN -------------------------------------------------------------------- */

/* Round robin, active backup, XOR, 802.3ad. */
static bool bond_mode_has_xdp(int mode)
{
	return mode == 0 || mode == 1 || mode == 2 || mode == 4;
}

static void look_at_bond(struct doctor *doctor, const struct subject *subject)
{
	const struct device_facts *facts = &subject->facts;

	if (!bond_mode_has_xdp(facts->bond_mode)) {
		doctor_say(
			doctor, doctor_worst(subject),
			"a bond of this mode (%d) has no native XDP; those of balance-rr, "
			"active-backup, balance-xor and 802.3ad do. The mode can only be changed "
			"while the bond has no members",
			facts->bond_mode);
		doctor_kernel(doctor, "No native XDP support for the current bonding mode");
		doctor_remedy(doctor,
			      "ip link set dev %s down; ip link set dev %s type bond mode "
			      "active-backup; ip link set dev %s up",
			      subject->word, subject->word, subject->word);
	}
	for (size_t i = 0; i < doctor->n_all; i++) {
		const struct device_facts *member = &doctor->all[i];
		char word[IFNAMSIZ * 4 + 3];

		if (member->master != facts->ifindex || doctor_native(member) != NOT_NATIVE)
			continue;
		doctor_word(member->name, word, sizeof(word));
		doctor_say(doctor, doctor_worst(subject),
			   "its member %s has no native XDP, so the bond has none", member->name);
		doctor_kernel(doctor, "Slave device does not support XDP.");
		doctor_remedy(doctor, "ip link set dev %s nomaster", word);
	}
}

static void look_at_master(struct doctor *doctor, const struct subject *subject)
{
	const struct device_facts *master = doctor_device(doctor, subject->facts.master);
	char what[IFNAMSIZ + 32];

	if (!master)
		return;
	snprintf(what, sizeof(what), "port: %s", master->name);
	if (master->bond_mode >= 0 && master->has_program) {
		doctor_say(doctor, doctor_worst(subject),
			   "it is a member of the bond %s, which has an XDP program: the policy's "
			   "port is the bond",
			   master->name);
		doctor_kernel(doctor, "Cannot attach when an upper device already has a program.");
		doctor_edit(doctor, subject, what);
	} else if (master->bond_mode >= 0) {
		doctor_say(
			doctor, LEVEL_WARNING,
			"it is a member of the bond %s: attached here, only frames of this member "
			"are judged, and the bond can have no program of its own; the policy's "
			"port is better the bond",
			master->name);
		doctor_edit(doctor, subject, what);
	} else {
		doctor_say(doctor, LEVEL_OK, "it is a port of %s (%s), and XDP comes ahead of that",
			   master->name, master->kind[0] ? master->kind : "its master");
	}
}

static void look_at_uppers(struct doctor *doctor, const struct subject *subject)
{
	for (size_t i = 0; i < doctor->n_all; i++) {
		const struct device_facts *upper = &doctor->all[i];

		if (upper->lower != subject->facts.ifindex || upper->lower_nsid >= 0 ||
		    strcmp(upper->kind, "veth") == 0)
			continue;
		doctor_say(doctor, upper->has_program ? LEVEL_WARNING : LEVEL_OK,
			   "%s (%s) is stacked on it%s", upper->name,
			   upper->kind[0] ? upper->kind : "a device",
			   upper->has_program ? ", with an XDP program of its own, which sees only "
						"what passes here"
					      : ": its frames are judged here, too");
	}
}

void check_stack(struct doctor *doctor, const struct subject *subject)
{
	const struct device_facts *facts = &subject->facts;
	const struct device_facts *lower = facts->vlan >= 0 && facts->lower_nsid < 0
						   ? doctor_device(doctor, facts->lower)
						   : NULL;
	char what[IFNAMSIZ + 64];

	if (facts->bond_mode >= 0 && subject->mode == ATTACH_NATIVE)
		look_at_bond(doctor, subject);
	if (lower && subject->mode == ATTACH_NATIVE) {
		snprintf(what, sizeof(what), "port: %s, vlan: %d", lower->name, facts->vlan);
		doctor_say(
			doctor, doctor_worst(subject),
			"it is VLAN %d of %s, where native XDP can judge it: say `port: %s, vlan: "
			"%d`",
			facts->vlan, lower->name, lower->name, facts->vlan);
		doctor_edit(doctor, subject, what);
	}
	look_at_master(doctor, subject);
	look_at_uppers(doctor, subject);
	if (!doctor_said(doctor))
		doctor_say(doctor, LEVEL_OK, "%s",
			   facts->bond_mode >= 0 ? "a bond whose mode and members have native XDP"
						 : "nothing above or below stands in the way");
}

/* --- MTU ----------------------------------------------------------------------------------- */

/* What fits one page beside headroom, struct skb_shared_info, Ethernet header and two tags. */
static unsigned int page_mtu(void)
{
	return (unsigned int)sysconf(_SC_PAGESIZE) - 256 - 320 - 14 - 8;
}

bool doctor_mtu_needs_frags(const struct subject *subject)
{
	return subject->facts.mtu > page_mtu() ||
	       (subject->has_peer && subject->peer.mtu > page_mtu());
}

static void lower_mtu(struct doctor *doctor, const struct subject *subject)
{
	bool here = subject->facts.mtu > page_mtu();
	bool there = subject->has_peer && subject->peer.mtu > page_mtu();

	if (here && there)
		doctor_remedy(doctor, "ip link set dev %s mtu %u && %sip link set dev %s mtu %u",
			      subject->word, page_mtu(), subject->peer_shell, subject->peer_word,
			      page_mtu());
	else if (there)
		doctor_remedy(doctor, "%sip link set dev %s mtu %u", subject->peer_shell,
			      subject->peer_word, page_mtu());
	else
		doctor_remedy(doctor, "ip link set dev %s mtu %u", subject->word, page_mtu());
}

static const char *mtu_words(const struct device_facts *facts)
{
	if (strcmp(facts->kind, "veth") == 0)
		return "veth: Peer MTU is too large to set XDP";
	if (strcmp(facts->driver, "virtio_net") == 0)
		return "virtio_net: MTU too large to enable XDP";
	return NULL;
}

void check_mtu(struct doctor *doctor, const struct subject *subject)
{
	const struct device_facts *facts = &subject->facts;
	const char *words = mtu_words(facts);

	if (subject->mode == ATTACH_GENERIC || doctor_native(facts) == NOT_NATIVE) {
		doctor_say(doctor, LEVEL_OK, "MTU %u", facts->mtu);
		return;
	}
	if (!doctor_mtu_needs_frags(subject)) {
		doctor_say(doctor, LEVEL_OK, "MTU %u: every frame fits one page", facts->mtu);
		return;
	}
	if (doctor_frags(facts))
		doctor_say(doctor, LEVEL_WARNING,
			   "MTU %u%s is more than fits one page (%u): it takes programs that know "
			   "frags. xdpgate's do; others beside it that do not will be refused, or "
			   "keep xdpgate's from attaching",
			   subject->has_peer && subject->peer.mtu > facts->mtu ? subject->peer.mtu
									       : facts->mtu,
			   subject->has_peer && subject->peer.mtu > facts->mtu ? " of its peer"
									       : "",
			   page_mtu());
	else
		doctor_say(doctor, subject->ours ? LEVEL_WARNING : doctor_worst(subject),
			   "MTU %u is more than fits one page (%u), and this driver's native XDP "
			   "takes no frags%s",
			   facts->mtu, page_mtu(),
			   subject->ours ? ": detaching will fail until it is lower" : "");
	if (words)
		doctor_kernel(doctor, "%s", words);
	lower_mtu(doctor, subject);
}

/* --- offloads ------------------------------------------------------------------------------ */

void check_offloads(struct doctor *doctor, const struct subject *subject)
{
	const struct device_facts *facts = &subject->facts;
	bool virtio = strcmp(facts->driver, "virtio_net") == 0;

	if (subject->mode == ATTACH_GENERIC || doctor_native(facts) == NOT_NATIVE) {
		doctor_say(doctor, LEVEL_OK, "none matters: generic mode, or none at all");
		return;
	}
	if (facts->lro > 0) {
		doctor_say(doctor, doctor_worst(subject),
			   "LRO is on: it joins packets to larger ones than XDP can take");
		doctor_remedy(doctor, "ethtool -K %s lro off", subject->word);
	}
	/* virtio turns it off by itself if the host lets it. */
	if (facts->gro_hw > 0 && virtio && facts->gro_hw_fixed) {
		doctor_say(
			doctor, doctor_worst(subject),
			"the host joins packets (GRO_HW), and the guest cannot turn that off: "
			"give the device guest_csum=off,guest_tso4=off,guest_tso6=off,"
			"guest_ecn=off,guest_ufo=off on the host (QEMU), or ctrl_guest_offloads=on");
		doctor_kernel(doctor, "virtio_net: Can't set XDP while host is implementing "
				      "GRO_HW/CSUM, disable GRO_HW/CSUM first");
	} else if (facts->gro_hw > 0 && !virtio) {
		doctor_say(
			doctor, doctor_worst(subject),
			"GRO_HW is on: the device joins packets to larger ones than XDP can take");
		doctor_remedy(doctor, "ethtool -K %s rx-gro-hw off", subject->word);
	}
	if (!doctor_said(doctor))
		doctor_say(doctor, LEVEL_OK, "no LRO or GRO_HW that stands in the way");
}

void check_tags(struct doctor *doctor, const struct subject *subject)
{
	char options[OFFLOAD_OPTIONS_LEN];

	if (!subject->needs_tags) {
		doctor_say(doctor, LEVEL_OK, "the policy looks at no VLAN tags here");
		return;
	}
	if (offload_strips_tags(subject->facts.ifindex, options) > 0) {
		doctor_say(doctor, doctor_worst(subject),
			   "the driver takes VLAN tags out of the frame before XDP sees them, and "
			   "the policy needs them (`fix: true` lets the daemon do this)");
		doctor_remedy(doctor, "ethtool -K %s %s", subject->word, options);
	}
	if (subject->has_peer && subject->peer.tx_vlan > 0) {
		doctor_say(
			doctor, doctor_worst(subject),
			"the peer %s hands VLAN tags over beside the frame, where XDP does not see "
			"them, and the policy needs them",
			subject->peer.name);
		doctor_remedy(doctor, "%sethtool -K %s txvlan off", subject->peer_shell,
			      subject->peer_word);
	}
	if (!doctor_said(doctor))
		doctor_say(doctor, LEVEL_OK, "frames come with their VLAN tags");
}
