/* See live_id.h. */
#include "compat/loop/live_id.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat/loop/stats_layout.h"

void
ev_live_name_(char out[EV_LIVE_NAME_MAX], pid_t pid, uint64_t pid_namespace,
    unsigned copy)
{
	char suffix[16] = "";

	if (copy > 0)
		snprintf(suffix, sizeof(suffix), ".%u", copy);
	snprintf(out, EV_LIVE_NAME_MAX, EV_LIVE_PREFIX "%d.%llu%s", (int)pid,
	    (unsigned long long)pid_namespace, suffix);
}

uint64_t
ev_live_start_of_(pid_t pid)
{
	char path[64] = "/proc/self/stat", text[1024], *p;
	int field, fd;
	ssize_t n;

	/* The number that we have of ourselves may not be that of /proc. */
	if (pid != 0)
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	/* The program's name is field 2, in brackets, and can be anything. */
	p = strrchr(text, ')');
	for (field = 2; p != NULL && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p != NULL ? strtoull(p + 1, NULL, 10) : 0;
}

uint64_t
ev_live_pid_namespace_(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}
