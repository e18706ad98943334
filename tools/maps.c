/* See maps.h. */
#include "tools/maps.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *
open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

/* "ADDRESSES PERMS OFFSET DEV INODE   PATH": false if it maps no file. */
static bool
parse(char *line, struct maps_file *out)
{
	static const char deleted[] = " (deleted)";
	char *path = line, *end;
	size_t len;
	int field;

	for (field = 0; field < 4; field++) {
		path += strcspn(path, " ");
		path += strspn(path, " ");
	}
	out->inode = strtoull(path, &end, 10);
	path = end + strspn(end, " ");
	if (*path != '/')
		return false;
	path[strcspn(path, "\n")] = '\0';
	out->path = path;
	len = strlen(path);
	out->deleted =
	    len > sizeof(deleted) - 1 &&
	    strcmp(out->path + len - (sizeof(deleted) - 1), deleted) == 0;
	if (out->deleted)
		path[len - (sizeof(deleted) - 1)] = '\0';
	return true;
}

int
maps_each(pid_t pid, void (*fn)(const struct maps_file *, void *arg), void *arg)
{
	FILE *in = open_proc(pid, "maps");
	struct maps_file file;
	uint64_t last = 0;
	char *line = NULL;
	size_t cap = 0;
	int r = 0;

	if (in == NULL)
		return -errno;
	errno = 0;
	while (getline(&line, &cap, in) > 0) {
		if (parse(line, &file) && file.inode != last) {
			last = file.inode;
			fn(&file, arg);
		}
	}
	if (ferror(in))
		r = errno != 0 ? -errno : -EIO;
	free(line);
	fclose(in);
	return r;
}

void
maps_reach(pid_t pid, const char *path, char out[PATH_MAX])
{
	if (snprintf(out, PATH_MAX, "/proc/%d/root%s", (int)pid, path) >=
	    PATH_MAX)
		out[0] = '\0';
}

void
maps_program_name(pid_t pid, char *out, size_t len)
{
	FILE *in = open_proc(pid, "comm");
	char *c;

	snprintf(out, len, "?");
	if (in == NULL)
		return;
	if (fgets(out, (int)len, in) == NULL)
		snprintf(out, len, "?");
	fclose(in);
	out[strcspn(out, "\n")] = '\0';
	for (c = out; *c != '\0'; c++) {
		if (*c < ' ' || *c == 0x7f) /* it goes to a terminal */
			*c = '?';
	}
}

static int
is_number(const struct dirent *d)
{
	return d->d_name[0] >= '1' && d->d_name[0] <= '9';
}

void
maps_each_process(void (*fn)(pid_t, void *arg), void *arg)
{
	struct dirent **list;
	int i, n = scandir("/proc", &list, is_number, versionsort);

	for (i = 0; i < n; i++) {
		fn((pid_t)strtol(list[i]->d_name, NULL, 10), arg);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

bool
maps_status_line(pid_t pid, const char *name, char *out, size_t len)
{
	FILE *in = open_proc(pid, "status");
	size_t n = strlen(name);
	char line[512];
	bool found = false;

	while (in != NULL && !found && fgets(line, sizeof(line), in) != NULL) {
		if (strncmp(line, name, n) != 0 || line[n] != ':')
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(
		    out, len, "%s", line + n + 1 + strspn(line + n + 1, " \t"));
		found = true;
	}
	if (in != NULL)
		fclose(in);
	return found;
}
