/* See libdir.h. BINDIR and LIBDIR are as configured; LIBDIR is the libraries'
 * own folder. */
#include "tools/libdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/program.h"

bool
libdir_has(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	return n > 0 && n < PATH_MAX && access(path, R_OK) == 0;
}

/* The absolute path of DIR/MORE into OUT, if our libraries are there. */
static bool
take(const char *dir, const char *more, char out[PATH_MAX])
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s%s", dir, more);

	return n > 0 && n < PATH_MAX && realpath(path, out) != NULL &&
	       libdir_has(out, "libevent_core-2.1.so.7");
}

static bool
own_dir(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	char *slash;

	if (n <= 0)
		return false;
	out[n] = '\0';
	slash = strrchr(out, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	return true;
}

/* An installation below another root (DESTDIR): DIR ends with BINDIR. */
static bool
take_staged(const char *dir, char out[PATH_MAX])
{
	char root[PATH_MAX];
	size_t len = strlen(dir), tail = strlen(BINDIR);

	if (len < tail || strcmp(dir + len - tail, BINDIR) != 0)
		return false;
	snprintf(root, sizeof(root), "%.*s", (int)(len - tail), dir);
	return take(root, LIBDIR, out);
}

static int
check_name(const char *dir)
{
	if (strpbrk(dir, ":; ") == NULL)
		return 0;
	complain(dir, "the dynamic loader cannot be given a directory with a "
		      "colon, semicolon or space in its name");
	return -1;
}

int
libdir_find(char out[PATH_MAX])
{
	const char *given = getenv("LIBEVENT_AIO_LIBDIR");
	char dir[PATH_MAX];

	if (given != NULL && *given != '\0') {
		if (take(given, "", out))
			return check_name(out);
		complain(given, "has no libevent-aio libraries "
				"(LIBEVENT_AIO_LIBDIR)");
		return -1;
	}
	if (own_dir(dir) &&
	    (take(dir, "/../.libs", out) || take_staged(dir, out) ||
		take(dir, "/../lib/libevent-aio", out)))
		return check_name(out);
	if (take(LIBDIR, "", out))
		return check_name(out);
	complain(LIBDIR, "has no libevent-aio libraries; "
			 "set LIBEVENT_AIO_LIBDIR");
	return -1;
}
