/* The switch of the whole machine: one file in /etc/ld.so.conf.d, and what the
 * dynamic loader's cache says after ldconfig(8) has read it. */
#ifndef TOOLS_SWITCH_H
#define TOOLS_SWITCH_H

#include <limits.h>
#include <stdbool.h>

#include "tools/ours.h"

/* In front of the file that Debian's libc has there: the first directory that
 * holds a library wins. */
#define SWITCH_FILE "/etc/ld.so.conf.d/00-libevent-aio.conf"

struct switch_site {
	const char *root;      /* "" or a directory that stands for / */
	const char *ldconfig;  /* NULL: where it usually is */
	char libdir[PATH_MAX]; /* ours, as seen from the root */
};

enum switch_state {
	SWITCH_OFF,
	SWITCH_ON,
	SWITCH_HALF, /* the file and the cache do not agree */
};

struct switch_view {
	enum switch_state state;
	bool has_file;
	char file_dir[PATH_MAX]; /* the directory in the file, or "" */
	struct {
		char path[PATH_MAX]; /* "": the cache has none */
		enum ours_whose whose;
	} libs[OURS_NR]; /* by ours_sonames[] */
};

/* What there is; needs no rights. */
void switch_look(const struct switch_site *s, struct switch_view *out);

/* Writes the file, runs ldconfig, and checks that every one of the five now
 * comes from S->libdir, by the cache and by the loader itself. Whatever fails,
 * all is as before when it returns. 0, or -1 after a complaint. */
int switch_on(const struct switch_site *s);

/* Removes the file and what else there may be of it, and runs ldconfig. 0, also
 * if there was nothing to do; -1 after a complaint, with as much done as can
 * be. */
int switch_off(const struct switch_site *s);

#endif
