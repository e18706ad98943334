/* The libraries that a program would be given, found by the dynamic loader's
 * rules without running anything: breadth first through DT_NEEDED, each name
 * searched in DT_RPATH, LD_LIBRARY_PATH, DT_RUNPATH, the loader's cache and the
 * default directories. What the program opens by dlopen() is not seen. */
#ifndef TOOLS_CLOSURE_H
#define TOOLS_CLOSURE_H

#include "tools/elf.h"
#include "tools/ldcache.h"

struct closure_lib {
	char *path;
	const char *name; /* as DT_NEEDED has it; of the program: its path */
	struct elf_file elf;
	size_t loader; /* index of the library that asked for it */
};

struct closure {
	struct closure_lib *libs; /* [0] is the program */
	size_t nr, cap;
	const char *library_path; /* LD_LIBRARY_PATH to reckon with, or NULL */
	struct ldcache cache;     /* empty if there is none */
};

/* PROGRAM's ELF file is readable. Libraries that are nowhere are left out: the
 * loader will say so. False when memory runs out. */
bool closure_read(
    struct closure *c, const char *program, const char *library_path);
void closure_free(struct closure *c);

/* The library that serves for this soname, or NULL. */
const struct closure_lib *closure_find(
    const struct closure *c, const char *soname);

#endif
