/* SPDX-License-Identifier: GPL-2.0-only */
#include "offline.h"

#include "datapath.h"
#include "kernel.h"
#include "util.h"

static void datapath_closep(struct datapath **datapath)
{
	datapath_close(*datapath);
}

int offline_set_off(const char *pin_dir, const char *interface, bool off, struct diags *diags)
{
	_cleanup_(datapath_closep) struct datapath *datapath = NULL;
	int r;

	kernel_listen(NULL);
	r = datapath_open(pin_dir, false, &datapath, diags);
	return r < 0 ? r : datapath_set_off(datapath, interface, off, diags);
}

int offline_detach(const char *pin_dir, struct diags *diags)
{
	_cleanup_(datapath_closep) struct datapath *datapath = NULL;
	int r;

	kernel_listen(NULL);
	/* The way out for pins that nobody can make sense of, too. */
	r = datapath_open_ports(pin_dir, &datapath, diags);
	return r < 0 ? r : datapath_detach(datapath, diags);
}
