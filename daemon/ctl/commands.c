/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of commands: dispatch, --help and (checked by a test) completion come from it. */
#include <limits.h>
#include <string.h>

#include "ctl.h"
#include "util.h"

const struct command commands[] = {
	{ "status", "", "show the daemon and its interfaces", 0, 0, 0, run_status },
	{ "stats", "", "show counters by interface and by rule", 0, 1, OWN_WATCH | OWN_INTERFACE,
	  run_stats },
	{ "rules", "", "show the rules in force, in order", 0, 0, 0, run_rules },
	{ "reload", "", "put the policy file in force, or keep the old policy and say why", 0, 0,
	  OWN_RESULT | OWN_ACCEPT_SHRINK | OWN_CHANGE | OWN_IF_CHANGED, run_reload },
	{ "confirm", "", "keep the policy that waits to be confirmed", 0, 0, 0, run_confirm },
	{ "rollback", "[N]", "go back to the policy before, or to number N of the history", 0, 1,
	  OWN_CHANGE, run_rollback },
	{ "history", "", "list the policies that were in force and are kept", 0, 0, 0,
	  run_history },
	{ "apply", "[FILE|-]",
	  "make FILE (-: standard input) the daemon's policy file, and put it in force; 5: changed",
	  0, 1, OWN_ACCEPT_SHRINK | OWN_CHANGE, run_apply },
	{ "check", "FILE", "check a policy file and run its tests here, without the daemon", 1, 1,
	  OWN_BUILTIN | OWN_PRINT | OWN_VERBOSE | OWN_SELF | OWN_AGAINST, run_check },
	{ "diff", "[FILE]", "what would change if FILE (the daemon's own) were in force", 0, 1,
	  OWN_SELF, run_diff },
	{ "explain", "[FILE]",
	  "judge one packet, by a policy file or by what is in force, and say why", 0, 1,
	  OWN_SELF | OWN_IN | OWN_ENGINE | OWN_PACKET, run_explain },
	{ "replay", "[FILE] CAPTURE", "judge the packets of a pcap file by a policy file", 1, 2,
	  OWN_SELF | OWN_IN | OWN_ENGINE | OWN_REPLAY, run_replay },
	{ "trial", "FILE",
	  "judge samples of the packets that arrive now by a policy file, and see what would differ",
	  1, 1, OWN_SELF | OWN_IN | OWN_TRIAL, run_trial },
	{ "fields", "", "list what rules can match, and by which values", 0, 0, 0, run_fields },
	{ "schema", "", "print a JSON Schema of the policy file, for editors", 0, 0, 0,
	  run_schema },
	{ "off", "[IFACE]", "let all packets pass (of one interface) until 'on'", 0, 1, OWN_PIN_DIR,
	  run_off },
	{ "on", "[IFACE]", "filter again", 0, 1, OWN_PIN_DIR, run_on },
	{ "detach", "", "detach from all interfaces and remove all state", 0, 0, OWN_PIN_DIR,
	  run_detach },
	{ "set", "[COMMAND NAME ...]", "add, del, test, list, ...: what is in a live set", 0,
	  INT_MAX, OWN_SET, run_set },
	{ "doctor", "[IFACE ...]", "why attaching would or did fail, and what to do about it", 0,
	  INT_MAX, OWN_DOCTOR | OWN_PIN_DIR, run_doctor },
	{ "help", "[COMMAND]", "explain xdpgate, or a command", 0, 1, 0, run_help },
};
const size_t n_commands = ARRAY_SIZE(commands);

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < n_commands; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}
