/* The five libraries, and how to tell ours from libevent's. */
#ifndef TOOLS_OURS_H
#define TOOLS_OURS_H

#include <stdbool.h>

enum { OURS_NR = 5 };

/* Core goes before what looks into it. */
extern const char *const ours_sonames[OURS_NR];

enum ours_whose {
	OURS_NOT, /* libevent's, or another copy of it */
	OURS_YES,
	OURS_UNKNOWN, /* the file cannot be read */
};

/* By the mark in the file, wherever it lies. */
enum ours_whose ours_is(const char *path);

/* Does the file carry libevent's code? By the name of a variable that every
 * copy of libevent 1.4 and later asks the environment for. */
bool ours_has_libevent(const char *path);

/* The base name of PATH is one of libevent's libraries of any version. */
bool ours_is_libevent_name(const char *path);

#endif
