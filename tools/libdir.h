/* Where our libraries are. */
#ifndef TOOLS_LIBDIR_H
#define TOOLS_LIBDIR_H

#include <limits.h>
#include <stdbool.h>

/* LIBEVENT_AIO_LIBDIR if that is set; else beside this program, where a build
 * tree or an installation has them; else where they were configured to go. 0,
 * or -1 after a complaint. */
int libdir_find(char out[PATH_MAX]);

/* Is there a file of that name in DIR? */
bool libdir_has(const char *dir, const char *name);

#endif
